"""Growing textures: what is compared with what, from when on, and that a colour is learnt."""

import pytest
import torch
from torch import Tensor

from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field
from deepwright.models.automaton import Automaton as Model
from deepwright.models.mlp import MLP
from deepwright.objectives.automaton import Automaton
from tests.models.fakes import NUMBER, picture

FEATURES = {"p": picture(16, 16, 3)}


def orange(rows: int) -> Batch:
    """Pictures of one colour, as they are stored."""
    values = torch.tensor([240, 150, 30], dtype=torch.uint8).expand(rows, 16, 16, 3)
    return Batch({"p": Field(values)}, {}, torch.arange(rows), torch.arange(rows))


def step(network, bound, data: Batch, number: int) -> Tensor:
    draw = Draw(0, number).keyed(data.position)
    return bound.loss("automaton", bound.represent("automaton", network, data, draw), data, draw).value


def test_it_learns_a_colour():
    torch.manual_seed(0)
    network = Model(states=6, hidden=16).build(FEATURES, {}, 10)
    bound, data = Automaton(steps=6, before=6, filters=8).bind(None, FEATURES, network), orange(2)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    lost = []
    for number in range(24):
        optimizer.zero_grad()
        value = step(network, bound, data, number)
        value.backward()
        optimizer.step()
        lost.append(float(value.detach()))
    assert sum(lost[-4:]) < 0.5 * sum(lost[:4])


def test_steps_begin_at_once_or_later_and_only_the_last_ones_are_learnt_from():
    class Counting:
        starts: list[tuple[bool, int]] = []

    torch.manual_seed(0)
    network = Model(states=4, hidden=4).build(FEATURES, {}, 10)
    plain = network.grown

    def counted(cells, steps, draw):
        Counting.starts.append((torch.is_grad_enabled(), steps))
        return plain(cells, min(steps, 1), draw)

    network.grown = counted
    bound, data = Automaton(steps=20, before=60).bind(None, FEATURES, network), orange(1)
    for number in range(60):
        step(network, bound, data, number)
    first = [steps for learns, steps in Counting.starts if not learns]
    learnt = [steps for learns, steps in Counting.starts if learns]
    assert len(first) == len(learnt) == 60
    assert 0 <= min(first) < 3 < 45 < max(first) <= 60
    assert 15 <= min(learnt) < max(learnt) <= 25
    assert sorted(first)[30] < 30  # most often few


def test_rows_with_a_missing_picture_are_not_looked_at():
    torch.manual_seed(0)
    network = Model(states=4, hidden=4).build(FEATURES, {}, 10)
    bound, data = Automaton(steps=2, before=0).bind(None, FEATURES, network), orange(3)
    field = data.inputs["p"]
    spoilt = field.values.clone()
    spoilt[1] = 255
    there = torch.tensor([True, False, True])
    gone = Batch({"p": Field(spoilt, None, there)}, {}, data.row, data.position)
    kept = Batch({"p": Field(field.values, None, there)}, {}, data.row, data.position)
    torch.testing.assert_close(step(network, bound, gone, 0), step(network, bound, kept, 0))
    assert bound.weight("automaton", gone).tolist() == [1.0, 0.0, 1.0]


def test_a_network_that_grows_nothing_is_refused():
    network = MLP(width=4).build({"a": NUMBER}, {"y": 1}, 10)
    with pytest.raises(Refused, match="choose the model automaton"):
        Automaton().bind(None, {"a": NUMBER}, network)
