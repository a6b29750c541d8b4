"""Automaton: what a cell sees, a rule without edges, textures of any size."""

import pytest
import torch

from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.models.automaton import Automaton, AutomatonKnobs
from deepwright.models.layers.cells import Cells, seen
from deepwright.models.layers.patches import unlike
from tests.models.fakes import CATEGORY, NUMBER, batch, picture

FEATURES = {"p": picture(12, 10, 3)}


def built(fires=0.5):
    torch.manual_seed(0)
    network = Automaton(states=5, hidden=8, fires=fires).build(FEATURES, {}, 10)
    with torch.no_grad():
        network.cells.second.weight.normal_(std=0.05)
    return network


def test_a_cell_sees_slopes_and_curvature():
    down = torch.arange(5.0)[:, None].expand(5, 7)
    inside = seen(down[None, None])[0, :, 1:-1, 1:-1]
    assert torch.equal(inside[0], down[1:-1, 1:-1])
    torch.testing.assert_close(inside[1:], torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, 3, 5))
    bump = torch.zeros(1, 1, 5, 5)
    bump[0, 0, 2, 2] = 16.0
    assert seen(bump)[0, 3, 2].tolist() == [0.0, 2.0, -12.0, 2.0, 0.0]


def test_the_grid_has_no_edge():
    cells, network = torch.randn(2, 5, 6, 7, generator=torch.Generator().manual_seed(1)), built(fires=1.0)
    draw = Draw(0).keyed(torch.arange(2))
    with torch.no_grad():
        moved = network.grown(cells.roll((2, 3), (2, 3)), 4, draw)
        torch.testing.assert_close(moved, network.grown(cells, 4, draw).roll((2, 3), (2, 3)))


def test_as_many_cells_change_as_is_said():
    cells = Cells(4, 8, 0.25)
    torch.nn.init.ones_(cells.second.weight)
    before = torch.ones(3, 4, 40, 40)
    with torch.no_grad():
        changed = (cells(before, Draw(1).keyed(torch.arange(3))) != before).all(1)
    assert float(changed.float().mean()) == pytest.approx(0.25, abs=0.02)


def test_textures_of_any_size_and_each_grows_by_itself():
    network, draw = built(), Draw(2).keyed(torch.arange(3))
    with torch.no_grad():
        made = network.sample(3, draw, knobs=AutomatonKnobs(height=20, width=31, steps=5))["p"].values
        alone = network.sample(1, Draw(2).keyed(torch.tensor([2])), knobs=AutomatonKnobs(height=20, width=31, steps=5))
        longer = network.sample(3, draw, knobs=AutomatonKnobs(height=20, width=31, steps=6))["p"].values
    assert made.shape == (3, 20, 31, 3)
    torch.testing.assert_close(alone["p"].values[0], made[2])
    assert not torch.allclose(longer, made)
    assert not torch.allclose(made[0], made[1])


def test_small_textures_grow_side_by_side_and_large_ones_alone():
    network = built()
    assert network.together() == 16
    assert network.together(AutomatonKnobs(height=64, width=64)) == 4
    assert network.together(AutomatonKnobs(width=1000, height=100)) == 1


def test_pictures_of_the_same_patches_are_alike_wherever_these_lie():
    wanted = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(3))
    other = wanted * 0.5
    assert float(unlike(wanted, wanted, Draw(0), 16)) < 0.05 < 3 * float(unlike(other, wanted, Draw(0), 16))
    tiled = wanted.roll((5, 9), (2, 3))
    torch.testing.assert_close(unlike(tiled, other, Draw(0), 16), unlike(wanted, other, Draw(0), 16), atol=0.02, rtol=0)


def test_what_it_cannot_learn_is_refused():
    with pytest.raises(Refused, match="creates textures from pictures, and here are none: a"):
        Automaton().takes({"a": NUMBER.space})
    with pytest.raises(Refused, match=r"knows no labels: --set task.condition=\[\]"):
        Automaton().build({**FEATURES, "label": CATEGORY}, {}, 10, ("label",))
    with pytest.raises(Refused, match="without a target"):
        Automaton().build(FEATURES, {"y": 2}, 10)


def test_distances_are_those_of_rows_alone():
    network, data = built(), batch(FEATURES, 4)
    with torch.no_grad():
        whole = network.body(network.embed(data.inputs))["distance"].values
        part = network.body(network.embed(data[torch.tensor([2])].inputs))["distance"].values
    torch.testing.assert_close(part, whole[2:3])
