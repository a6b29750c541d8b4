"""How far creations are from real examples, beside controls, and whether they are copies of training examples.

All is measured on the cheap flat columns of the features (`baseline_columns`): what these do not see is not judged. Each
feature's columns are centred and divided by one common deviation, both of training rows. Shapes: n, m rows, D values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deepwright.contracts import FittedFeature
from deepwright.core.seeds import derive
from deepwright.verbs.figures import unanimous

__all__ = ["Interval", "Resemblance", "Scale", "by_lot", "interval", "kernel_distances", "nearest", "resemblance"]

DRAWS = 300
NEAR = 0.05  # quantile of the held-out distances that "near" means
_AT_ONCE = 2**23  # distances held at once


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Resemblance:
    """What was measured on `made` creations, `held` held-out and `train` training examples.

    Args:
        distance: kernel distance to held-out examples: of "made", of as many "real" training examples (the floor), and of
            the "mean" of all training examples, repeated.
        chance: how often examples of one population, divided by lot, are as far apart as "made" and "real" each are from
            held-out ones (permutation test): below 0.05 they can be told apart.
        near: share of creations that lie nearer to a training example than 95 % of held-out examples do; 0.05 is natural.
        nearest: median distance to the nearest training example, of "made" and of "held" examples.
    """

    made: int
    held: int
    train: int
    distance: Mapping[str, Interval]
    chance: Mapping[str, float]
    near: Interval
    nearest: Mapping[str, Interval]


class Scale:
    """Flat columns of raw examples on one scale, learnt from training rows."""

    def __init__(self, features: Mapping[str, FittedFeature], train: pl.DataFrame):
        self._features = features
        self._fitted: dict[str, tuple[np.ndarray, float]] = {}
        for name in features:
            flat = self._flat(name, train)
            known = np.isfinite(flat)
            count = np.maximum(known.sum(0), 1)
            centre = np.where(known, flat, 0.0).sum(0) / count
            spread = np.where(known, flat - centre, 0.0)
            deviation = float(np.sqrt((spread**2).sum() / count.sum()))
            self._fitted[name] = (centre, deviation or 1.0)

    def _flat(self, name: str, frame: pl.DataFrame) -> np.ndarray:
        return self._features[name].baseline_columns(frame[name]).to_numpy().astype(np.float64)

    def __call__(self, frame: pl.DataFrame) -> Tensor:
        """(n, D) float64; missing values are the training rows' mean, 0."""
        parts = []
        for name, (centre, deviation) in self._fitted.items():
            parts.append(np.nan_to_num((self._flat(name, frame) - centre) / deviation, posinf=0.0, neginf=0.0))
        return torch.from_numpy(np.concatenate(parts, 1))


def resemblance(made: Tensor, held: Tensor, train: Tensor, seed: int) -> Resemblance:
    """Measure flat examples (n, D), (m, D), (N, D).

    Args:
        seed: decides which training rows make the floor, and the weightings.
    """
    generator = torch.Generator().manual_seed(derive(seed, "resemblance"))
    floor = train[torch.randperm(len(train), generator=generator)[: len(made)]]
    others = {"made": made, "real": floor, "mean": train.mean(0, keepdim=True).expand(len(made), -1)}
    values, draws = kernel_distances(held, others, generator)
    distance = {name: interval(values[name], draws[name]) for name in others}
    chance = {name: by_lot(held, others[name], generator) for name in ("made", "real")}
    near = {"made": nearest(made, train), "held": nearest(held, train)}

    def resampled(figure: Callable[[Mapping[str, Tensor]], Tensor]) -> Interval:
        picks = (
            {n: v[torch.randint(len(v), (len(v),), generator=generator)] for n, v in near.items()} for _ in range(DRAWS)
        )
        return interval(float(figure(near)), torch.stack([figure(pick) for pick in picks]))

    share = resampled(lambda d: (d["made"] < d["held"].quantile(NEAR)).double().mean())
    if share.value in (0.0, 1.0):
        share = Interval(share.value, *unanimous(share.value, len(made)))
    medians = {name: resampled(lambda d, name=name: d[name].quantile(0.5)) for name in near}  # type: ignore[misc]
    return Resemblance(len(made), len(held), len(train), distance, chance, share, medians)


def interval(value: float, draws: Tensor) -> Interval:
    """A figure with the 2.5 % and 97.5 % quantiles of its bootstrap draws (R,)."""
    low, high = draws.double().quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(value, low, high)


def kernel_distances(
    real: Tensor, others: Mapping[str, Tensor], generator: torch.Generator
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Squared maximum mean discrepancy from `real` under the kernel (x·y / D + 1)³, unbiased, and (R,) bootstrap draws.

    Known as kernel inception distance on other columns (Bińkowski et al. 2018, arXiv 1801.01401). Two samples of one
    population give 0 on average, small ones a little less or more. Rows drawn twice are no pair with themselves.
    """
    own = _Within(real, _weightings(len(real), generator))
    values, draws = {}, {}
    for name, other in others.items():
        weights = _weightings(len(other), generator)
        theirs = _Within(other, weights)
        cross = _kernel(real, other)
        both = ((own.weights @ cross) * weights).sum(1) / (own.weights.sum(1) * weights.sum(1))
        squared = own.means + theirs.means - 2 * both
        values[name], draws[name] = float(squared[0]), squared[1:]
    return values, draws


def by_lot(a: Tensor, b: Tensor, generator: torch.Generator) -> float:
    """The p-value of a permutation test with the kernel distance (Gretton et al. 2012, JMLR 13): small where they differ."""
    kernel = _kernel(pooled := torch.cat([a, b]), pooled).fill_diagonal_(0.0)
    order = [torch.arange(len(pooled)), *(torch.randperm(len(pooled), generator=generator) for _ in range(DRAWS))]
    first = torch.stack([(places < len(a)).double() for places in order])  # (R + 1, n + m), the true division first
    second = 1 - first
    toward = first @ kernel
    apart = kernel.sum(0) - toward
    n, m = len(a), len(b)
    within = (toward * first).sum(1) / (n * (n - 1)) + (apart * second).sum(1) / (m * (m - 1))
    squared = within - 2 * (toward * second).sum(1) / (n * m)
    return float((squared >= squared[0] - 1e-12).double().mean())


class _Within:
    """(R + 1,) mean kernel values between different rows of one sample, under each weighting."""

    def __init__(self, rows: Tensor, weights: Tensor):
        kernel = _kernel(rows, rows).fill_diagonal_(0.0)
        pairs = weights.sum(1).square() - weights.square().sum(1)
        self.weights = weights
        self.means = ((weights @ kernel) * weights).sum(1) / pairs.clamp_min(1e-12)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T / a.shape[1] + 1.0) ** 3


def _weightings(rows: int, generator: torch.Generator) -> Tensor:
    """(R + 1, rows) how often each row counts: once each first, then as drawn with replacement (Efron 1979)."""
    picks = torch.randint(rows, (DRAWS, rows), generator=generator)
    drawn = torch.zeros(DRAWS, rows, dtype=torch.float64).scatter_add_(
        1, picks, torch.ones_like(picks, dtype=torch.float64)
    )
    return torch.cat([torch.ones(1, rows, dtype=torch.float64), drawn])


def nearest(rows: Tensor, train: Tensor) -> Tensor:
    """(n,) root mean square difference from each row to its nearest training row."""
    size = max(1, _AT_ONCE // max(1, len(train)))
    parts = [torch.cdist(part, train).amin(1) for part in rows.split(size)]
    return torch.cat(parts) / rows.shape[1] ** 0.5
