"""Supervised: what is mixed in the inputs is mixed alike in the losses."""

from dataclasses import replace

import polars as pl
import pytest
import torch
from torch import nn

from deepwright.contracts import Network
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field
from deepwright.objectives.supervised import Supervised, fold_members
from deepwright.spaces import Box
from deepwright.tasks.classify import Classify
from deepwright.tasks.regress import Regress
from tests.models.fakes import CATEGORY, NUMBER, Fake, box, picture

ROWS = 6


class Echo(Network):
    """Remembers the `z` it was given; its outputs are a linear map of the means."""

    def __init__(self, members=1, width=2, categories=()):
        super().__init__()
        self.members = members
        self.map = nn.Linear(1, members * width)
        self.table = nn.Embedding(5, 3)
        self._categories = categories

    def embed(self, inputs):
        return {
            name: field.with_values(
                self.table(field.values[:, 0]) if name in self._categories else field.values.float()
            )
            for name, field in inputs.items()
        }

    def body(self, z, draw=None):
        self.seen = z
        mean = sum(field.values.flatten(1).mean(1, keepdim=True) for field in z.values())
        out = self.map(mean)
        return {"logits": Field(out if self.members == 1 else out.unflatten(1, (self.members, -1)))}


def task():
    frame = pl.DataFrame({"t": ["a", "b"]})
    return Classify().fit(Classify().summarise(frame), ["t"])


def batch(features, label=(0, 1, 0, 1, 0, 1), present=None, offset=0.0):
    generator = torch.Generator().manual_seed(0)
    own = {name: feature.random(ROWS, generator) for name, feature in features.items()}
    if offset:
        own = {name: field.with_values(field.values + offset) for name, field in own.items()}
    targets = {"t": Field(torch.tensor(label)[:, None], present=present)}
    return Batch(own, targets, torch.arange(ROWS), torch.arange(ROWS))


def paired(features, **more):
    """Rows with the rows in reverse as mates, labels included."""
    one = batch(features, **more)
    back = torch.arange(ROWS).flip(0)
    return Batch(one.inputs, one.targets, one.row, one.position, mate=one[back])


def bound(features, network, **settings):
    return Supervised(**settings).bind(task(), features, network)


def both(objective, network, data, draw):
    reps = objective.represent("network", network, data, draw.keyed(data.position))
    return reps, objective.loss("network", reps, data, draw.keyed(data.position)).value


def test_plain_loss_is_the_tasks():
    features, network = {"x": NUMBER}, Echo()
    objective = bound(features, network)
    data = batch(features)
    reps, loss = both(objective, network, data, Draw(0))
    assert torch.equal(loss, task().loss({"logits": Field(reps["logits"])}, data.targets))
    assert not objective.mates
    assert bound(features, network, mixup=0.2).mates


def test_mixup_by_hand():
    features, network = {"x": NUMBER, "y": Fake(box(2))}, Echo()
    objective = bound(features, network, mixup=1.0)
    data = paired(features)
    shares = set()
    for step in range(5):
        reps, loss = both(objective, network, data, Draw(0, step))
        own, mate = (one.inputs["x"].values for one in (data, data.mate))
        share = float(((network.seen["x"].values - mate) / (own - mate)).median())
        assert 0 < share < 1
        for name in features:
            mixed = share * data.inputs[name].values + (1 - share) * data.mate.inputs[name].values
            assert torch.allclose(network.seen[name].values, mixed, atol=1e-5)
        out = {"logits": Field(reps["logits"])}
        wanted = share * task().loss(out, data.targets) + (1 - share) * task().loss(out, data.mate.targets)
        assert torch.allclose(loss, wanted, atol=1e-5)
        shares.add(round(share, 5))
    assert len(shares) == 5


