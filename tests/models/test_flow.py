"""Flow: rows of plain columns as points, velocities of them, and what is made from noise."""

import pytest
import torch

from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field
from deepwright.models import infer_model
from deepwright.models.flow import Flow, FlowKnobs, heun, heun_undone
from deepwright.models.layers.row_points import MOST, RowPoints
from deepwright.spaces import Box, Tokens
from tests.models.fakes import CATEGORY, NUMBER, PAIR, Fake, batch, picture

WIDE = Fake(Tokens(700))
SMALL = Flow(width=8, depth=1)
FEATURES = {"a": NUMBER, "b": CATEGORY, "c": PAIR, "d": WIDE}


def gap() -> Box:
    """A number with a flag for what is missing."""
    frozen = torch.tensor([False, True])
    return Box((2,), torch.tensor([-3.0, 0.0]), torch.tensor([3.0, 1.0]), frozen, torch.ones(2), absent=1)


def built(settings=SMALL, features=FEATURES, conditions=()):
    torch.manual_seed(0)
    network = settings.build(features, {}, 100, conditions)
    network.warm(lambda: iter([batch(features, 64)]), {})
    return network


def test_points_say_every_row_and_come_back():
    points = RowPoints({name: feature.space for name, feature in FEATURES.items()})
    rows = batch(FEATURES, 64)
    points.warm([rows])
    assert points.width == 1 + 2 + 5 + 10  # numbers, labels, binary digits
    back = points.back(points.goal(rows.inputs, Draw(0).keyed(rows.position)))
    assert list(back) == list(FEATURES)
    for name in ("b", "d"):
        assert torch.equal(back[name].values, rows.inputs[name].values)
    for name in ("a", "c"):  # inside the bounds of the space, 3
        torch.testing.assert_close(back[name].values, rows.inputs[name].values.clamp(-3, 3), rtol=1e-3, atol=1e-3)


def test_any_point_is_a_row_inside_the_spaces():
    network = built()
    made = network.points.back(20 * torch.randn(500, network.points.width, generator=torch.Generator().manual_seed(0)))
    assert made["b"].values.dtype == torch.int32
    for name, size in (("b", 5), ("d", 700)):
        assert 0 <= int(made[name].values.min()) <= int(made[name].values.max()) < size
    assert float(made["c"].values.abs().max()) <= 3


