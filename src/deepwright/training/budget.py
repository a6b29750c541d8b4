"""How long to train: epochs, steps or wall-clock time, written as people say it ("20epochs", "2000steps", "5min")."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

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
class Budget:
    """An amount of training.

    >>> Budget.parse("1h30min").amount, str(Budget.parse("20 epochs"))
    (5400.0, '20epochs')
    """

    amount: float
    unit: Literal["seconds", "epochs", "steps"]

    @classmethod
    def parse(cls, text: str) -> "Budget":
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

    @classmethod
    def _validate(cls, value: Any) -> "Budget":
        if isinstance(value, cls):
            return value
        try:
            return cls.parse(value)
        except ValueError as error:
            raise PydanticCustomError("budget", "{why}", {"why": str(error)}) from error

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        dump = core_schema.plain_serializer_function_ser_schema(str)
        return core_schema.no_info_plain_validator_function(cls._validate, serialization=dump)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "examples": ["60s", "5min", "20epochs", "2000steps"]}
