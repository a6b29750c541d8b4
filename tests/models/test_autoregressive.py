"""Autoregressive: step by step equal to all at once, tokens there and back, and how the next one is chosen."""

import math

import pytest
import torch

from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Field
from deepwright.models.autoregressive import Autoregressive, AutoregressiveKnobs
from deepwright.models.layers.causal import Causal
from deepwright.models.layers.choosing import chosen
from deepwright.models.layers.row_tokens import RowTokens
from deepwright.objectives.autoregressive import Autoregressive as Objective
from tests.models.fakes import CATEGORY, NUMBER, PAIR, batch, picture
from tests.models.test_flow import gap

ROWS = {"a": NUMBER, "b": CATEGORY, "c": PAIR}
SMALL = Autoregressive(width=8, depth=2, heads=2, bins=20)
ODDS = torch.log(torch.tensor([[0.1, 0.5, 0.15, 0.25]]))


def built(features=ROWS, settings=SMALL, conditions=()):
    torch.manual_seed(0)
    network = settings.build(features, {}, 100, conditions).eval()
    network.warm(lambda: iter([batch(features, 64)]), {})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4)))
    return network


def test_every_place_sees_only_those_before_it_and_steps_see_the_same():
    torch.manual_seed(1)
    trunk = Causal(9, 12, 3, 3, 0.0)
    for parameter in trunk.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x = torch.randn(4, 9, 12)
    with torch.no_grad():
        whole, cache = trunk(x), trunk.begin(4)
        steps = torch.stack([trunk.step(x[:, place], cache) for place in range(9)], 1)
        changed = torch.cat([x[:, :5], x[:, 5:] + 1], 1)
        later = trunk(changed)
    torch.testing.assert_close(steps, whole, atol=1e-5, rtol=1e-5)
    assert torch.equal(later[:, :5], whole[:, :5])
    assert not torch.isclose(later[:, 5:], whole[:, 5:]).all()


@pytest.mark.parametrize("rows", [1, 16])
def test_logits_with_and_without_the_memory_agree(rows):
    network = built()
    tokens, _ = network.pieces.tokens(network.embed(batch(ROWS, rows).inputs), Draw(0).keyed(torch.arange(rows)))
    with torch.no_grad():
        whole, made = network.logits(tokens, network._told({}, rows)), network.begin(rows)
        for place, wanted in enumerate(whole):
            found = network.step(tokens[:, place - 1] if place else None, made)
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_rows_become_tokens_and_come_back_within_their_part():
    tokens = RowTokens({name: feature.space for name, feature in ROWS.items()}, 50)
    data = batch(ROWS, 200)
    tokens.warm([data])
    found, weight = tokens.tokens(data.inputs, Draw(0).keyed(data.position))
    assert tokens.order == [("a", 0), ("b", 0), ("c", 0), ("c", 1)]
    assert tokens.vocabulary == [50, 5, 50, 50]
    assert bool((weight == 1).all())
    back = tokens.row(found, torch.full((200, 4), 0.5))
    assert list(back) == list(ROWS)
    assert torch.equal(back["b"].values, data.inputs["b"].values)
    again, _ = tokens.tokens(back, Draw(0).keyed(data.position))
    assert torch.equal(again, found)


def test_whether_a_cell_is_missing_comes_before_what_is_in_it():
    tokens = RowTokens({"x": gap()}, 10)
    data = {"x": Field(torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]))}
    assert tokens.order == [("x", 1), ("x", 0)]
    _, weight = tokens.tokens(data, Draw(0).keyed(torch.arange(4)))
    assert weight.tolist() == [[1.0, 0.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]


def test_a_network_that_knows_nothing_pays_for_every_choice():
    torch.manual_seed(0)
    network = SMALL.build(ROWS, {}, 100).eval()
    for head in network.heads:
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    data = batch(ROWS, 6)
    reps = Objective().bind(None, {}, network).represent("autoregressive", network, data, Draw(1).keyed(data.position))
    wanted = torch.tensor([math.log(20), math.log(5), math.log(20), math.log(20)]).expand(6, 4)
    torch.testing.assert_close(reps["costs"], wanted)


@pytest.mark.parametrize(
    ("knobs", "shares"),
    [
        ({}, [0.1, 0.5, 0.15, 0.25]),
        ({"temperature": 0.0}, [0, 1, 0, 0]),
        ({"temperature": 0.5}, [0.0290, 0.7246, 0.0652, 0.1812]),
        ({"top_k": 2}, [0, 2 / 3, 0, 1 / 3]),
        ({"top_p": 0.7}, [0, 2 / 3, 0, 1 / 3]),
        ({"top_p": 0.4}, [0, 1, 0, 0]),
        ({"min_p": 0.4}, [0, 2 / 3, 0, 1 / 3]),
        ({"min_p": 0.25, "top_k": 3}, [0, 0.5556, 0.1667, 0.2778]),
    ],
)
def test_the_next_one_is_drawn_from_what_is_left(knobs, shares):
    chance = (torch.arange(4000) + 0.5) / 4000
    found = chosen(ODDS.expand(4000, 4), chance, **knobs)
    torch.testing.assert_close(
        torch.bincount(found, minlength=4) / 4000, torch.tensor(shares, dtype=torch.float32), atol=2e-3, rtol=0
    )


def test_knobs_and_wishes_change_what_is_made():
    network = built({**ROWS, "label": CATEGORY}, SMALL, ("label",))
    draw = Draw(1).keyed(torch.arange(12))

    def made(label, **knobs):
        wish = {"label": Field(torch.full((12, 1), label, dtype=torch.int32))}
        with torch.no_grad():
            return network.sample(12, draw, wish, AutoregressiveKnobs(**knobs))

    assert not torch.allclose(made(2)["c"].values, made(3)["c"].values)
    assert len(made(2, temperature=0.0)["b"].values.unique()) == 1 < len(made(2, temperature=2.0)["b"].values.unique())
    with pytest.raises(Refused, match="without the condition 'size'; it knows label"):
        network.sample(4, draw, {"size": Field(torch.zeros(4, 1))})


def test_what_cannot_be_created_is_refused():
    with pytest.raises(Refused, match=r"creates one picture column; here are 2: p, q\."):
        Autoregressive().takes({"p": picture(9, 9).space, "q": picture(9, 9).space})
    with pytest.raises(Refused, match="without a target"):
        Autoregressive().build({"a": NUMBER}, {"logits": 2}, 10)
    for levels, codes in (((64, 64, 64), "262,144"), ((8, 2), "16")):
        with pytest.raises(Refused, match=rf"3 levels or more, .* at most 65,536 codes; .* are {codes}\."):
            Autoregressive(levels=levels).build({"p": picture(9, 9)}, {}, 10)
