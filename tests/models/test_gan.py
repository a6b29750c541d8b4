"""GAN: pictures of any size, one creation a key."""

from dataclasses import replace

import pytest
import torch

from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Field
from deepwright.models import infer_model
from deepwright.models.gan import GAN, POINT
from deepwright.models.layers.row_points import RowPoints
from deepwright.spaces import Box, Tokens
from tests.models.checks import check_gradients, check_round_trip, check_rows_apart, check_shapes
from tests.models.fakes import CATEGORY, NUMBER, PAIR, batch, picture
from tests.models.fakes import SMALL as CHOICE

SIZES = [(1, 1, 1), (5, 5, 1), (2, 9, 3), (13, 12, 3), (28, 28, 1)]
SMALL = GAN(latent=6, width=4)


def built(shape, settings=SMALL, seed=0):
    torch.manual_seed(seed)
    return settings.build({"p.x": picture(*shape)}, {}, 100)


def created(network, keys, seed=3):
    with torch.no_grad():
        return network.eval().sample(len(keys), Draw(seed).keyed(keys))["p.x"].values


@pytest.mark.parametrize("settings", [SMALL, GAN(latent=1, width=2, blocks=0), GAN(width=3, blocks=2)])
@pytest.mark.parametrize("shape", SIZES)
def test_promises(settings, shape):
    network, data = built(shape, settings), batch({"p.x": picture(*shape)})
    assert not network.couples_rows
    check_shapes(network, data, {"score": 1})
    check_rows_apart(network, data, training=False)
    check_round_trip(network, built(shape, settings, seed=1), data)
    values = created(network, torch.arange(4))
    assert values.shape == (4, *shape)
    assert float(values.abs().max()) <= 3 + 1e-5  # the bounds of the space


def test_every_weight_belongs_to_one_player_and_is_used():
    network = built((13, 12, 3))
    names = [name for name, _ in network.named_parameters()]
    assert {name.split(".")[0] for name in names} == {"generator", "discriminator"}
    check_gradients(network, batch({"p.x": picture(13, 12, 3)}, 32), without=("generator.", "discriminator.score.bias"))
    network.sample(32, Draw(1))["p.x"].values.square().sum().backward()
    for name, parameter in network.generator.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().sum()) > 0, name


def test_a_creation_is_the_same_in_any_company():
    network = built((9, 9, 1))
    whole = created(network, torch.arange(8))
    torch.testing.assert_close(created(network, torch.arange(4)), whole[:4])
    torch.testing.assert_close(created(network, torch.tensor([6, 2])), whole[[6, 2]])
    assert float((whole[1:] - whole[:1]).abs().flatten(1).amax(1).min()) > 1e-3  # and all differ
    assert not torch.allclose(created(network, torch.arange(8), seed=4), whole)


def test_in_half_precision_pictures_and_scores_are_not_rounded():
    """bfloat16 keeps 8 bits: whatever was rounded to it is the same when it is rounded again."""
    network = built((9, 9, 1)).train()
    with torch.autocast("cpu", torch.bfloat16):
        pictures = network.sample(8, Draw(1))["p.x"].values
        scores = network.body({"p.x": Field(pictures)})["score"].values
    for values in (pictures, scores):
        assert values.dtype == torch.float32
        assert not torch.equal(values, values.bfloat16().float())


def test_pictures_have_a_limit_of_gradients_and_small_batches_and_rows_have_not():
    pictures, rows = SMALL.recommended(1000, 784), SMALL.recommended(1000, 2)
    assert (pictures["clip"], pictures["batch"]) == (1.0, 32)
    assert (rows["clip"], rows["batch"]) == (None, 64)
    rates = [GAN(width=width).recommended(1000, 784)["optimizer"]["lr"] for width in (4, 8, None, 16, 32)]
    assert rates == pytest.approx([8e-3, 8e-3, 4e-3, 4e-3, 2e-3])
    assert rows["optimizer"]["lr"] == 1.5e-3


def test_the_score_is_of_pictures_from_minus_one_to_one_whatever_the_bounds():
    network = built((9, 9, 1))
    z = {"p.x": Field(torch.full((1, 9, 9, 1), 3.0))}
    unit = network.discriminator(torch.ones(1, 1, 9, 9))
    torch.testing.assert_close(network.body(z)["score"].values, unit)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        ({}, "creates pictures or plain columns, and here are none"),
        ({"a": picture(9, 9), "b": picture(8, 8)}, "here are 2: a, b. Leave all but one out with --ignore"),
    ],
)
def test_what_it_cannot_create_is_refused(features, words):
    with pytest.raises(Refused, match=words):
        SMALL.takes({name: feature.space for name, feature in features.items()})


