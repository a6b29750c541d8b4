"""Flow matching: the mistake of a network whose velocity can be worked out, times, and what it judges."""

import pytest
import torch
from torch import nn

from deepwright.contracts import Network
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field
from deepwright.models.mlp import MLP
from deepwright.objectives.flow import Flow
from tests.models.fakes import NUMBER


class Line(Network):
    """Guesses w · point, however long the leap; remembers what it was asked."""

    def __init__(self, leaps=0.0, centre=0.0):
        super().__init__()
        self.leaps, self.centre = leaps, centre
        self.w = nn.Parameter(torch.tensor(0.5))
        self.asked = []

    def embed(self, inputs):
        return dict(inputs)

    def goal(self, z, draw):
        return z["x"].values

    def mistakes(self, z, goal, noise, time, draw, heard=None):
        self.asked.append((goal, noise, time))
        self.heard = heard
        point = torch.lerp(noise, goal, time[:, None])
        return (self.w * point - (goal - noise)).square().sum(1)

    def ahead(self, z, point, time, leap, heard=None):
        return self.w * point


def points(rows=7, weight=None, present=None):
    x = torch.randn(rows, 2, generator=torch.Generator().manual_seed(1))
    return Batch({"x": Field(x, None, present)}, {}, torch.arange(rows) + 10, torch.arange(rows), weight)


def test_it_learns_at_points_between_noise_and_data():
    network, data = Line(), points()
    bound = Flow().bind(None, {}, network)
    reps = bound.represent("flow", network, data, Draw(3).keyed(data.position))
    ((goal, noise, time),) = network.asked
    assert goal is data.inputs["x"].values
    assert noise.shape == goal.shape
    assert bool(((time > 0) & (time < 1)).all())
    assert torch.equal(bound.loss("flow", reps, data, Draw(0)).value, reps["mistake"])


@pytest.mark.parametrize(
    ("times", "centre", "spread", "middle"),
    [
        ("uniform", None, 1.0, 0.5),
        ("middle", None, 1.0, 0.683),
        ("middle", None, 2.0, 0.383),
        ("middle", -0.5, 1.0, 0.624),
    ],
)
def test_times_are_spread_evenly_over_each_batch(times, centre, spread, middle):
    network, data = Line(), points(400)
    bound = Flow(times=times, centre=centre, spread=spread).bind(None, {}, network)
    means = []
    for step in range(6):
        bound.represent("flow", network, data, Draw(3, step).keyed(data.position))
        time = network.asked[-1][2]
        near = (torch.logit(time).abs() < 1) if times == "middle" else (time - 0.5).abs() < 0.25
        means.append(float(near.float().mean()))
        assert means[-1] == pytest.approx(middle, abs=0.02)  # by chance alone it would be 0.025 off each time
    assert not torch.equal(network.asked[0][2], network.asked[1][2])


@pytest.mark.parametrize(("asked", "networks", "centre"), [(None, 0.0, 0.0), (None, -0.8, -0.8), (0.5, -0.8, 0.5)])
def test_times_lie_where_the_network_learns_most_unless_a_person_says(asked, networks, centre):
    network, data = Line(centre=networks), points(400)
    Flow(centre=asked).bind(None, {}, network).represent("flow", network, data, Draw(3).keyed(data.position))
    assert float(torch.logit(network.asked[0][2]).mean()) == pytest.approx(centre, abs=0.02)


def test_recipes_without_a_centre_read_as_before_there_was_one():
    assert Flow().model_dump() == {"kind": "flow", "times": "middle", "spread": 1.0, "unheard": 0.1}
    assert Flow(centre=0.0).model_dump()["centre"] == 0.0


def test_some_wishes_are_not_told_while_it_learns():
    network, data = Line(), points(400)
    bound = Flow(unheard=0.25).bind(None, {}, network)
    bound.represent("flow", network, data, Draw(3).keyed(data.position))
    assert network.heard is None  # there are none
    network.conditions = ("label",)
    bound.represent("flow", network, data, Draw(3).keyed(data.position))
    assert float(network.heard.float().mean()) == pytest.approx(0.75, abs=0.06)
    bound.judge(network, data)
    assert network.heard is None


def test_what_it_judges_depends_on_the_row_alone():
    network, data = Line(), points()
    bound = Flow().bind(None, {}, network)
    whole = bound.judge(network, data)
    again = bound.judge(network, data[torch.tensor([4, 2])])
    torch.testing.assert_close(again, whole[[4, 2]])
    times = torch.stack([asked[2] for asked in network.asked[:4]])
    assert bool((times[1:] > times[:-1]).all())  # each row at early and late times


def test_rows_with_a_missing_part_weigh_nothing():
    gone = points(3, torch.tensor([2.0, 1.0, 1.0]), torch.tensor([True, False, True]))
    assert Flow().bind(None, {}, Line()).weight("flow", gone).tolist() == [2.0, 0.0, 1.0]


def test_a_network_that_carries_nothing_is_refused():
    network = MLP(width=4).build({"a": NUMBER}, {"y": 1}, 10)
    with pytest.raises(Refused, match="choose the model flow"):
        Flow().bind(None, {"a": NUMBER}, network)
