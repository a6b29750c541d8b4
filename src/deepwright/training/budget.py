"""How long to train: epochs, steps or wall-clock time, written as people say it ("20epochs", "2000steps", "5min")."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from deepwright.core.written import Written

__all__ = ["Budget"]

_SECONDS = {"s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60, "minutes": 60}
_SECONDS |= {"h": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400}
_COUNTS: dict[str, Literal["epochs", "steps"]] = {
    "epoch": "epochs",
    "epochs": "epochs",
    "step": "steps",
    "steps": "steps",
}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")


@dataclass(frozen=True)
class Budget(Written):
    """An amount of training.

    >>> Budget.parse("1h30min").amount, str(Budget.parse("20 epochs"))
    (5400.0, '20epochs')
    """

    examples: ClassVar[tuple[str, ...]] = ("60s", "5min", "20epochs", "2000steps")

    amount: float
    unit: Literal["seconds", "epochs", "steps"]

    @classmethod
    def parse(cls, text: Any) -> "Budget":
        """Raises ValueError with a sentence for anything else."""
        words = str(text).strip().lower().replace("_", "")
        parts = _PART.findall(words)
        if not parts or _PART.sub("", words).strip():
            raise ValueError(f"'{text}' is not a budget; write for example 60s, 5min, 20epochs or 2000steps")
        amounts = [(float(number), word) for number, word in parts]
        if all(word in _SECONDS for _, word in amounts):
            budget = cls(sum(number * _SECONDS[word] for number, word in amounts), "seconds")
        elif len(amounts) == 1 and amounts[0][1] in _COUNTS:
            budget = cls(amounts[0][0], _COUNTS[amounts[0][1]])
        else:
            raise ValueError(f"'{text}' is not a budget; units are s, min, h, epochs and steps")
        if budget.amount <= 0:
            raise ValueError(f"the budget '{text}' must be more than nothing")
        return budget

    def __str__(self) -> str:
        if self.unit != "seconds":
            return f"{self.amount:g}{self.unit}"
        whole, unit = (self.amount / 60, "min") if self.amount >= 60 and self.amount % 60 == 0 else (self.amount, "s")
        return f"{whole:g}{unit}"
