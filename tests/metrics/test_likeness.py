"""Likeness of sets: closed forms, sets counted by hand, and what must hold of any."""

import math

import pytest
import torch

from deepwright.metrics.likeness import closer_reach, closer_share, enough, frechet_distance, manifold, sliced_distance
from deepwright.metrics.likeness.neighbours import Manifold


def exact(mean: torch.Tensor, cov: torch.Tensor, rows: int = 400, seed: int = 0) -> torch.Tensor:
    """Rows whose mean and covariance are exactly these."""
    plain = torch.randn(rows, len(mean), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    plain = plain - plain.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(torch.cov(plain.T)), plain.T, upper=False).T
    return white @ torch.linalg.cholesky(cov).T + mean


def test_frechet_distance_of_normal_sets_is_the_closed_form() -> None:
    zero, one = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    a = exact(zero, one)
    assert frechet_distance(a, exact(zero, one, seed=1)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, exact(torch.tensor([3.0, 4.0]).double(), one, seed=1)) == pytest.approx(25)
    diagonal = torch.diag(torch.tensor([4.0, 9.0]).double())
    assert frechet_distance(a, exact(zero, diagonal, seed=1)) == pytest.approx((2 - 1) ** 2 + (3 - 1) ** 2)
    # C = [[2, 1], [1, 2]] has eigenvalues 3 and 1, so tr(C + 1 - 2 √C) = 4 + 2 - 2 (√3 + 1)
    turned = torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    assert frechet_distance(a, exact(zero, turned, seed=1)) == pytest.approx(6 - 2 * (math.sqrt(3) + 1))
    other = torch.tensor([[5.0, -2.0], [-2.0, 3.0]], dtype=torch.float64)  # the two do not commute
    eigen = torch.linalg.eigvals(turned @ other).real.clamp_min(0).sqrt().sum()
    wanted = float(turned.trace() + other.trace() - 2 * eigen)
    assert frechet_distance(exact(zero, turned), exact(zero, other, seed=1)) == pytest.approx(wanted)


def test_frechet_distance_of_flat_sets_is_no_nan_and_needs_rows() -> None:
    flat = torch.zeros(60, 3, dtype=torch.float64)
    flat[:, 0] = torch.arange(60)
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-6)
    assert enough(flat, flat)
    with pytest.raises(ValueError, match="29 rows are too few for 3 columns; 30 are needed"):
        frechet_distance(flat[:29], flat)


def test_sets_counted_by_hand() -> None:
    """On a line, k = 1: real 0 1 3 7 reach 1 1 2 4; made 0.5 2 20 reach 1.5 1.5 18."""
    real, made = (torch.tensor(values).double()[:, None] for values in ([0.0, 1.0, 3.0, 7.0], [0.5, 2.0, 20.0]))
    # 0.5 lies in the balls of 0 and 1, 2 in those of 1 and 3, 20 in none: 2 of 3 inside, 4 balls held, /(1·3).
    # Real 0 and 1 lie in the ball of 0.5, 3 in that of 2 and of 20, 7 in that of 20; balls of 0 1 3 hold a creation, that of 7 none.
    assert manifold(real, made, 1) == Manifold(2 / 3, 1.0, 4 / 3, 3 / 4)
    with pytest.raises(ValueError, match="3 rows have no 5 neighbours"):
        manifold(real, made, 5)


def test_sets_of_one_population_cover_each_other_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(600, 4, dtype=torch.float64, generator=generator) for _ in range(2))
    alike = manifold(a, b)
    assert alike.coverage == pytest.approx(1 - 0.5**5, abs=0.02)
    assert alike.density == pytest.approx(1, abs=0.06)
    assert manifold(a, b + 50) == Manifold(0, 0, 0, 0)
    narrow = manifold(a, 0.1 * b)
    assert narrow.precision > 0.99
    assert narrow.recall < 0.2 > narrow.coverage
    monkeypatch.setattr("deepwright.metrics.likeness.neighbours._AT_ONCE", 5000)
    assert manifold(a, b) == alike


def test_copies_are_closer_to_training_examples() -> None:
    train, held = torch.arange(6.0)[:, None], torch.arange(6.0)[:, None] + 0.5
    assert closer_share(train, train, held).tolist() == [1.0] * 6
    assert closer_share(torch.tensor([[0.25], [0.5], [0.1]]), train, held).tolist() == [0.5, 0.0, 1.0]


def test_creations_that_share_their_nearest_example_count_once() -> None:
    train, held = torch.arange(100.0)[:, None], torch.arange(100.0)[:, None] + 0.5
    spread, alike = torch.arange(50.0)[:, None] + 0.1, torch.full((50, 1), 7.1)
    assert closer_reach(spread, train, held) == pytest.approx(1.96 * (0.25 / 50) ** 0.5)
    assert closer_reach(alike, train, held) == pytest.approx(1.96 * 0.5)


def test_sliced_distance_of_a_shift_is_its_length_over_root_d() -> None:
    rows = torch.randn(500, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64)
    assert sliced_distance(rows, rows) == 0
    assert sliced_distance(rows, rows + shift) == pytest.approx(5 / 3**0.5, rel=0.1)  # E (u·s)² = |s|² / D
    assert sliced_distance(rows, rows.repeat_interleave(3, 0)) == pytest.approx(0, abs=0.05)
    line = torch.arange(4.0)[:, None]
    assert sliced_distance(line, line + 2) == pytest.approx(2)