def test_what_is_missing_teaches_nothing_and_comes_back_missing():
    points = RowPoints({"x": gap()})
    values = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [-1.0, 0.0]])
    z = {"x": Field(values)}
    points.warm([Batch(z, {}, torch.arange(4), torch.arange(4))])
    assert points.weight(z).tolist() == [[1.0, 1.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    back = points.back(points.goal(z, Draw(0).keyed(torch.arange(4))))
    assert torch.equal(back["x"].values, values)
    known = points.scores.back(torch.linspace(-4, 4, 200)[:, None].expand(200, 2))[:, 0]
    assert set(known.tolist()) == {-1.0, 1.0, 2.0}  # not the 0 that fills gaps


def test_a_missing_cell_adds_no_mistake_but_its_flag():
    points = RowPoints({"x": gap()})
    z = {"x": Field(torch.tensor([[0.0, 1.0]]))}
    raw, velocity = torch.tensor([[5.0, 2.0]]), torch.tensor([[1.0, 1.0]])
    assert points.mistakes(raw, z, torch.zeros(1, 2), velocity, torch.zeros(1)).tolist() == [0.5]


def test_labels_are_guessed_as_the_mean_of_what_may_be_ahead():
    points = RowPoints({"k": Tokens(3)})
    raw = torch.log(torch.tensor([[0.2, 0.3, 0.5]]))
    velocity = points.guess(raw, torch.zeros(1, 3), torch.tensor([0.75]))
    torch.testing.assert_close(velocity, (2 * (torch.tensor([[0.2, 0.3, 0.5]]) - 1 / 3)) / 0.25)
    wide = RowPoints({"k": Tokens(MOST + 1)})
    torch.testing.assert_close(wide.guess(torch.zeros(1, 6), torch.ones(1, 6), torch.zeros(1)), -torch.ones(1, 6))


def test_heun_is_of_second_order():
    def error(steps):
        return abs(float(heun(lambda x, t: torch.cos(torch.tensor(t)) * x, torch.ones(1), steps)) - 2.319776824715853)

    assert error(64) < 1e-3
    assert error(128) < 0.35 * error(64)


def test_steps_are_undone():
    def to_a_picture(x, t):  # the best guess of what lies ahead where data is normal with variance 1/4
        return (x * t / (4 * (t**2 / 4 + (1 - t) ** 2)) - x) / (1 - t)

    for velocity in (lambda x, t: torch.cos(torch.tensor(t)) * x, to_a_picture):
        goal = torch.linspace(-0.9, 0.9, 7)
        back = heun_undone(velocity, goal, 16)
        last = goal * 15 / 16  # the last step is not undone
        torch.testing.assert_close(heun(velocity, back, 16), last + velocity(last, 15 / 16) / 16, rtol=0, atol=1e-4)
        assert float(back.abs().max()) < 2  # as usual as the data


def test_knobs_change_what_is_made():
    network = built()
    with torch.no_grad():
        network.velocity.out.weight.normal_(generator=torch.Generator().manual_seed(3))
    draw, several = Draw(1).keyed(torch.arange(16)), ({}, {"steps": 1}, {"temperature": 0.0})
    with torch.no_grad():
        plain, few, cold = (network.sample(16, draw, knobs=FlowKnobs(**knobs))["c"].values for knobs in several)
    assert not torch.allclose(plain, few)
    assert float(cold.std(0).max()) < 1e-6 < float(plain.std(0).max())


def stirred(network):
    """With no weight at nothing."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4)))
    return network


def test_wishes_are_heard_unless_they_are_hidden_and_guidance_exaggerates_them():
    features = {"a": NUMBER, "c": PAIR, "label": CATEGORY}
    network = stirred(built(SMALL, features, ("label",)))
    data, draw = batch(features, 6), Draw(0).keyed(torch.arange(6))
    z = network.embed(data.inputs)
    goal = network.goal(z, draw)
    noise, time = torch.zeros_like(goal), torch.full((6,), 0.5)
    heard = torch.tensor([True, False, True, True, False, True])
    told, hidden, mixed = (network.mistakes(z, goal, noise, time, None, who) for who in (None, ~heard & heard, heard))
    assert torch.equal(mixed[heard], told[heard])
    assert torch.equal(mixed[~heard], hidden[~heard])
    assert not torch.isclose(told, hidden).any()
    with torch.no_grad():
        made = {
            g: network.sample(6, draw, {"label": data.inputs["label"]}, FlowKnobs(guidance=g)) for g in (0.0, 1.0, 2.0)
        }
        plain = network.from_latents(network.latents(6, draw))
    assert list(made[1.0]) == ["a", "c"]
    assert torch.equal(made[0.0]["c"].values, plain["c"].values)
    assert not torch.allclose(made[1.0]["c"].values, plain["c"].values)
    assert not torch.allclose(made[1.0]["c"].values, made[2.0]["c"].values)


def test_what_it_cannot_create_is_refused():
    with pytest.raises(Refused, match=r"creates pictures or plain columns, and here are none: s\."):
        Flow().takes({"s": Tokens(9, (4,))})
    with pytest.raises(Refused, match=r"here are 2: p, q\. Leave all but one out with --ignore"):
        Flow().takes({"p": picture(9, 9).space, "q": picture(8, 8).space})
    assert Flow().takes({"p": picture(9, 9).space, "a": NUMBER.space}) == ("p",)
    with pytest.raises(Refused, match=r"creates p alone\. Leave out with --ignore: a\."):
        Flow().build({"p": picture(9, 9), "a": NUMBER}, {}, 10)
    with pytest.raises(Refused, match="without a target"):
        Flow().build({"a": NUMBER}, {"logits": 2}, 10)
    with pytest.raises(Refused, match="without the condition 'label'"):
        built().sample(2, Draw(0), {"label": Field(torch.zeros(2, 1))})


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 5, 1), (2, 9, 3), (28, 28, 1), (48, 41, 3)])
def test_pictures_of_any_size_come_back_and_lie_inside_the_bounds(shape):
    features = {"p": picture(*shape)}
    network, data = built(SMALL, features), batch(features, 3)
    z = network.embed(data.inputs)
    goal = network.goal(z, Draw(0))
    assert goal.shape == (3, shape[2], *shape[:2])
    torch.testing.assert_close(network.points.back(goal)["p"].values, z["p"].values)
    far = network.points.back(5 * goal.sign() + 0.1)["p"].values
    assert float(far.abs().max()) <= 3 + 1e-5
    with torch.no_grad():
        made = network.sample(2, Draw(1).keyed(torch.arange(2)), knobs=FlowKnobs(steps=2))["p"].values
    assert made.shape == (2, *shape)


def test_pictures_are_guessed_whole_and_velocities_lead_to_them():
    points = built(SMALL, {"p": picture(4, 4)}).points
    goal, noise = torch.rand(2, 1, 4, 4) - 0.5, torch.randn(2, 1, 4, 4)
    time = torch.tensor([0.25, 0.75])
    point = torch.lerp(noise, goal, time[:, None, None, None])
    torch.testing.assert_close(
        points.guess(goal, point, time), goal - noise
    )  # the truth is guessed: the velocity is true
    raw = goal + 0.1
    missed = (points.guess(raw, point, time) - (goal - noise)).square().flatten(1).mean(1)
    torch.testing.assert_close(points.mistakes(raw, {}, goal, goal - noise, time), missed)
    late = points.mistakes(raw, {}, goal, goal - noise, torch.tensor([0.95, 1.0]))
    torch.testing.assert_close(late, torch.full((2,), (0.1 / 0.05) ** 2))  # and no more at the very end


def test_weights_of_pictures_from_before_which_guessed_velocities_do_not_fit():
    names = {name.split(".")[0] for name, _ in built(SMALL, {"p": picture(4, 4)}).named_parameters()}
    assert names == {"denoiser"}
    assert {name.split(".")[0] for name, _ in built().named_parameters()} == {"velocity"}


def test_one_leap_makes_the_picture_that_is_guessed_from_noise():
    network = stirred(built(Flow(width=8, depth=1, leaps=0.3), {"p": picture(8, 8)}))
    latents = network.latents(3, Draw(1).keyed(torch.arange(3)))
    with torch.no_grad():
        made = network.from_latents(latents, None, FlowKnobs(steps=1))["p"].values
        guessed = network.denoiser(latents, torch.zeros(3), network.reach[:1].expand(3, -1))
    torch.testing.assert_close(made, network.points.back(guessed)["p"].values)


def test_recipes_without_leaps_read_as_before_there_were_any():
    assert Flow().model_dump(mode="json") == {"kind": "flow", "width": None, "depth": None, "dropout": 0.0}
    assert Flow(leaps=0.3).model_dump()["leaps"] == 0.3
    assert not hasattr(built(), "reach")


def test_few_steps_are_leaps_where_they_were_learnt():
    network = stirred(built(Flow(width=8, depth=1, leaps=0.3)))
    with torch.no_grad():
        plain = built(SMALL)
        plain.load_state_dict({name: value for name, value in network.state_dict().items() if name != "reach"})
        latents = network.latents(5, Draw(1).keyed(torch.arange(5)))
        for steps, same in ((1, False), (2, False), (3, True), (4, False), (8, False), (16, True)):
            ours, theirs = (
                one.from_latents(latents, None, FlowKnobs(steps=steps))["c"].values for one in (network, plain)
            )
            assert torch.equal(ours, theirs) == same
        time, kind = torch.zeros(5), torch.ones(5, dtype=torch.int64)
        half = latents + network.ahead({}, latents, time, kind) / 2
        two = half + network.ahead({}, half, time + 0.5, kind) / 2
        made = network.from_latents(latents, None, FlowKnobs(steps=2))["c"].values
    torch.testing.assert_close(made, network.points.back(two)["c"].values)


def test_a_leap_that_has_learnt_nothing_is_a_step_along_the_velocity():
    network = built(Flow(width=8, depth=1, leaps=0.3))
    point, time = torch.randn(4, network.points.width), torch.full((4,), 0.25)
    with torch.no_grad():
        network.velocity.out.weight.normal_()
        still = network.ahead({}, point, time, None)
        for kind in range(5):
            assert torch.equal(network.ahead({}, point, time, torch.full((4,), kind)), still)


def test_answers_are_still_given_by_networks_that_answer():
    assert infer_model({"a": NUMBER}, {"logits": 2}, 1000).settings.kind == "mlp"


@pytest.mark.parametrize(
    ("rows", "values", "batch"), [(60_000, 40, 512), (60_000, 784, 32), (3_000, 5, 128), (3_000, 12_288, 32)]
)
def test_a_batch_of_pictures_is_small(rows, values, batch):
    assert Flow().recommended(rows, values)["batch"] == batch
