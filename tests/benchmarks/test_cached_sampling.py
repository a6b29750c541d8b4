"""Both ways of the benchmark make the same: with a memory, and by looking at all pieces anew."""

import torch
from benchmarks.cached_sampling import Recomputing, apart, timed

from deepwright.models.autoregressive import Autoregressive
from tests.models.fakes import CATEGORY, NUMBER, PAIR, batch

ROWS = {"a": NUMBER, "b": CATEGORY, "c": PAIR}


def test_the_network_without_a_memory_makes_the_same_rows_by_the_same_logits():
    settings = Autoregressive(width=8, depth=2, heads=2, bins=20)
    torch.manual_seed(3)
    network = settings.build(ROWS, {}, 100).eval()
    network.warm(lambda: iter([batch(ROWS, 64)]), {})
    with torch.inference_mode():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        other = Recomputing(settings, ROWS, {name: feature.space for name, feature in ROWS.items()}, ()).eval()
        other.load_state_dict(network.state_dict())
        made, again = timed(network, 5, 1)[2], timed(other, 5, 1)[2]
        assert all(torch.equal(made[name].values, again[name].values) for name in ROWS)
        assert apart(network, other, made) < 1e-5
        other.trunk.place[2, 0] += 1
        assert apart(network, other, made) > 1e-3