@pytest.mark.parametrize("shape", [(28, 28, 1), (5, 9, 3), (1, 1, 1), (16, 16, 2)])
def test_the_share_of_cutmix_is_the_area_that_was_not_pasted(shape):
    features, network = {"p": Fake(box(*shape)), "x": NUMBER}, Echo()
    objective = bound(features, network, cutmix=1.0)
    data = paired(features)
    areas = set()
    for step in range(12):
        reps, loss = both(objective, network, data, Draw(4, step))
        from_mate = network.seen["p"].values == data.mate.inputs["p"].values
        pasted = from_mate[0, :, :, 0]
        assert bool((from_mate == pasted[None, :, :, None]).all())
        assert torch.equal(network.seen["p"].values[~from_mate], data.inputs["p"].values[~from_mate])
        rows, columns = pasted.any(1), pasted.any(0)
        assert int(pasted.sum()) == int(rows.sum() * columns.sum()), "a rectangle"
        assert torch.equal(network.seen["x"].values, data.inputs["x"].values)
        share = 1 - float(pasted.float().mean())
        out = {"logits": Field(reps["logits"])}
        wanted = share * task().loss(out, data.targets) + (1 - share) * task().loss(out, data.mate.targets)
        assert torch.allclose(loss, wanted, atol=1e-5)
        areas.add(share)
    assert len(areas) >= 2


def test_with_mixup_and_cutmix_a_step_does_one():
    features, network = {"p": Fake(box(8, 8, 1))}, Echo()
    objective = bound(features, network, mixup=1.0, cutmix=1.0)
    data = paired(features)
    kinds = set()
    for step in range(20):
        both(objective, network, data, Draw(1, step))
        seen = network.seen["p"].values
        kinds.add(bool(((seen == data.inputs["p"].values) | (seen == data.mate.inputs["p"].values)).all()))
    assert kinds == {True, False}


@pytest.mark.parametrize("settings", [{"mixup": 0.4}, {"cutmix": 1.0}, {"input_noise": 0.3}])
def test_a_split_batch_is_mixed_alike(settings):
    features, network = {"p": Fake(box(6, 6, 1)), "x": NUMBER}, Echo()
    objective = bound(features, network, **settings)
    data = paired(features)
    data = data if "input_noise" not in settings else batch(features)
    _, whole = both(objective, network, data, Draw(2, 3))
    parts = [both(objective, network, part, Draw(2, 3))[1] for part in data.split(4)]
    assert torch.allclose(torch.cat(parts), whole, atol=1e-6)


def test_a_mate_without_a_target_teaches_nothing():
    features, network = {"x": NUMBER}, Echo()
    objective = bound(features, network, mixup=1.0)
    present = torch.tensor([True, True, True, True, True, False])
    data = paired(features, present=present)
    reps, loss = both(objective, network, data, Draw(0))
    assert objective.weight("network", data).tolist() == [1, 1, 1, 1, 1, 0]
    own = task().loss({"logits": Field(reps["logits"])}, data.targets)
    assert torch.equal(loss[0], own[0])
    assert not torch.allclose(loss[1], own[1])


def test_input_noise_respects_what_is_frozen_and_what_has_no_scale():
    zero = torch.zeros(())
    flagged = Fake(Box((3,), zero - 3, zero + 3, torch.tensor([False, True, False]), zero + 1))
    features = {"x": flagged, "c": CATEGORY, "p": Fake(box(4, 4, 1))}
    network = Echo(categories=("c",))
    data = batch(features)
    both(bound(features, network, input_noise=0.5), network, data, Draw(0))
    moved = network.seen["x"].values - data.inputs["x"].values
    assert moved[:, 1].tolist() == [0.0] * ROWS
    assert bool((moved[:, [0, 2]] != 0).all())
    assert torch.equal(network.seen["p"].values, data.inputs["p"].values)
    assert torch.equal(network.seen["c"].values, network.table(data.inputs["c"].values[:, 0]))


