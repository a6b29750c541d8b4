"""Pictures as tokens: levels there and back, codes of which all are used, and creations made code by code."""

import math

import pytest
import torch

from deepwright.draw import Draw
from deepwright.fields import Field
from deepwright.models.autoregressive import Autoregressive, AutoregressiveKnobs
from deepwright.models.layers.grid_tokens import GridTokens
from deepwright.models.layers.levels import Levels
from tests.models.fakes import CATEGORY, batch, picture

SMALL = Autoregressive(width=8, depth=2, heads=2, levels=(4, 3), channels=4, dropout=0.0)


def built(features, conditions=(), settings=SMALL):
    torch.manual_seed(0)
    network = settings.build(features, {}, 100, conditions).eval()
    network.warm(lambda: iter([batch(features, 32)]), {})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4)))
    return network


@pytest.mark.parametrize("counts", [(3,), (8, 5, 5, 5), (4, 7)])
def test_every_id_has_levels_that_come_back_as_itself(counts):
    levels = Levels(counts)
    ids = torch.arange(math.prod(counts))
    found = levels.levels(ids)
    assert levels.size == len(found.unique(dim=0)) == len(ids)
    assert -1 <= float(found.min()) < 0 < float(found.max()) <= 1
    raw = ((found * levels.middle + levels.offset) / levels.reach).atanh() - levels.shift
    values, again = levels(raw)
    assert torch.equal(again, ids)
    torch.testing.assert_close(values, found)
    assert bool((levels(100 * torch.randn(500, len(counts)))[0].abs() <= 1).all())
    nothing, _ = levels(torch.zeros(1, len(counts)))
    assert not nothing.any()


def test_levels_have_the_gradient_of_what_was_rounded():
    levels = Levels((5,))
    raw = torch.tensor([[0.3], [2.0]], requires_grad=True)
    levels(raw)[0].sum().backward()
    torch.testing.assert_close(raw.grad, (1 - torch.tanh(raw.detach()) ** 2) * 2 * 1.001 / 2)


def test_tokens_of_a_picture_are_built_again_as_the_same_picture():
    torch.manual_seed(0)
    feature = picture(13, 9, 3)
    tokens = GridTokens("p", feature, 4, (4, 3))
    z = tokens.embed(batch({"p": feature}, 5).inputs)
    found, weight = tokens.tokens(z, Draw(0))
    assert found.shape == weight.shape == (5, tokens.count)
    assert tokens.heads == ((12, tokens.count),)
    with torch.no_grad():
        shown = tokens.row(found, torch.zeros(5, tokens.count))["p"].values
        codes, _ = tokens._coded(tokens.points.goal(z, Draw(0)))
        direct = tokens.points.back(tokens.decoder(codes))["p"].values
    assert shown.shape == (5, 13, 9, 3)
    torch.testing.assert_close(shown, direct)


def test_what_comes_next_teaches_nothing_to_what_codes_pictures():
    network = built({"p": picture(12, 12)})
    costs = network.costs(network.embed(batch({"p": picture(12, 12)}, 6).inputs), Draw(0), None)
    assert costs.shape == (6, network.pieces.count + 1)
    costs[:, :-1].sum().backward()
    assert not any(bool(one.grad.any()) for one in network.pieces.parameters())
    assert all(bool((one.grad != 0).any()) for one in network.trunk.parameters())
    network.zero_grad(set_to_none=True)
    network.costs(network.embed(batch({"p": picture(12, 12)}, 6).inputs), Draw(0), None)[:, -1].sum().backward()
    assert not any(bool(one.grad.any()) for one in network.trunk.parameters())
    assert all(bool((one.grad != 0).any()) for one in network.pieces.parameters())


def test_a_network_that_knows_nothing_pays_for_every_code_and_pixel():
    network = built({"p": picture(12, 12)})
    with torch.no_grad():
        for one in (network.heads[0].weight, network.heads[0].bias, network.pieces.spread):
            one.zero_()
        z = network.embed(batch({"p": picture(12, 12)}, 6).inputs)
        costs = network.costs(z, Draw(0), None)
        goal = network.pieces.points.goal(z, Draw(0))
        away = network.pieces.decoder(network.pieces._coded(goal)[0]) - goal
    torch.testing.assert_close(costs[:, :-1], torch.full_like(costs[:, :-1], math.log(12)))
    wanted = (0.5 * away.square() + 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)
    torch.testing.assert_close(costs[:, -1], wanted)


def test_step_by_step_gives_what_all_at_once_gives():
    network = built({"p": picture(12, 12)})
    tokens, _ = network.pieces.tokens(network.embed(batch({"p": picture(12, 12)}, 3).inputs), Draw(0))
    with torch.no_grad():
        whole, made = network.logits(tokens, network._told({}, 3)), network.begin(3)
        for place, wanted in enumerate(whole):
            found = network.step(tokens[:, place - 1] if place else None, made)
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_knobs_and_wishes_change_the_pictures():
    network = built({"p": picture(12, 12), "label": CATEGORY}, ("label",))
    draw = Draw(1).keyed(torch.arange(8))

    def made(label, **knobs):
        wish = {"label": Field(torch.full((8, 1), label, dtype=torch.int32))}
        with torch.no_grad():
            return network.sample(8, draw, wish, AutoregressiveKnobs(**knobs))["p"].values

    assert not torch.allclose(made(2), made(3))
    surest = made(2, temperature=0.0)
    torch.testing.assert_close(surest, surest[:1].expand_as(surest))
    torch.testing.assert_close(made(2, top_k=1), surest)
    assert not torch.allclose(made(2, min_p=0.5), made(2))
