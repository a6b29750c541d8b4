"""Sliced Wasserstein distance: the mean over directions of how far sorted projections lie apart (Rabin et al. 2011; as a
score of creations: Karras et al. 2018, arXiv 1710.10196, section 5)."""

import torch
from torch import Tensor

__all__ = ["sliced_distance"]

DIRECTIONS = 256
_POINTS = 2048


def sliced_distance(a: Tensor, b: Tensor, seed: int = 0) -> float:
    """√ of the mean squared difference of quantiles, over 256 directions of rows (n, D) and (m, D); in units of the columns."""
    generator = torch.Generator().manual_seed(seed)
    turns = torch.randn(a.shape[1], DIRECTIONS, dtype=torch.float64, generator=generator)
    turns = turns / turns.norm(dim=0)
    count = min(_POINTS, max(len(a), len(b)))
    points = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    sides = [_quantiles(rows.double() @ turns, points) for rows in (a, b)]
    return float((sides[0] - sides[1]).square().mean().sqrt())


def _quantiles(rows: Tensor, points: Tensor) -> Tensor:
    """(points, directions): the empirical quantiles of each column, straight lines between the middles of steps."""
    ordered = rows.sort(0).values
    place = (points * len(rows) - 0.5).clamp(0, len(rows) - 1)
    low = place.floor().long()
    share = (place - low)[:, None]
    return ordered[low] * (1 - share) + ordered[(low + 1).clamp_max(len(rows) - 1)] * share
