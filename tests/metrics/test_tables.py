"""Fidelity of rows, counted by hand."""

import numpy as np
import pytest

from deepwright.metrics.likeness.tables import BINS, bins, column_fidelity, common_share, pair_fidelity

NAN = float("nan")


def test_numbers_are_compared_by_the_largest_gap_of_their_distributions() -> None:
    a, b = np.array([1.0, 2, 3, 4]), np.array([3.0, 4, 5, 6])
    assert column_fidelity(a, a, False) == 1
    assert column_fidelity(a, b, False) == pytest.approx(0.5)  # at 2: half of a, nothing of b
    assert column_fidelity(a, b + 10, False) == 0
    assert column_fidelity(np.array([1.0, NAN]), np.array([1.0, 1.0]), False) == pytest.approx(
        0.5
    )  # a missing cell counts


def test_numbers_agree_with_scipy() -> None:
    from scipy.stats import ks_2samp

    chance = np.random.default_rng(0)
    a, b = chance.normal(size=200).round(1), chance.normal(0.4, 1.3, size=150).round(1)
    assert column_fidelity(a, b, False) == pytest.approx(1 - ks_2samp(a, b).statistic)


def test_labels_are_compared_by_what_their_shares_have_in_common() -> None:
    a, b = np.array([0.0, 0, 1, 2]), np.array([0.0, 1, 1, NAN])
    assert column_fidelity(a, b, True) == common_share(a, b) == pytest.approx(0.25 + 0.25)
    assert common_share(np.array([NAN, NAN]), np.array([NAN])) == 1


def test_groups_are_those_of_the_known_cells() -> None:
    known = np.arange(80.0)
    assert bins(known, np.array([-5.0, 0, 9.9, 45, 1000, NAN]), False).tolist() == [0, 0, 1, 4, BINS - 1, BINS + 1]
    labels = np.array([3.0] * 5 + [7.0] * 2 + [NAN])
    assert bins(labels, np.array([7.0, 3.0, 99.0, NAN]), True).tolist() == [1, 0, BINS, BINS + 1]


def test_pairs_see_what_columns_do_not() -> None:
    x = np.array([0, 0, 1, 1])
    together, crossed = [x, x], [x, np.array([0, 1, 0, 1])]
    assert pair_fidelity(together, together) == 1
    assert pair_fidelity(together, crossed) == pytest.approx(0.5)
    assert np.isnan(pair_fidelity([x], [x]))
