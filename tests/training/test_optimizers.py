"""Optimisers are torch's, and continue from their named state bit for bit."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from deepwright.core.errors import DeepwrightError, RecipeError, RunError
from deepwright.registries import optimizers
from deepwright.training import muon
from deepwright.training.muon import Muon, newton_schulz
from deepwright.training.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    RMSprop,
    load_state_tensors,
    parameter_groups,
    state_tensors,
)


def network():
    """Convolutions in channels_last, two linear layers, a scalar; the last layer's weight is the last matrix."""
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(2, 6, 3), nn.Conv2d(6, 4, 1), nn.Flatten(), nn.Linear(16, 5), nn.PReLU(), nn.Linear(5, 2)
    )
    made.register_parameter("scale", nn.Parameter(torch.tensor(1.5)))
    return made.to(memory_format=torch.channels_last)


def train(net, optimizer, steps, start=0):
    for step in range(start, start + steps):
        x = torch.randn(8, 2, 4, 4, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        (net(x) * net.scale).square().mean().backward()
        optimizer.step()


def groups(net, decay=None, factors=None):
    return parameter_groups(net, [name for name, _ in net.named_parameters()], decay, factors or {})


def stored(optimizer):
    """The state through the file format: contiguous, on the CPU, no pickle."""
    return load(save({name: value.contiguous() for name, value in state_tensors(optimizer).items()}))


def assert_same_bits(one, other):
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b), name


SETTINGS = [optimizers.get(kind)() for kind in optimizers.kinds] + [
    SGD(momentum=0.0, weight_decay=0.1),
    RMSprop(momentum=0.5, centered=True),
    Muon(nesterov=False),
]


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: s.kind)
def test_state_round_trip_continues_bit_for_bit(settings, before):
    net = network()
    optimizer = settings.build(groups(net))
    train(net, optimizer, before)
    other = network()
    other.load_state_dict(net.state_dict())
    again = settings.build(groups(other))
    load_state_tensors(again, stored(optimizer))
    train(net, optimizer, 3, start=before)
    train(other, again, 3, start=before)
    assert_same_bits(net, other)
    mine, its = state_tensors(optimizer), state_tensors(again)
    assert set(mine) == set(its)
    assert all(torch.equal(mine[n], its[n]) and mine[n].stride() == its[n].stride() for n in mine)


@pytest.mark.parametrize("kind", optimizers.kinds)
def test_loading_forgets_what_was_there(kind):
    fresh, used = network(), network()
    optimizer, late = (optimizers.get(kind)().build(groups(net)) for net in (fresh, used))
    train(used, late, 2)
    load_state_tensors(late, stored(optimizer))
    used.load_state_dict(fresh.state_dict())
    train(fresh, optimizer, 2)
    train(used, late, 2)
    assert_same_bits(fresh, used)


@pytest.mark.parametrize("kind", optimizers.kinds)
def test_loaded_state_shares_no_memory(kind):
    net = network()
    optimizer = optimizers.get(kind)().build(groups(net))
    train(net, optimizer, 1)
    kept = {name: value.clone() for name, value in state_tensors(optimizer).items()}
    given = {name: value.clone() for name, value in kept.items()}
    load_state_tensors(optimizer, given)
    train(net, optimizer, 1)
    assert all(torch.equal(given[name], kept[name]) for name in kept)


def test_state_is_named_by_parameter_and_entry():
    net = network()
    optimizer = AdamW().build(groups(net))
    assert state_tensors(optimizer) == {}
    train(net, optimizer, 2)
    found = state_tensors(optimizer)
    assert set(found) == {f"{n}/{e}" for n, _ in net.named_parameters() for e in ("step", "exp_avg", "exp_avg_sq")}
    assert found["0.weight/step"] == 2
    load_state_tensors(optimizer, {})
    assert state_tensors(optimizer) == {}


def test_state_of_another_network_is_refused():
    optimizer = AdamW().build(groups(network()))
    with pytest.raises(RunError, match=r"'body\.weight'"):
        load_state_tensors(optimizer, {"body.weight/exp_avg": torch.zeros(2)})


def test_state_that_is_no_tensor_is_refused():
    net = network()
    optimizer = AdamW().build(groups(net))
    optimizer.state[net.scale]["count"] = 3
    with pytest.raises(DeepwrightError, match="'count' of 'scale' as int"):
        state_tensors(optimizer)


