"""Fréchet distance of two sets as if both were normal (Dowson & Landau 1982; as a score of creations: Heusel et al. 2017,
arXiv 1706.08500, eq. 6).

The trace of the root of a product is taken from eigenvalues of a symmetric matrix in float64: no complex numbers, no NaN.
Covariances of few rows are too small in some directions and too large in others, which looks like distance; therefore it
needs ten rows a column (the bias of small sets: Bińkowski et al. 2018, arXiv 1801.01401, appendix D.1).
"""

import torch
from torch import Tensor

__all__ = ["enough", "frechet_distance"]

ROWS = 10  # a column


def enough(a: Tensor, b: Tensor) -> bool:
    """Whether both sets have ten rows a column."""
    return min(len(a), len(b)) >= ROWS * a.shape[1]


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """|μa - μb|² + tr(Ca + Cb - 2 (Ca Cb)^½) of rows (n, D) and (m, D), in squared units of the columns.

    Raises:
        ValueError: too few rows (see `enough`).
    """
    if not enough(a, b):
        raise ValueError(
            f"{min(len(a), len(b))} rows are too few for {a.shape[1]} columns; {ROWS * a.shape[1]} are needed"
        )
    a, b = a.double(), b.double()
    cov_a, cov_b = torch.cov(a.T).reshape(a.shape[1], -1), torch.cov(b.T).reshape(b.shape[1], -1)
    values, vectors = torch.linalg.eigh(cov_a)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    both = (
        torch.linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    )  # those of Ca Cb, which is not symmetric
    distance = (a.mean(0) - b.mean(0)).square().sum() + cov_a.trace() + cov_b.trace() - 2 * both
    return max(0.0, float(distance))
