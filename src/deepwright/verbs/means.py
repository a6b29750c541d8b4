"""Means over rows with bootstrap intervals, and whether a mean differs from nothing."""

from dataclasses import dataclass

import torch
from torch import Tensor

from deepwright.core.seeds import derive
from deepwright.verbs.figures import Figure

__all__ = ["FEWEST", "Mean", "means"]

DRAWS = 2000
FEWEST = 6  # rows that, all agreeing, cannot be chance at 5 % (two-sided sign test): fewer prove nothing


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % interval; p: two-sided bootstrap, that the true mean is 0."""

    figure: Figure
    p: float


def means(rows: Tensor, seed: int = 0) -> list[Mean]:
    """The mean of each column of `rows` (B, C), all under the same weightings of the rows.

    Efron 1979, percentile intervals of the multinomial bootstrap.
    """
    count = len(rows)
    generator = torch.Generator().manual_seed(derive(seed, "bootstrap"))
    picks = torch.randint(count, (DRAWS, count), generator=generator)
    weights = torch.zeros(DRAWS, count, dtype=torch.float64)
    weights.scatter_add_(1, picks, torch.ones_like(picks, dtype=torch.float64))
    draws = weights @ rows.double() / count  # (DRAWS, C)
    levels = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = torch.quantile(draws, levels, dim=0)
    p = 2 * torch.minimum((draws <= 0).double().mean(0), (draws >= 0).double().mean(0))
    p = p.clamp(1 / DRAWS, 1.0)
    return [
        Mean(Figure(float(rows[:, c].double().mean()), float(low[c]), float(high[c])), float(p[c]))
        for c in range(rows.shape[1])
    ]
