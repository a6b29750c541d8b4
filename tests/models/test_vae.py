"""VAE: what rows cost against formulas, the mixture that codes are drawn from, and what is made of them."""

import math

import pytest
import torch

from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Field
from deepwright.models.layers.mixture import Mixture
from deepwright.models.layers.row_points import RowPoints
from deepwright.models.vae import VAE, VAEKnobs
from deepwright.objectives.variational import Variational
from deepwright.spaces import Tokens
from tests.models.fakes import CATEGORY, NUMBER, PAIR, batch, picture

ROWS = {"a": NUMBER, "b": CATEGORY, "c": PAIR}
SMALL = VAE(latent=3, width=8, depth=1, mixture=2)


def built(features=ROWS, settings=SMALL, conditions=()):
    torch.manual_seed(0)
    network = settings.build(features, {}, 100, conditions)
    network.warm(lambda: iter([batch(features, 64)]), {})
    return network


def points(count=3000):
    """Two clouds, a third of the points in the first."""
    generator = torch.Generator().manual_seed(1)
    first = torch.randn(count // 3, 2, generator=generator) * torch.tensor([1.0, 0.2]) + torch.tensor([5.0, 0.0])
    second = torch.randn(count - count // 3, 2, generator=generator) @ torch.tensor([[1.0, 0.8], [0.0, 0.3]]) - 4
    return torch.cat([first, second])


def test_the_mixture_finds_clouds_and_draws_from_them():
    mixture = Mixture(2, 2)
    known = points()
    mixture.fit(known, Draw(0))
    made = mixture(torch.randn(6000, 3, generator=torch.Generator().manual_seed(2)))
    for cloud in (lambda x: x[x[:, 0] > 1], lambda x: x[x[:, 0] <= 1]):
        real, own = cloud(known), cloud(made)
        assert len(own) / 6000 == pytest.approx(len(real) / 3000, abs=0.03)
        torch.testing.assert_close(own.mean(0), real.mean(0), atol=0.1, rtol=0)
        torch.testing.assert_close(torch.cov(own.t()), torch.cov(real.t()), atol=0.1, rtol=0)


def test_a_mixture_not_fitted_is_standard_normal():
    mixture, normal = Mixture(3, 4), torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(mixture(normal), normal[:, 1:])
    mixture.fit(torch.zeros(3, 3), Draw(0))  # too few to learn from
    assert torch.equal(mixture(normal), normal[:, 1:])
    mixture.fit(torch.ones(50, 3), Draw(0))  # all the same
    assert bool(mixture(normal).isfinite().all())


def test_costs_are_those_of_normal_distributions_and_labels():
    rows = RowPoints({"k": Tokens(3)})
    z = {"k": Field(torch.tensor([[2]]))}
    raw = torch.log(torch.tensor([[0.2, 0.3, 0.5]]))
    assert float(rows.unlikely(raw, torch.zeros(0), z, torch.zeros(1, 3))) == pytest.approx(-math.log(0.5))
    grid = built({"p": picture(4, 4)}).points
    goal, raw = torch.full((1, 1, 4, 4), 0.5), torch.zeros(1, 1, 4, 4)
    wanted = -16 * float(torch.distributions.Normal(0.0, 0.25).log_prob(torch.tensor(0.5)))
    found = grid.unlikely(raw, torch.tensor([math.log(0.25)]), {}, goal)
    assert float(found) == pytest.approx(wanted, rel=1e-5)


def test_the_bound_is_the_divergence_from_a_standard_normal_code():
    network = built()
    data = batch(ROWS, 8)
    z = network.embed(data.inputs)
    _, code = network.bound(z, None)
    goal = network.points.goal(z, Draw(0).keyed(torch.zeros(8, dtype=torch.int64)).of("goal"))
    mean, spread = network._codes(z, goal, None)
    normal = torch.distributions.Normal
    wanted = torch.distributions.kl_divergence(normal(mean, spread.exp()), normal(0.0, 1.0))
    torch.testing.assert_close(code * network.points.width, wanted, atol=1e-5, rtol=1e-4)


def test_the_weight_of_the_code_rises_over_the_warm_up():
    network, data = built(), batch(ROWS, 8)
    bound = Variational(beta=2.0, warmup=0.5).bind(None, {}, network)
    draw = Draw(1).keyed(data.position)
    reps = bound.represent("vae", network, data, draw)
    for fraction, weight in ((0.0, 0.0), (0.25, 1.0), (0.9, 2.0)):
        bound.progress(fraction)
        value = bound.loss("vae", reps, data, draw).value
        torch.testing.assert_close(value, reps["built"] + weight * reps["code"].sum(1))
    bound.progress(0.0)
    torch.testing.assert_close(bound.judge(network, data)[:3], bound.judge(network, data[torch.arange(3)]))


def test_what_a_code_leaves_open_is_drawn_in_its_shares():
    rows = RowPoints({"k": Tokens(3)})
    raw = torch.log(torch.tensor([[0.2, 0.3, 0.5]])).expand(20_000, 3)
    noise = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0))
    made = rows.back(rows.drawn(raw, torch.zeros(0), noise))["k"].values[:, 0]
    shares = torch.bincount(made, minlength=3) / 20_000
    torch.testing.assert_close(shares, torch.tensor([0.2, 0.3, 0.5]), atol=0.015, rtol=0)
    calm = rows.back(rows.drawn(raw[:5], torch.zeros(0), torch.zeros(5, 3)))["k"].values[:, 0]
    assert calm.tolist() == [2] * 5


def test_codes_of_training_rows_are_what_creations_come_from():
    network = built()
    data = batch(ROWS, 200)
    Variational().bind(None, {}, network).finish(network, lambda: iter([data]), Draw(0))
    assert not torch.equal(network.mixture.middles, torch.zeros(2, 3))
    draw = Draw(1).keyed(torch.arange(12))
    with torch.no_grad():
        warm, cold = (
            network.sample(12, draw, knobs=VAEKnobs(temperature=t, noise=0.0))["c"].values for t in (1.0, 0.0)
        )
    assert len(cold.unique(dim=0)) <= 2 < len(warm.unique(dim=0))


def test_wishes_change_what_is_made_and_unknown_ones_are_refused():
    network = built({**ROWS, "label": CATEGORY}, SMALL, ("label",))
    draw = Draw(1).keyed(torch.arange(4))
    with torch.no_grad():
        first, second = (
            network.sample(4, draw, {"label": Field(torch.full((4, 1), k, dtype=torch.int32))})["c"].values
            for k in (2, 3)
        )
    assert not torch.allclose(first, second)
    with pytest.raises(Refused, match="without the condition 'size'; it knows label"):
        network.sample(4, draw, {"size": Field(torch.zeros(4, 1))})