def test_other_columns_targets_and_conditions_are_refused():
    spaces = {"a": NUMBER.space, "p": picture(9, 9).space}
    assert SMALL.takes(spaces) == ("p",)
    with pytest.raises(Refused, match=r"creates p alone\. Leave out with --ignore: a"):
        SMALL.build({"a": NUMBER, "p": picture(9, 9)}, {}, 10)
    with pytest.raises(Refused, match="without a target"):
        SMALL.build({"p": picture(9, 9)}, {"logits": 2}, 10)
    with pytest.raises(Refused, match="without the condition 'label'"):
        built((9, 9, 1)).sample(2, Draw(0), {"label": Field(torch.zeros(2, 1))})


def conditioned(seed=0):
    torch.manual_seed(seed)
    return SMALL.build({"p": picture(9, 9), "c": CATEGORY, "d": CHOICE}, {}, 100, ("c", "d"))


def test_conditions_reach_both_players_row_by_row():
    network = conditioned()
    features = {"p": picture(9, 9), "c": CATEGORY, "d": CHOICE}
    data = batch(features, 16)
    network.warm(lambda: iter([data]), {})
    assert network.conditions == ("c", "d")
    z = network.embed(data.inputs)
    other = {**z, "c": Field((z["c"].values + 1) % 5)}
    scores, moved = (network.body(one)["score"].values for one in (z, other))
    assert bool((scores != moved).all())
    wish = {name: data.inputs[name] for name in ("c", "d")}
    draw = Draw(1).keyed(torch.arange(16))
    with torch.no_grad():
        made = network.sample(16, draw, wish)["p"].values
        changed = network.sample(16, draw, {**wish, "c": other["c"]})["p"].values
        part = network.sample(2, Draw(1).keyed(torch.tensor([5, 3])), {n: f[[5, 3]] for n, f in wish.items()})
    assert bool((made != changed).flatten(1).any(1).all())
    torch.testing.assert_close(part["p"].values, made[[5, 3]])
    network.body(z)["score"].values.square().sum().backward()
    network.sample(16, draw, wish)["p"].values.square().sum().backward()
    assert all(float(p.grad.abs().sum()) > 0 for n, p in network.named_parameters() if "wish" in n or "project" in n)


def test_wishes_come_as_often_as_in_training_rows_and_together():
    network = conditioned()
    c = torch.tensor([[4]] * 30 + [[1]] * 10, dtype=torch.int32)
    data = batch({"p": picture(9, 9), "c": CATEGORY, "d": CHOICE}, 40, c=Field(c), d=Field((c == 4).int()))
    network.warm(lambda: iter([data[:25], data[25:]]), {})
    drawn = network.wishes(4000, Draw(3))
    share = (drawn["c"].values == 4).float().mean()
    assert 0.72 < float(share) < 0.78
    assert torch.equal(drawn["d"].values, (drawn["c"].values == 4).int())
    again = network.wishes(2, Draw(3).keyed(torch.tensor([7, 2])))
    assert torch.equal(again["c"].values, network.wishes(8, Draw(3).keyed(torch.arange(8)))["c"].values[[7, 2]])


def test_a_number_cannot_be_wished_for():
    with pytest.raises(Refused, match=r"'a' is none\. Make it one with --set features\.a=category"):
        SMALL.build({"p": picture(9, 9), "a": NUMBER}, {}, 10, ("a",))


def test_one_picture_is_created_by_a_gan_but_nobody_gets_one_unasked():
    assert infer_model({"p": picture(9, 9)}, {}, 1000).settings.kind == "gan"
    with pytest.raises(Refused, match=r"No model that creates takes these columns together: p, q\."):
        infer_model({"p": picture(9, 9), "q": picture(9, 9)}, {}, 1000)
    assert infer_model({"p": picture(9, 9)}, {"logits": 2}, 1000).settings.kind != "gan"


@pytest.mark.parametrize(("steps", "width"), [(300, 8), (2600, 12), (4100, 16), (8400, 16), (15_000, 24), (1e6, 32)])
def test_the_budget_decides_the_width(steps, width):
    sized = GAN().sized_for(steps, True)
    assert sized.width == width
    assert sized.sized_for(steps / 10, True) == sized
    assert GAN(width=5).sized_for(steps, True).width == 5
    assert GAN().sized_for(steps, False).width is None  # of rows: 128


