"""How the loop judges a network: figures of validation rows, and the one that decides."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from deepwright.training.forecast import Expected, Forecast

__all__ = ["Validation"]


@dataclass(frozen=True)
class Validation:
    """How to judge the network on validation rows: `answer()` gives figures, `primary` is the one that decides.

    Args:
        seconds: what one `answer()` takes, from answering some of the rows.
        forecast: where the figure that people look at will be at the end.
    """

    answer: Callable[[], Mapping[str, float]]
    seconds: Callable[[int], float]
    primary: str
    better: Literal["higher", "lower"]
    forecast: Forecast | None = None

    def improves(self, value: float, best: float | None) -> bool:
        return best is None or not math.isfinite(best) or (value > best if self.better == "higher" else value < best)

    def expected(self, fraction: float, figures: Mapping[str, float]) -> Expected | None:
        """The range at the end of the budget, now that these figures are known at a fraction of it."""
        return None if self.forecast is None else self.forecast.add(fraction, figures)
