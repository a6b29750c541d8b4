"""Plain ways of making more rows like those of a table, on the cells as they were written: what every network is read beside."""

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deepwright.contracts import FittedFeature
from deepwright.spaces import Tokens

__all__ = ["cells_of", "gaussian_copula", "is_labels", "neighbour_rows"]


def is_labels(feature: FittedFeature, known: np.ndarray) -> bool:
    """Whether cells are labels: ids, or no more than two different values."""
    return isinstance(feature.space, Tokens) or len(np.unique(known[~np.isnan(known)])) <= 2


def cells_of(feature: FittedFeature, column: pl.Series) -> np.ndarray:
    """(n,) float64 of a column: ids of labels, the first flat column of everything else; NaN where missing."""
    if isinstance(feature.space, Tokens):
        stored = feature.encode(column)
        ids = stored.values.reshape(len(column), -1)[:, 0].numpy().astype(float)
        return np.where(column.is_null().to_numpy(), np.nan, ids)
    return feature.baseline_columns(column).to_series(0).cast(pl.Float64).to_numpy().copy()


def gaussian_copula(features: Mapping[str, FittedFeature], known: pl.DataFrame, n: int, seed: int) -> pl.DataFrame:
    """Rows whose columns have the shares of the known ones and the rank correlations of these (Nelsen 2006, section 2).

    Every cell is one of the known cells of its column: numbers by rank, labels in the order of their ids.
    """
    chance = np.random.default_rng(seed)
    height, normal = known.height, NormalDist()
    orders, scores = [], []
    for name in known.columns:
        cells = cells_of(features[name], known[name])
        filled = np.where(np.isnan(cells), np.inf, cells)
        order = np.lexsort((chance.random(height), filled))  # ties in an order by lot
        rank = np.empty(height)
        rank[order] = (np.arange(height) + 0.5) / height
        orders.append(order)
        scores.append(np.where(np.isnan(cells), np.nan, [normal.inv_cdf(share) for share in rank]))
    known_scores = np.ma.masked_invalid(np.array(scores))  # of rows where both cells are known
    correlation = np.ma.filled(np.atleast_2d(np.ma.corrcoef(known_scores)), 0.0)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(np.nan_to_num(correlation) + 1e-9 * np.eye(len(scores)))
    drawn = chance.standard_normal((n, len(scores))) @ (vectors * np.sqrt(values.clip(0))).T
    columns = {}
    for place, name in enumerate(known.columns):
        share = np.array([normal.cdf(value) for value in drawn[:, place]])
        rows = orders[place][np.minimum((share * height).astype(int), height - 1)]
        columns[name] = known[name].gather(rows)
    return pl.DataFrame(columns)


def neighbour_rows(
    features: Mapping[str, FittedFeature], known: pl.DataFrame, flat: Tensor, n: int, seed: int
) -> pl.DataFrame:
    """Known rows mixed with one of their five nearest in `flat` (N, D): numbers on the line between, other cells from either
    (SMOTE-NC: Chawla et al. 2002, section 6.1)."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(known.height, (n,), generator=generator)
    near = torch.cdist(flat[rows], flat).topk(min(6, known.height), largest=False).indices[:, 1:]
    other = near.gather(1, torch.randint(near.shape[1], (n, 1), generator=generator))[:, 0]
    share = torch.rand(n, generator=generator).numpy()
    columns = {}
    for name in known.columns:
        one, two = known[name].gather(rows.numpy()), known[name].gather(other.numpy())
        number = features[name].kind == "number"
        if number:
            a, b = (cells_of(features[name], side) for side in (one, two))
            mixed = a + share * (b - a)
            if np.array_equal(a[~np.isnan(a)], np.round(a[~np.isnan(a)])):
                mixed = np.round(mixed)
            columns[name] = pl.Series(name, mixed).fill_nan(None)
        else:
            columns[name] = pl.Series(
                name, [x if s < 0.5 else y for x, y, s in zip(one, two, share, strict=True)], known[name].dtype
            )
    return pl.DataFrame(columns)
