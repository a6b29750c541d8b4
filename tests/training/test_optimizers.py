"""Optimisers are torch's, bit for bit, and continue from their named state bit for bit."""

import pytest
import torch
from torch import nn

from deepwright.registries import optimizers
from deepwright.training.optimizers import (
    SGD,
    AdamW,
    load_state_tensors,
    newton_schulz,
    parameter_groups,
    state_tensors,
)


def network():
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 2))
    return made.to(memory_format=torch.channels_last)


def train(net, optimizer, steps, start=0):
    for step in range(start, start + steps):
        x = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()


def groups(net, decay=None, factors=None):
    return parameter_groups(net, [name for name, _ in net.named_parameters()], decay, factors or {})


@pytest.mark.parametrize("kind", optimizers.kinds)
def test_state_round_trip_continues_bit_for_bit(kind):
    settings = optimizers.get(kind)()
    net = network()
    optimizer = settings.build(groups(net))
    train(net, optimizer, 3)
    other = network()
    other.load_state_dict(net.state_dict())
    again = settings.build(groups(other))
    load_state_tensors(again, {name: value.contiguous() for name, value in state_tensors(optimizer).items()})
    train(net, optimizer, 3, start=3)
    train(other, again, 3, start=3)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(
    ("settings", "peer"),
    [
        (AdamW(lr=0.01, weight_decay=0.1), lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1)),
        (
            SGD(lr=0.01, weight_decay=0.1),
            lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1),
        ),
    ],
)
def test_the_same_steps_as_plain_torch(settings, peer):
    ours, theirs = network(), network()
    train(ours, settings.build(groups(ours)), 5)
    matrices = [p for p in theirs.parameters() if p.dim() > 1]
    vectors = [p for p in theirs.parameters() if p.dim() <= 1]
    train(theirs, peer([{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]), 5)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_factors_follow_the_longest_prefix_and_vectors_never_decay():
    net = network()
    made = AdamW(lr=1.0).build(groups(net, 0.3, {"2": 0.5, "2.bias": 0.1}))
    found = {name: (g["lr"], g["weight_decay"]) for g in made.param_groups for name in g["names"]}
    assert found["2.weight"] == (0.5, 0.3)
    assert found["2.bias"] == (0.1, 0.0)
    assert found["0.weight"] == (1.0, 0.3)


def test_newton_schulz_gives_an_almost_orthogonal_matrix():
    matrix = torch.randn(6, 9, generator=torch.Generator().manual_seed(1))
    singular = torch.linalg.svdvals(newton_schulz(matrix, 5))
    assert float(singular.min()) > 0.5
    assert float(singular.max()) < 1.4
