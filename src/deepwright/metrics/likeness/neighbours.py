"""Precision, recall, density and coverage: whether creations lie where real examples do, and the other way round.

Every set is taken as the balls around its rows that reach to their k-th neighbours. Precision and recall: Kynkäänniemi et
al. 2019, arXiv 1904.06991, eqs. 1-2. Density and coverage, which single outliers do not spoil: Naeem et al. 2020, arXiv
2002.09797, eqs. 4 and 6. For two sets of one population coverage is about 1 - ½ᵏ (0.97 for k = 5), density 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Manifold", "closer_reach", "closer_share", "manifold"]

_AT_ONCE = 2**24  # distances held at once


@dataclass(frozen=True)
class Manifold:
    """precision: share of creations among real examples. recall: share of real examples among creations. density: how many
    real balls a creation lies in, in k. coverage: share of real examples with a creation in their ball."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: Tensor, made: Tensor, k: int = 5) -> Manifold:
    """Of rows (n, D) and (m, D).

    Raises:
        ValueError: not more than k rows.
    """
    if min(len(real), len(made)) <= k:
        raise ValueError(f"{min(len(real), len(made))} rows have no {k} neighbours")
    real_reach, made_reach = _reach(real, k), _reach(made, k)
    inside, among, covered, count = 0, 0, 0, 0
    fakes_in = torch.zeros(len(made), dtype=torch.bool)
    for start in range(0, len(real), max(1, _AT_ONCE // len(made))):
        rows = slice(start, start + max(1, _AT_ONCE // len(made)))
        far = torch.cdist(real[rows], made)
        held = far <= real_reach[rows, None]
        fakes_in |= held.any(0)
        count += int(held.sum())
        covered += int((far.amin(1) <= real_reach[rows]).sum())
        among += int((far <= made_reach).any(1).sum())
    inside = int(fakes_in.sum())
    return Manifold(inside / len(made), among / len(real), count / (k * len(made)), covered / len(real))


def closer_share(made: Tensor, train: Tensor, held: Tensor) -> Tensor:
    """(m,) 1 where a creation's nearest example is a training one, 0 where it is held out, ½ for a tie.

    With as many training as held-out examples, half is natural: more means that training examples were learnt by heart.
    """
    near = [_nearest(made, rows) for rows in (train, held)]
    return (near[0] < near[1]).double() + 0.5 * (near[0] == near[1]).double()


def closer_reach(made: Tensor, train: Tensor, held: Tensor) -> float:
    """How far from half the share of `closer_share` comes by chance, 95 %: creations that share their nearest example count once."""
    far = torch.cat([torch.cdist(part, torch.cat([train, held])).argmin(1) for part in made.split(_rows(train, held))])
    return 1.96 * (0.25 / max(1, len(far.unique()))) ** 0.5


def _rows(*others: Tensor) -> int:
    return max(1, _AT_ONCE // sum(len(rows) for rows in others))


def _reach(rows: Tensor, k: int) -> Tensor:
    """(n,) distance of each row to its k-th neighbour."""
    parts = rows.split(max(1, _AT_ONCE // len(rows)))
    return torch.cat([torch.cdist(part, rows).kthvalue(k + 1).values for part in parts])  # the first is the row itself


def _nearest(rows: Tensor, others: Tensor) -> Tensor:
    return torch.cat([torch.cdist(part, others).amin(1) for part in rows.split(max(1, _AT_ONCE // len(others)))])
