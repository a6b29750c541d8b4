"""Schedules: the learning rate as a pure function of the share of the budget that is used up.

They know fractions, never steps, so that a wall-clock budget that is planned anew keeps its shape.
"""

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator

from deepwright.core.config import Config
from deepwright.registries import schedules

__all__ = ["Constant", "Cosine", "Linear", "OneCycle", "Schedule", "Step"]

WARMUP_START = 0.01  # not 0, so that the very first step counts

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Schedule(Config):
    """What all schedules share: a linear warm-up (Goyal et al. 2017, arXiv 1706.02677), then a shape of their own.

    Args:
        warmup: share of the budget during which the factor rises to its peak of 1.
    """

    warmup: float = Field(0.0, ge=0.0, le=0.5)

    def factor(self, fraction: float) -> float:
        """The multiple of the optimiser's learning rate at a fraction (0 to 1) of the budget; in [0, 1]."""
        fraction = min(1.0, max(0.0, fraction))
        if fraction < self.warmup:
            return self._rise(fraction / self.warmup)
        return self._after(fraction, (fraction - self.warmup) / (1.0 - self.warmup))

    def _rise(self, share: float) -> float:
        """The factor at a share (0 to 1) of the warm-up."""
        return _between(WARMUP_START, 1.0, share)

    def _after(self, fraction: float, share: float) -> float:
        """The factor at a fraction of the budget, which is a share (0 to 1) of what follows the warm-up."""
        raise NotImplementedError


def _between(start: float, end: float, share: float) -> float:
    return start * (1.0 - share) + end * share


def _cosine(start: float, end: float, share: float) -> float:
    return _between(end, start, 0.5 * (1.0 + math.cos(math.pi * share)))


@schedules.register
class Constant(Schedule):
    """The same all the way."""

    kind: Literal["constant"] = "constant"

    def _after(self, fraction: float, share: float) -> float:
        return 1.0


@schedules.register
class Cosine(Schedule):
    """Half a cosine from 1 to `floor` (SGDR without restarts, Loshchilov & Hutter 2017, arXiv 1608.03983)."""

    kind: Literal["cosine"] = "cosine"
    floor: Share = 0.0

    def _after(self, fraction: float, share: float) -> float:
        return _cosine(1.0, self.floor, share)


@schedules.register
class Linear(Schedule):
    """A straight line from 1 to `floor` (Defazio et al. 2023, arXiv 2310.07831: hard to beat in practice)."""

    kind: Literal["linear"] = "linear"
    floor: Share = 0.0

    def _after(self, fraction: float, share: float) -> float:
        return _between(1.0, self.floor, share)


@schedules.register
class Step(Schedule):
    """Sudden drops, as for the first residual networks (He et al. 2016, arXiv 1512.03385).

    Args:
        at: fractions of the whole budget, rising. gamma: what each drop multiplies the factor by.
    """

    kind: Literal["step"] = "step"
    at: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...] = (0.5, 0.75, 0.9)
    gamma: float = Field(0.1, gt=0.0, le=1.0)

    @field_validator("at")
    @classmethod
    def _rising(cls, at: tuple[float, ...]) -> tuple[float, ...]:
        if list(at) != sorted(set(at)):
            raise ValueError("the fractions must rise, each given once")
        return at

    def factor(self, fraction: float) -> float:
        return super().factor(fraction) * self.gamma ** sum(fraction >= drop for drop in self.at)

    def _after(self, fraction: float, share: float) -> float:
        return 1.0


@schedules.register
class OneCycle(Schedule):
    """Up along a cosine from `start` to 1, down along a cosine to `floor` (Smith & Topin 2019, arXiv 1708.07120).

    The way up is the warm-up.
    """

    kind: Literal["one_cycle"] = "one_cycle"
    warmup: float = Field(0.3, ge=0.0, le=0.5)
    start: Share = 0.04
    floor: Share = 4e-6

    def _rise(self, share: float) -> float:
        return _cosine(self.start, 1.0, share)

    def _after(self, fraction: float, share: float) -> float:
        return _cosine(1.0, self.floor, share)
