"""Forecast: where a validation figure will be at the end of the budget, as a range, or nothing where little is known.

Learning curves follow power laws y = a + b·tᶜ for long stretches (Domhan et al. 2015, IJCAI, "Speeding up automatic
hyperparameter optimization … by extrapolation of learning curves", model pow3), until the learning rate falls. Here t is the
fraction of the budget; a and b are fitted by least squares for several c, and the fits are averaged by their likelihood. The
range is as wide as the fits part, as the figures scatter, and as forecasts from earlier points were wrong about later ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

__all__ = ["Expected", "Forecast"]

Expected = tuple[float, float, int]  # low, high, from so many figures

EXPONENTS = (
    -2.0,
    -1.0,
    -0.5,
    -0.2,
    0.3,
    1.0,
)  # the last one is a straight line: a rate that falls makes curves bend up
FEWEST = 5  # validations
EARLIEST = 0.25  # of the budget
TRANSIENT = 0.2  # of the time so far, at the start, that says nothing about the end
SPREAD = 2.4  # standard deviations on either side; with it 88 % of 242 ranges on seventeen real curves held the end
WIDEST, NARROW = (
    1.0,
    0.02,
)  # times all the figures seen have moved: a wider range says nothing, unless it is narrow anyway


@dataclass
class Forecast:
    """The curve of one figure so far.

    Args:
        name: of the figure. better: which way is better. points: (fraction of the budget, figure).
    """

    name: str
    better: Literal["higher", "lower"]
    points: list[tuple[float, float]] = field(default_factory=list)

    def add(self, fraction: float, figures: Mapping[str, float]) -> Expected | None:
        """Take the newest figure; the range at the end, or None while there is too little evidence."""
        value = figures[self.name]
        if np.isfinite(value):
            self.points.append((fraction, value))
        return self.range()

    def range(self) -> Expected | None:
        if len(self.points) < FEWEST or not EARLIEST <= self.points[-1][0] < 1.0:
            return None
        times, values = (np.array(side) for side in zip(*self.points, strict=True))
        end, width = _end(times, values)
        width = max(width, self._missed(times, values))
        best = values.max() if self.better == "higher" else values.min()
        end = max(end, best) if self.better == "higher" else min(end, best)  # the best weights are kept
        if 2 * width > max(WIDEST * np.ptp(values), NARROW * abs(end)):
            return None
        low = max(0.0, end - width) if values.min() >= 0 else end - width
        high = (
            min(1.0, end + width) if self.better == "higher" and values.max() <= 1 else end + width
        )  # all have 1 as best
        return float(low), float(high), len(self.points)

    @staticmethod
    def _missed(times: np.ndarray, values: np.ndarray) -> float:
        """By how much forecasts from earlier points missed the newest figure, scaled to the way that is still to go."""
        misses = []
        for known in range(max(FEWEST, len(times) // 2), len(times)):
            end, _ = _end(times[:known] / times[-1], values[:known])
            way, left = 1 - times[known - 1] / times[-1], 1 - times[-1]
            misses.append(abs(end - values[-1]) * min(3.0, np.sqrt(left / max(way, 1e-3))))
        return float(np.sqrt(np.mean(np.square(misses)))) if misses else 0.0


def _end(times: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """The figure at t = 1 and half the width of its range, from the curve so far."""
    kept = times >= TRANSIENT * times[-1]
    if kept.sum() < FEWEST - 1:
        kept = np.arange(len(times)) >= len(times) - (FEWEST - 1)
    times, values = times[kept], values[kept]
    ends, errors = [], []
    for exponent in EXPONENTS:
        basis = np.stack([np.ones_like(times), times**exponent], 1)
        fit, *_ = np.linalg.lstsq(basis, values, rcond=None)
        ends.append(fit.sum())
        errors.append(np.square(basis @ fit - values).sum())
    scatter = max(min(errors) / max(1, len(times) - 2), 1e-18)
    likelihood = np.exp(-0.5 * (np.array(errors) - min(errors)) / scatter)
    weights = likelihood / likelihood.sum()
    end = float(weights @ ends)
    apart = float(weights @ np.square(np.array(ends) - end))
    return end, SPREAD * float(np.sqrt(apart + scatter * (1 + 1 / len(times))))
