"""Learning-rate schedules: pure functions of the fraction of the budget used, 0 to 1, to a factor of the start rate."""

import math
from typing import Literal

from pydantic import Field

from deepwright.core.config import Config
from deepwright.registries import schedules

__all__ = ["Constant", "Cosine", "Linear", "OneCycle", "Step"]


class _Schedule(Config):
    """Rises straight from (almost) nothing over the first `warmup` share, then runs `shape` over the rest."""

    warmup: float = Field(0.0, ge=0.0, le=0.9)

    def factor(self, fraction: float) -> float:
        if fraction < self.warmup:
            return max(fraction, 1e-3 * self.warmup) / self.warmup
        return self.shape((fraction - self.warmup) / (1 - self.warmup))

    def shape(self, fraction: float) -> float:
        raise NotImplementedError


@schedules.register
class Constant(_Schedule):
    """Always the start rate."""

    kind: Literal["constant"] = "constant"

    def shape(self, fraction: float) -> float:
        return 1.0


@schedules.register
class Cosine(_Schedule):
    """Half a cosine down to `floor` (Loshchilov & Hutter 2017, arXiv 1608.03983)."""

    kind: Literal["cosine"] = "cosine"
    floor: float = Field(0.0, ge=0.0, le=1.0)

    def shape(self, fraction: float) -> float:
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * fraction))


@schedules.register
class Linear(_Schedule):
    """A straight line down to `floor`."""

    kind: Literal["linear"] = "linear"
    floor: float = Field(0.0, ge=0.0, le=1.0)

    def shape(self, fraction: float) -> float:
        return 1 - (1 - self.floor) * fraction


@schedules.register
class Step(_Schedule):
    """Multiplied by `gamma` at each of the fractions `at`."""

    kind: Literal["step"] = "step"
    at: tuple[float, ...] = (0.5, 0.75, 0.9)
    gamma: float = Field(0.1, gt=0.0, le=1.0)

    def shape(self, fraction: float) -> float:
        return self.gamma ** sum(fraction >= place for place in self.at)


@schedules.register
class OneCycle(_Schedule):
    """Up from a 25th to the start rate over the first `rise`, then down to a ten-thousandth, along cosines.

    Smith & Topin 2019, arXiv 1708.07120.
    """

    kind: Literal["one_cycle"] = "one_cycle"
    rise: float = Field(0.3, gt=0.0, lt=1.0)

    def shape(self, fraction: float) -> float:
        low, end = 1 / 25, 1e-4 / 25
        if fraction < self.rise:
            return low + (1 - low) * 0.5 * (1 - math.cos(math.pi * fraction / self.rise))
        return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * (fraction - self.rise) / (1 - self.rise)))
