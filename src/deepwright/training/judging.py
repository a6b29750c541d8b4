"""How the loop judges a network: figures of validation rows, and the one that decides."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Validation"]


@dataclass(frozen=True)
class Validation:
    """How to judge the network on validation rows: `answer()` gives figures, `primary` is the one that decides.

    `seconds(rows)`: what one `answer()` takes, from answering some of the rows.
    """

    answer: Callable[[], Mapping[str, float]]
    seconds: Callable[[int], float]
    primary: str
    better: Literal["higher", "lower"]

    def improves(self, value: float, best: float | None) -> bool:
        return best is None or not math.isfinite(best) or (value > best if self.better == "higher" else value < best)
