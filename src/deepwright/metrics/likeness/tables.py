"""Fidelity of created rows, column by column and pair by pair: numbers by how far their distributions lie apart, labels and pairs
by how much of their shares is common. 1 is the same, 0 nothing in common.

Missing cells (NaN) count as a value of their own. Shapes: n, m cells.
"""

from collections.abc import Sequence

import numpy as np

__all__ = ["bins", "column_fidelity", "common_share", "pair_fidelity"]

BINS = 8


def column_fidelity(a: np.ndarray, b: np.ndarray, labels: bool) -> float:
    """1 - Kolmogorov-Smirnov statistic of numbers, 1 - total variation distance of labels; (n,) and (m,) floats."""
    if labels:
        return common_share(a, b)
    a, b = (np.sort(np.where(np.isnan(side), np.inf, side)) for side in (a, b))
    places = np.concatenate([a, b])
    shares = (np.searchsorted(side, places, side="right") / len(side) for side in (a, b))
    first, second = shares
    return float(1 - np.abs(first - second).max())


def common_share(a: np.ndarray, b: np.ndarray) -> float:
    """Σ min(p, q) over the values of two samples, = 1 - their total variation distance."""
    a, b = (np.where(np.isnan(side), np.inf, side) for side in (a, b))
    values, places = np.unique(np.concatenate([a, b]), return_inverse=True)
    first = np.bincount(places[: len(a)], minlength=len(values)) / len(a)
    second = np.bincount(places[len(a) :], minlength=len(values)) / len(b)
    return float(np.minimum(first, second).sum())


def bins(known: np.ndarray, cells: np.ndarray, labels: bool) -> np.ndarray:
    """(n,) at most ten groups: eighths of the known values, or the eight most frequent labels and the rest; NaN its own."""
    known = known[~np.isnan(known)]
    if labels:
        values, counts = np.unique(known, return_counts=True)
        kept = values[np.argsort(-counts, kind="stable")[:BINS]]
        found = np.full(len(cells), BINS)
        for place, value in enumerate(kept):
            found[cells == value] = place
    else:
        edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.zeros(0)
        found = np.searchsorted(edges, cells, side="right")
    return np.where(np.isnan(cells), BINS + 1, found)


def pair_fidelity(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Mean common share of all pairs of columns, given as groups (`bins`), one array a column."""
    shares = []
    for i in range(len(a)):
        for j in range(i):
            first, second = ((side[i] * (BINS + 2) + side[j]).astype(float) for side in (a, b))
            shares.append(common_share(first, second))
    return float(np.mean(shares)) if shares else float("nan")
