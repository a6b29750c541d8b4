"""Restyling: a style is learnt, the layout is held, and what is cut out of pictures."""

import pytest
import torch
from torch import Tensor

from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field
from deepwright.models.mlp import MLP
from deepwright.models.stylist import Stylist
from deepwright.objectives.restyling import Restyling
from tests.models.fakes import NUMBER, batch, picture

FEATURES = {"p": picture(24, 32, 3)}


def built():
    torch.manual_seed(0)
    return Stylist(side=32, width=6, blocks=1).build(FEATURES, {}, 10)


def step(network, bound, data: Batch, number: int):
    draw = Draw(0, number).keyed(data.position)
    return bound.loss("restyling", bound.represent("restyling", network, data, draw), data, draw)


def learnt(strength: float, steps: int = 40) -> tuple[list[float], list[float]]:
    """Distances from the style and changes of the layout, step by step."""
    network, data = built(), batch(FEATURES, 3)
    bound = Restyling(crop=24, layout=7, filters=16, strength=strength).bind(None, FEATURES, network)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    distance, layout = [], []
    for number in range(steps):
        optimizer.zero_grad()
        loss = step(network, bound, data, number)
        loss.value.backward()
        optimizer.step()
        distance.append(float(loss.logs["distance"]))
        layout.append(float(loss.logs["layout"]))
    return distance, layout


def test_it_learns_a_style_and_the_layout_pays_for_strength():
    strong, weak = learnt(1.0), learnt(0.05)
    assert sum(strong[0][-5:]) < 0.75 * sum(strong[0][:5])
    assert sum(weak[1][-5:]) < sum(strong[1][-5:])


def test_pieces_lie_inside_and_half_of_them_are_of_halved_pictures():
    bound = Restyling(crop=16).bind(None, {"p": picture(32, 40, 3)}, built())
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(40.0), indexing="ij")
    pictures = torch.stack([y, x, y])[None].expand(64, -1, -1, -1)
    pieces = bound._pieces(pictures, Draw(0).keyed(torch.arange(64)))
    assert pieces.shape == (64, 3, 16, 16)
    slopes = (pieces[:, 0, 1, 0] - pieces[:, 0, 0, 0]).round().int().tolist()
    assert set(slopes) == {1, 2}
    assert 16 < slopes.count(2) < 48
    firsts = [int(piece[1, 0, 0]) for piece, slope in zip(pieces, slopes, strict=True) if slope == 1]
    assert min(firsts) < 6
    assert 18 < max(firsts) <= 24
    alone = bound._pieces(pictures[:1], Draw(0).keyed(torch.tensor([7])))
    torch.testing.assert_close(alone[0], pieces[7])


def test_small_pictures_are_taken_whole():
    bound = Restyling(crop=128).bind(None, FEATURES, built())
    pictures = torch.rand(2, 3, 24, 32)
    assert bound._pieces(pictures, Draw(0).keyed(torch.arange(2))).shape == (2, 3, 24, 24)


def test_rows_with_a_missing_picture_are_not_looked_at():
    network, data = built(), batch(FEATURES, 3)
    bound = Restyling(crop=24).bind(None, FEATURES, network)
    spoilt, there = data.inputs["p"].values.clone(), torch.tensor([True, False, True])
    spoilt[1] = 255

    def value(values: Tensor) -> Tensor:
        one = Batch({"p": Field(values, None, there)}, {}, data.row, data.position)
        return step(network, bound, one, 0).value

    torch.testing.assert_close(value(spoilt), value(data.inputs["p"].values))
    gone = Batch({"p": Field(spoilt, None, torch.zeros(3, dtype=torch.bool))}, {}, data.row, data.position)
    assert float(step(network, bound, gone, 0).value.detach()) == 0.0


def test_a_network_that_restyles_nothing_is_refused():
    network = MLP(width=4).build({"a": NUMBER}, {"y": 1}, 10)
    with pytest.raises(Refused, match="choose the model stylist"):
        Restyling().bind(None, {"a": NUMBER}, network)