PEERS = [
    (SGD(lr=0.01, weight_decay=0.1), torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (SGD(lr=0.01, momentum=0.0), torch.optim.SGD, {}),
    (Adam(lr=0.01, weight_decay=0.1), torch.optim.Adam, {}),
    (AdamW(lr=0.01, weight_decay=0.1, betas=(0.8, 0.9)), torch.optim.AdamW, {"betas": (0.8, 0.9)}),
    (RMSprop(lr=0.01, momentum=0.5, centered=True), torch.optim.RMSprop, {"momentum": 0.5, "centered": True}),
    (Adagrad(lr=0.01), torch.optim.Adagrad, {}),
]


@pytest.mark.parametrize("l2", [None, 0.3])
@pytest.mark.parametrize(("settings", "peer", "more"), PEERS, ids=lambda v: getattr(v, "kind", ""))
def test_the_same_steps_as_plain_torch(settings, peer, more, l2):
    ours, theirs = network(), network()
    train(ours, settings.build(groups(ours, l2)), 5)
    matrices = [p for p in theirs.parameters() if p.dim() > 1]
    vectors = [p for p in theirs.parameters() if p.dim() <= 1]
    split = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    decay = settings.weight_decay if l2 is None else l2
    train(theirs, peer(split, lr=settings.lr, weight_decay=decay, **more), 5)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_fused_where_the_device_can():
    for settings in (SGD(), Adam(), AdamW(), Adagrad()):
        assert all(group["fused"] is True for group in settings.build(groups(network())).param_groups)
        complex_weights = [{"params": [nn.Parameter(torch.ones(2, dtype=torch.complex64))], "names": ["w"]}]
        assert all(group["fused"] is None for group in settings.build(complex_weights).param_groups)


@pytest.mark.parametrize("kind", optimizers.kinds)
def test_a_gradient_of_another_layout_gives_the_same_step(kind):
    steps = []
    for layout in (torch.channels_last, torch.contiguous_format):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(2, 2)).to(memory_format=torch.channels_last)
        with torch.no_grad():
            net[0].weight.copy_(torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(1)))
        gradient = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(2))
        optimizer = optimizers.get(kind)().build(groups(net))
        for _ in range(2):
            net[0].weight.grad = gradient.clone(memory_format=layout)
            optimizer.step()
        steps.append(net[0].weight.detach().clone())
    assert torch.equal(*steps)


@pytest.mark.parametrize("kind", optimizers.kinds)
def test_a_gradient_may_come_late_or_stay_away(kind):
    together, apart = nn.ParameterList([torch.ones(3), torch.ones(3)]), nn.ParameterList([torch.ones(3)])
    both, alone = (optimizers.get(kind)().build(groups(made)) for made in (together, apart))
    for step in range(3):
        together[0].grad = torch.full((3,), 0.5) if step != 1 else None
        together[1].grad = torch.full((3,), 0.7) if step else None
        both.step()
        if step:
            apart[0].grad = torch.full((3,), 0.7)
            alone.step()
    assert torch.equal(together[1], apart[0])


def test_factors_follow_the_longest_prefix_and_vectors_never_decay():
    net = network()
    made = AdamW(lr=1.0).build(groups(net, 0.3, {"3": 0.5, "3.bias": 0.1}))
    found = {name: (g["lr"], g["weight_decay"]) for g in made.param_groups for name in g["names"]}
    assert found["3.weight"] == (0.5, 0.3)
    assert found["3.bias"] == (0.1, 0.0)
    assert found["0.weight"] == (1.0, 0.3)
    assert found["scale"] == (1.0, 0.0)


def test_without_weight_decay_the_optimisers_own_applies_and_embeddings_never_decay():
    net = nn.ModuleDict({"table": nn.Embedding(4, 3), "bags": nn.EmbeddingBag(4, 3), "out": nn.Linear(3, 4)})
    plain = groups(net)
    assert {n: g.get("weight_decay") for g in plain for n in g["names"]} == {
        "table.weight": 0.0, "bags.weight": 0.0, "out.weight": None, "out.bias": 0.0,
    }  # fmt: skip
    made = AdamW().build(plain)
    assert {n: g["weight_decay"] for g in made.param_groups for n in g["names"]}["out.weight"] == 0.01
    assert [n for g in parameter_groups(net, ["out.bias"], None, {}) for n in g["names"]] == ["out.bias"]


@pytest.mark.parametrize("kind", optimizers.kinds)
def test_nothing_to_train_is_said(kind):
    with pytest.raises(RecipeError, match="Nothing is left to train"):
        optimizers.get(kind)().build([])