@pytest.mark.parametrize("conditions", [(), ("c",)])
def test_rows_of_plain_columns_have_a_body_of_their_own(conditions):
    torch.manual_seed(0)
    features = {"a": NUMBER, "b": PAIR} | {name: CATEGORY for name in conditions}
    network = GAN(width=8).build(features, {}, 100, conditions)
    data = batch(features)
    network.warm(lambda: iter([data]), {})
    assert network.latent == (3,)
    draw = Draw(1).keyed(torch.arange(50))
    made = network.eval().sample(50, draw)
    assert {name: field.values.shape for name, field in made.items()} == {"a": (50, 1), "b": (50, 2)}
    assert max(float(field.values.detach().abs().max()) for field in made.values()) <= 3.0
    part = network.sample(2, Draw(1).keyed(torch.tensor([9, 4])))
    torch.testing.assert_close(part["b"].values, made["b"].values[[9, 4]])
    check_rows_apart(network, data, training=False)
    assert infer_model({"a": NUMBER, "b": PAIR}, {}, 100).settings.kind in ("gan", "flow")


def test_players_meet_in_points_that_rows_can_have():
    torch.manual_seed(0)
    flagged = Box((2,), -3 * torch.ones(2), 3 * torch.ones(2), torch.tensor([False, True]), torch.ones(2), absent=1)
    points = RowPoints({"x": flagged, "few": Tokens(3), "many": Tokens(40)})
    values = torch.stack([torch.randn(500), (torch.rand(500) < 0.4).float()], 1)
    points.scores.warm(0, values[values[:, 1] < 0.5, 0])
    points.scores.warm(1, values[:, 1])
    raw = torch.randn(64, points.width, requires_grad=True)
    point = points.certain(raw, torch.ones(points.width, dtype=torch.bool))
    few, many = point[:, points.places["few"]], point[:, points.places["many"]]
    torch.testing.assert_close(few.detach().sort(1).values, torch.tensor([-2 / 3, -2 / 3, 4 / 3]).expand(64, 3))
    torch.testing.assert_close(many.detach().abs(), torch.ones_like(many))
    shown = points.without_missing(point)
    gone = points.back(point)["x"].values[:, 1] > 0.5
    assert 0 < int(gone.sum()) < 64
    assert bool((shown[gone, 0] == 0).all())
    torch.testing.assert_close(shown[~gone], point[~gone])
    shown.square().sum().backward()
    assert bool((raw.grad[:, points.places["few"]].abs().sum(1) > 0).all())


def test_labels_that_no_training_row_has_are_never_created():
    torch.manual_seed(0)
    network, data = GAN(width=8).build({"a": NUMBER, "d": CHOICE}, {}, 100), batch({"a": NUMBER, "d": CHOICE}, 40)
    ids = data.inputs["d"].values.clamp(1, 2)
    data = replace(data, inputs={**data.inputs, "d": data.inputs["d"].with_values(ids)})
    before = network.eval().sample(400, Draw(1).keyed(torch.arange(400)))["d"].values
    network.warm(lambda: iter([data]), {})
    after = network.sample(400, Draw(1).keyed(torch.arange(400)))["d"].values
    assert 0 in before
    assert set(after.flatten().tolist()) <= {1, 2}


@pytest.mark.parametrize("conditions", [(), ("c",)])
def test_real_rows_and_creations_meet_in_one_form(conditions):
    torch.manual_seed(0)
    features = {"a": NUMBER, "b": PAIR, "d": CHOICE} | {name: CATEGORY for name in conditions}
    network = GAN(width=8).build(features, {}, 100, conditions)
    data = batch(features)
    network.warm(lambda: iter([data]), {})
    draw = Draw(1).keyed(data.row)
    real = network.staged(network.embed(data.inputs), draw)
    wishes = {name: data.inputs[name] for name in conditions}
    fake = network.forged(len(data), draw, wishes)
    assert real.keys() - set(conditions) == fake.keys() - set(conditions) == {POINT}
    assert real[POINT].values.shape == fake[POINT].values.shape
    torch.testing.assert_close(network.body(fake | wishes)["score"].values, network.directed(fake | wishes)[0].mul(
        network.directed(fake | wishes)[1]).sum(1, keepdim=True) + network.discriminator.score.bias)  # fmt: skip
    made = network.sample(len(data), draw, wishes)
    back = network.units.back(fake[POINT].values)
    for name, field in back.items():
        torch.testing.assert_close(made[name].values, field.values)


def test_a_column_may_be_called_point():
    features = {"point": NUMBER, "(point)": PAIR}
    network = GAN(width=8).build(features, {}, 100)
    data = batch(features)
    network.warm(lambda: iter([data]), {})
    assert network.body(network.embed(data.inputs))["score"].values.shape == (len(data), 1)
