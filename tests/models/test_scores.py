"""Normal scores: against the normal distribution function, and there and back."""

import torch

from deepwright.models.layers.scores import KNOTS, NormalScores


def fitted(*columns):
    made = NormalScores(torch.zeros(len(columns)), torch.ones(len(columns)))
    for place, values in enumerate(columns):
        made.warm(place, values)
    return made


def test_many_different_values_become_standard_normal_and_come_back():
    values = torch.randn(5000, generator=torch.Generator().manual_seed(0)).exp()
    scores = fitted(values)
    found = scores(values[:, None], torch.full((5000, 1), 0.5))
    assert abs(float(found.mean())) < 0.02
    assert abs(float(found.std()) - 1) < 0.02
    assert abs(float(found.pow(3).mean())) < 0.1
    middle = (values > 0.05) & (values < 20)
    torch.testing.assert_close(scores.back(found)[middle, 0], values[middle], rtol=1e-3, atol=1e-3)


def test_a_score_is_that_of_the_share_of_smaller_values():
    scores = fitted(torch.tensor([1.0, 2.0, 2.0, 5.0]))
    asked = torch.tensor([[1.0], [2.0], [2.0], [5.0]])
    share = torch.special.ndtr(scores(asked, torch.tensor([[0.5], [0.0], [1.0], [0.5]])))
    torch.testing.assert_close(share[:, 0], torch.tensor([0.125, 0.25, 0.75, 0.875]))


def test_values_that_rows_share_are_spread_over_their_jump_and_come_back_exactly():
    values = torch.tensor([0.0] * 60 + [1.0] * 30 + [7.5] * 10)
    scores = fitted(values)
    chance = torch.rand(100, 1, generator=torch.Generator().manual_seed(1))
    found = scores(values[:, None], chance)
    assert torch.equal(scores.back(found)[:, 0], values)
    assert float(found[:60].max()) < float(found[60:90].min()) < float(found[90:].min())
    made = scores.back(torch.randn(20_000, 1, generator=torch.Generator().manual_seed(2)))[:, 0]
    assert set(made.tolist()) == {0.0, 1.0, 7.5}
    assert abs(float((made == 1).float().mean()) - 0.3) < 0.02


def test_nothing_leaves_the_range_and_constants_stay():
    scores = fitted(torch.linspace(-3, 8, 3000), torch.full((10,), 4.0), torch.empty(0))
    far = torch.tensor([[-9.0, 9.0, 0.0], [9.0, -9.0, 0.0]])
    made = scores.back(far)
    assert made[:, 0].min() >= -3
    assert made[:, 0].max() <= 8
    assert made[:, 1].tolist() == [4.0, 4.0]
    assert made[:, 2].tolist() == [0.5, 0.5]  # never seen: uniform between the bounds
    beyond = scores(torch.tensor([[-100.0, 0.0, 0.3], [100.0, 9.0, 0.3]]), torch.full((2, 3), 0.5))
    assert bool(beyond.isfinite().all())


def test_there_is_a_gradient_where_values_jump_too():
    scores = fitted(torch.tensor([0.0, 1.0] * 5), torch.linspace(0, 1, 2 * KNOTS))
    normal = torch.tensor([[0.3, 0.3]], requires_grad=True)
    scores.back(normal).sum().backward()
    density = torch.exp(-normal.detach().square() / 2) / (2 * torch.pi) ** 0.5
    torch.testing.assert_close(normal.grad, density, rtol=1e-2, atol=1e-3)


def test_hardly_anything_is_made_between_two_clumps():
    draws = torch.Generator().manual_seed(3)
    chosen = torch.rand(20_000, generator=draws) < 0.3
    values = torch.where(chosen, -5.0, 5.0) + torch.randn(20_000, generator=draws)
    scores = fitted(values)
    made = scores.back(torch.randn(200_000, 1, generator=draws))[:, 0]
    low, high = values[values < 0].max(), values[values > 0].min()
    between = ((made > low) & (made < high)).float().mean()
    assert float(between) < 2 / 20_000, "evenly spread quantiles put 1 in 1,000 there"
    assert abs(float((made < 0).float().mean()) - float(chosen.float().mean())) < 0.005
    there = scores(values[:, None], torch.full((20_000, 1), 0.5))
    inner = values.argsort()[20:-20]  # the outermost 1 in 10,000 is cut
    torch.testing.assert_close(scores.back(there)[inner, 0], values[inner], rtol=1e-2, atol=1e-2)


def test_tails_are_as_long_as_they_were():
    values = torch.randn(50_000, generator=torch.Generator().manual_seed(4)).double()
    scores = fitted(values.float(), (3 * values).exp().float())
    level = torch.linspace(1e-3, 1 - 1e-3, 999)[:, None].expand(-1, 2).double()
    made = scores.back(torch.special.ndtri(level).float())
    torch.testing.assert_close(made[:, 0].double(), torch.quantile(values, level[:, 0]), rtol=0, atol=0.02)
    torch.testing.assert_close(
        made[:, 1].double(), torch.quantile((3 * values).exp(), level[:, 1]), rtol=0.05, atol=0.05
    )


def test_many_values_that_rows_share():
    draws = torch.Generator().manual_seed(5)
    prices = 100 * torch.randint(1, 900, (40_000,), generator=draws).float()
    scores = fitted(prices)
    assert bool((scores.levels.diff() >= 0).all())
    assert bool((scores.values.diff() >= 0).all())
    made = scores.back(torch.randn(20_000, 1, generator=draws))[:, 0]
    assert abs(float(made.median()) - float(prices.median())) < 1000