def test_newton_schulz_gives_an_almost_orthogonal_matrix():
    matrix = torch.randn(6, 9, generator=torch.Generator().manual_seed(1))
    for one in (matrix, matrix.T):
        singular = torch.linalg.svdvals(newton_schulz(one, 5))
        assert newton_schulz(one, 5).shape == one.shape
        assert float(singular.min()) > 0.5
        assert float(singular.max()) < 1.4
    assert not newton_schulz(torch.zeros(3, 2), 5).any()


def test_matrices_are_turned_together_as_they_are_alone(monkeypatch):
    many = torch.randn(3, 6, 9, generator=torch.Generator().manual_seed(1))
    for matrices in (many, many.mT):
        torch.testing.assert_close(newton_schulz(matrices, 5), torch.stack([newton_schulz(m, 5) for m in matrices]))
    found = []
    for small in (muon._SMALL, 20):  # of the values of a matrix; the second: all alone, but for two
        monkeypatch.setattr(muon, "_SMALL", small)
        torch.manual_seed(0)
        net = nn.Sequential(*(nn.Linear(*shape) for shape in ((4, 5), (5, 4), (4, 5), (5, 6), (6, 5), (5, 6), (6, 2))))
        made = Muon().build(groups(net))
        for step in range(3):
            made.zero_grad()
            net(torch.randn(8, 4, generator=torch.Generator().manual_seed(step))).square().mean().backward()
            made.step()
        found.append(net.state_dict())
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name])


@pytest.mark.parametrize("shape", [(7, 4), (4, 7)])
def test_muon_is_torchs_for_matrices(shape):
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon")
    weights = [nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(1))) for _ in range(2)]
    group = {"params": weights[:1], "names": ["w"], "factor": 0.5, "hidden": True}
    ours = Muon(lr=0.02, weight_decay=0.1).build([group])
    theirs = torch.optim.Muon(weights[1:], lr=0.01, weight_decay=0.1)
    for step in range(5):
        for weight in weights:
            weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(step))
        ours.step()
        theirs.step()
    torch.testing.assert_close(*weights, rtol=0, atol=2e-3)  # torch iterates in bfloat16


def test_muon_leaves_edges_vectors_tables_and_stacks_to_adamw():
    net = nn.ModuleDict(
        {
            "embedders": nn.ModuleDict({"a": nn.Linear(3, 4)}),
            "table": nn.Embedding(3, 4),
            "conv": nn.Conv1d(4, 4, 3),
            "first": nn.Linear(4, 4),
            "mixer": nn.GRU(4, 4),
            "heads": nn.ModuleDict({"y": nn.Linear(4, 2)}),
        }
    )
    net["first"].register_parameter("position", nn.Parameter(torch.zeros(5, 4)))
    net["first"].register_parameter("weights", nn.Parameter(torch.zeros(2, 5, 4)))
    made = Muon(lr=0.02, adam_lr=0.003).build(groups(net, factors={"conv": 0.5}))
    rates = {name: g["lr"] for g in made.param_groups if g["muon"] for name in g["names"]}
    assert rates == {
        "conv.weight": 0.01, "first.weight": 0.02, "mixer.weight_ih_l0": 0.02, "mixer.weight_hh_l0": 0.02,
    }  # fmt: skip
    rest = {name: g["lr"] for g in made.param_groups if not g["muon"] for name in g["names"]}
    assert rest.keys() | rates.keys() == {name for name, _ in net.named_parameters()}
    assert rest["heads.y.weight"] == 0.003
    assert rest["conv.bias"] == 0.0015


def test_muons_rest_is_torchs_adamw_and_follows_the_schedule():
    ours, theirs = network(), network()
    made = Muon(edges=("0", "1", "3"), adam_lr=0.01).build(groups(ours))
    assert not any(group["muon"] for group in made.param_groups)
    peer = AdamW(lr=0.01).build(groups(theirs))
    for step in range(4):
        for optimizer in (made, peer):
            for group in optimizer.param_groups:
                group["lr"] = 0.01 * (1 - step / 4)
        train(ours, made, 1, start=step)
        train(theirs, peer, 1, start=step)
    assert_same_bits(ours, theirs)


def test_making_and_stepping_optimisers_loads_no_compiler():
    code = "import sys, torch; from deepwright.training.muon import Muon; from deepwright.training.optimizers import AdamW, parameter_groups as groups, take_step; "
    code += "net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)); names = [n for n, _ in net.named_parameters()]; "
    code += "made = [kind().build(groups(net, names, None, {})) for kind in (AdamW, Muon)]; net(torch.ones(2, 3)).sum().backward(); "
    code += "[(take_step(one), one.zero_grad()) for one in made]; sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