def test_input_noise_has_the_asked_deviation():
    features, network = {"x": Fake(box(1))}, Echo()
    values = torch.zeros(4000, 1)
    data = Batch({"x": Field(values)}, {}, torch.arange(4000), torch.arange(4000))
    bound(features, network, input_noise=0.25).represent("network", network, data, Draw(0).keyed(data.position))
    assert float(network.seen["x"].values.std()) == pytest.approx(0.25, rel=0.05)


def test_members_have_the_mean_of_their_losses():
    features, network = {"x": NUMBER}, Echo(members=3)
    data = batch(features)
    reps, loss = both(bound(features, network), network, data, Draw(0))
    each = [task().loss({"logits": Field(reps["logits"][:, k])}, data.targets) for k in range(3)]
    assert torch.allclose(loss, torch.stack(each).mean(0), atol=1e-6)
    flat, repeated, members = fold_members({"logits": Field(reps["logits"])}, data.targets)
    assert (members, flat["logits"].values.shape, len(repeated["t"])) == (3, (ROWS * 3, 2), ROWS * 3)


def test_weights_of_rows_and_targets_multiply():
    features, network = {"x": NUMBER}, Echo()
    one = batch(features, present=torch.tensor([True, False] * 3))
    data = Batch(one.inputs, one.targets, one.row, one.position, weight=torch.arange(6.0))
    assert bound(features, network).weight("network", data).tolist() == [0, 0, 2, 0, 4, 0]


def test_what_does_not_fit_is_refused():
    network = Echo()
    with pytest.raises(Refused, match="needs a target"):
        Supervised().bind(None, {"x": NUMBER}, network)
    with pytest.raises(Refused, match="cutmix needs a picture input"):
        Supervised(cutmix=1.0).bind(task(), {"x": NUMBER, "c": CATEGORY}, network)
    Supervised(cutmix=1.0).bind(task(), {"x": NUMBER, "p": picture(5, 5)}, network)

    class Coupled:
        coupled = True
        kind = "survive"

    with pytest.raises(Refused, match="mixup and cutmix cannot be used with the task 'survive'"):
        Supervised(mixup=0.1).bind(Coupled(), {"x": NUMBER}, network)


def test_numbers_are_mixed_too():
    features, network = {"x": NUMBER}, Echo(width=1)
    frame = pl.DataFrame({"t": [0.0, 1.0]})
    fitted = Regress().fit(Regress().summarise(frame), ["t"])
    objective = Supervised(mixup=1.0).bind(fitted, features, network)
    one = batch(features)
    targets = {"t": Field(torch.linspace(-1, 1, ROWS)[:, None])}
    data = Batch(one.inputs, targets, one.row, one.position)
    data = Batch(one.inputs, targets, one.row, one.position, mate=data[torch.arange(ROWS).flip(0)])
    reps = {"value": torch.zeros(ROWS, 1)}
    loss = objective.loss("network", reps, data, Draw(0)).value
    assert torch.allclose(loss, targets["t"].values[:, 0].square())


def test_every_second_picture_is_mirrored_where_that_keeps_the_meaning():
    features = {"p": Fake(replace(box(4, 4, 1), mirror=True)), "q": Fake(box(4, 4, 1)), "x": NUMBER}
    network = Echo()
    data = batch(features)
    seen = {name: [] for name in features}
    for step in range(40):
        both(bound(features, network, augment=0.0), network, data, Draw(0, step))
        for name, field in network.seen.items():
            seen[name].append(field.values)
    given = {name: field.values.float() for name, field in data.inputs.items()}
    assert all(torch.equal(one, given[name]) for name in ("q", "x") for one in seen[name])
    as_given = torch.stack([(one == given["p"]).flatten(1).all(1) for one in seen["p"]])
    turned = torch.stack([(one == given["p"].flip(-2)).flatten(1).all(1) for one in seen["p"]])
    assert bool((as_given | turned).all())
    assert 0.4 < float(turned.float().mean()) < 0.6
    both(bound(features, network, augment=0.0, mirror=False), network, data, Draw(0))
    assert torch.equal(network.seen["p"].values, given["p"])
