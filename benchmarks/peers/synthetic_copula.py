"""A Gaussian copula over empirical marginals (Patki et al. 2016, "The Synthetic Data Vault", section III).

Labels are intervals of [0, 1] as long as they are frequent, the most frequent first; what is missing is a column of its own.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from synthetic_common import Given, finish, given, is_number, rounded


def intervals(codes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores of codes 0, 1, … and the upper ends of their intervals."""
    shares = np.bincount(codes) / len(codes)
    ends = np.cumsum(shares)
    place = ends[codes] - rng.random(len(codes)) * shares[codes]
    return ndtri(np.clip(place, 1e-6, 1 - 1e-6)), ends


def synthesise(one: Given) -> pd.DataFrame:
    rng = np.random.default_rng(one.seed)
    scores, back = [], []
    for name in one.train.columns:
        column = one.train[name]
        gone = column.isna().to_numpy()
        if gone.any():
            own, ends = intervals(gone.astype(int), rng)
            scores.append(own)
            back.append((name, "gone", ends))
        if is_number(column):
            known = np.sort(column.dropna().to_numpy(float))
            filled = np.where(gone, rng.choice(known, len(column)), column.to_numpy(float))
            low, high = np.searchsorted(known, filled), np.searchsorted(known, filled, side="right")
            place = (low + rng.random(len(filled)) * (high - low)) / len(known)
            scores.append(ndtri(np.clip(place, 1e-6, 1 - 1e-6)))
            back.append((name, "number", known))
        else:
            labels = column.dropna().astype(str).value_counts().index
            codes = pd.Categorical(column.astype(str), categories=labels).codes.copy()
            codes[gone] = rng.choice(codes[~gone], gone.sum()) if gone.any() else 0
            own, ends = intervals(codes.astype(int), rng)
            scores.append(own)
            back.append((name, "label", (labels, ends)))
    matrix = np.atleast_2d(np.corrcoef(np.stack(scores)))
    matrix = np.nan_to_num(matrix) + 1e-6 * np.eye(len(scores))
    drawn = ndtr(rng.multivariate_normal(np.zeros(len(scores)), matrix, one.rows, method="eigh"))
    made: dict[str, pd.Series] = {}
    gaps: dict[str, np.ndarray] = {}
    for (name, kind, what), place in zip(back, drawn.T, strict=True):
        if kind == "gone":
            gaps[name] = place > what[0]
        elif kind == "number":
            made[name] = pd.Series(rounded(np.quantile(what, place), one.train[name]))
        else:
            labels, ends = what
            made[name] = pd.Series(labels[np.minimum(np.searchsorted(ends, place), len(labels) - 1)])
    for name, gap in gaps.items():
        made[name] = made[name].mask(gap)
    return pd.DataFrame(made)


def main() -> None:
    one = given()
    finish(one, synthesise(one))


main()
