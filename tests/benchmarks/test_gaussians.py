"""Grids of Gaussians are judged right: perfect draws are perfect, missing modes and blur are seen."""

import numpy as np
import pytest
from benchmarks.gaussians import DEVIATION, SPACING, grid, judged


def test_draws_of_the_mixture_itself_are_perfect() -> None:
    found = judged(grid(5, 25_000, seed=1), 5)
    assert found["found"] == 25
    assert found["quality"] == pytest.approx(
        1 - np.exp(-4.5), abs=0.003
    )  # of a normal in the plane within 3 deviations
    assert 0 <= found["kl"] < 0.0012


def test_missing_modes_and_blur_are_seen() -> None:
    points = grid(5, 25_000, seed=2)
    half = judged(points[points[:, 0] > SPACING / 2], 5)
    assert half["found"] == 10
    assert half["kl"] == pytest.approx(np.log(25 / 10), abs=0.01)
    blurred = judged(points + np.random.default_rng(3).normal(0, 3 * DEVIATION, points.shape), 5)
    assert blurred["quality"] < 0.5
    assert blurred["kl"] < 0.0012
