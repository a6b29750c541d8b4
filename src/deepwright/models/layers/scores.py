"""Normal scores: numbers of any distribution as standard normal ones, and back to values as the training rows had them."""

from typing import cast

import torch
from torch import Tensor, nn

__all__ = ["KNOTS", "NormalScores"]

KNOTS = 1024
_FEW, _SHARED = 64, 16  # values that are all there are; rows that share each, where there are more
_EDGE = 1e-4  # probabilities nearer to 0 and 1 are cut: scores lie within ± 3.7


class NormalScores(nn.Module):
    """Φ⁻¹(F(x)) for each of C columns, F the distribution of the training rows (van der Waerden 1952).

    A value that many rows share is spread evenly over its jump of F, so that it has a share of the normal numbers and comes
    back exactly. Where there are few values (64, or one for 16 rows, at most 512), they are all there are. Otherwise some
    are kept and those between them interpolated: half of them evenly spread, half where F bends, so that nothing is made in gaps
    between clumps.

    Before `warm` every column is uniform between `low` and `high`.

    Args:
        low, high: (C,) bounds.
    """

    levels: Tensor
    values: Tensor

    def __init__(self, low: Tensor, high: Tensor):
        super().__init__()
        levels = torch.linspace(0, 1, KNOTS)
        self.register_buffer("levels", levels.repeat(len(low), 1))
        self.register_buffer("values", torch.lerp(low[:, None], high[:, None], levels))

    @torch.no_grad()
    def warm(self, column: int, values: Tensor) -> None:
        """Take the distribution of a column from values (n,); none change nothing."""
        if not len(values):
            return
        distinct, counts = values.double().unique(return_counts=True)
        if len(distinct) <= max(_FEW, min(KNOTS // 2, len(values) // _SHARED)):
            after = counts.cumsum(0) / counts.sum()
            before = torch.cat([after.new_zeros(1), after[:-1]])
            levels, knots = torch.stack([before, after], 1).flatten(), distinct.repeat_interleave(2)
        else:
            rows = values.double().sort().values
            places = _knots(rows)
            levels, knots = places.double() / (len(rows) - 1), rows[places]
        missing = KNOTS - len(levels)
        self.levels[column] = torch.cat([levels, levels.new_ones(missing)]).float()
        self.values[column] = torch.cat([knots, knots[-1:].expand(missing)]).float()

    def forward(self, x: Tensor, chance: Tensor) -> Tensor:
        """(B, C) values → (B, C) scores.

        Args:
            chance: (B, C) from 0 to 1: where in its jump of F a shared value lands.
        """
        known = x.detach().t().contiguous()
        first = torch.searchsorted(self.values, known)
        last = torch.searchsorted(self.values, known, right=True) - 1
        shared = last >= first
        left, right = (first - 1).clamp(0, KNOTS - 1), first.clamp(0, KNOTS - 1)
        low, high = self.values.gather(1, left), self.values.gather(1, right)
        share = ((known - low) / (high - low).clamp_min(1e-30)).clamp(0, 1)
        share = torch.where(shared, chance.t(), share)
        left, right = torch.where(shared, first, left), torch.where(shared, last, right)
        left, right = left.clamp(0, KNOTS - 1), right.clamp(0, KNOTS - 1)
        level = torch.lerp(self.levels.gather(1, left), self.levels.gather(1, right), share)
        return cast(Tensor, torch.special.ndtri(level.clamp(_EDGE, 1 - _EDGE))).t()

    def back(self, scores: Tensor) -> Tensor:
        """(B, C) scores → (B, C) values between the smallest and the largest of the training rows.

        Where the value does not change with the score, the gradient is that of a straight line over the column's range.
        """
        level = torch.special.ndtr(scores.t()).contiguous()
        right = torch.searchsorted(self.levels, level.detach(), right=True).clamp(1, KNOTS - 1)
        below, above = self.levels.gather(1, right - 1), self.levels.gather(1, right)
        low, high = self.values.gather(1, right - 1), self.values.gather(1, right)
        share = ((level - below) / (above - below).clamp_min(1e-30)).clamp(0, 1)
        value = torch.lerp(low, high, share)
        reach = torch.where(low == high, self.values[:, -1:] - self.values[:, :1], 0.0)
        return (value + reach * (level - level.detach())).t()


def _knots(rows: Tensor) -> Tensor:
    """(K,) at most KNOTS places in sorted rows (n,): every so many rows, and where straight lines between those are far off.

    Rounds of splitting the stretches with the largest area between line and rows (Douglas & Peucker 1973). So a gap ends at
    the rows on both sides of it, and tails are followed closely.
    """
    n = len(rows)
    places = torch.linspace(0, n - 1, KNOTS // 2).round().long().unique()
    every = torch.arange(n)
    while (room := KNOTS - len(places)) > 0:
        stretch = torch.searchsorted(places, every, right=True).clamp(max=len(places) - 1) - 1
        left, right = places[stretch], places[stretch + 1]
        line = torch.lerp(rows[left], rows[right], ((every - left) / (right - left)).to(rows))
        off = (rows - line).abs()
        area = torch.zeros(len(places) - 1, dtype=off.dtype).scatter_add(0, stretch, off)
        far = torch.zeros_like(area).scatter_reduce(0, stretch, off, "amax")
        worst = area.argsort(descending=True, stable=True)[: min(room, max(1, len(places) // 4))]
        worst = worst[area[worst] > 0]
        if not len(worst):
            break
        chosen = torch.zeros_like(area, dtype=torch.bool)
        chosen[worst] = True
        furthest = (chosen[stretch] & (off == far[stretch])).nonzero()[:, 0]
        first = torch.ones_like(furthest, dtype=torch.bool)
        first[1:] = stretch[furthest[1:]] != stretch[furthest[:-1]]
        places = torch.cat([places, furthest[first]]).sort().values
    return places
