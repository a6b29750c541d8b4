"""Points of a search: what a trial's settings are called in Optuna's storage, in the recipe, and on a line from 0 to 1.

A number is stored as it is; a choice among numbers as its place in ascending order, so that a search knows which lie
close; any other choice as its text.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deepwright.ranges import Choice, Range, Real, Whole

__all__ = [
    "Point", "State", "Tried", "from_unit", "is_ordered", "param_of", "params", "shown_value", "suggest", "to_unit",
    "value_of",
]  # fmt: skip

Param = str | int | float
Point = dict[str, Param]
State = Literal["done", "pruned", "failed", "running", "paused"]


@dataclass(frozen=True)
class Tried:
    """A trial as a search sees it.

    Args:
        cost: its figure, smaller is better; None where there is none. note: what the search wrote beside it.
    """

    number: int
    state: State
    cost: float | None
    point: Mapping[str, Param] = field(default_factory=dict)
    note: tuple[int, ...] | None = None


def _number(value: Any) -> float | None:
    """As a number, also where YAML took it for a text (1e-4)."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def is_ordered(one: Range) -> bool:
    """Whether its values lie on a line."""
    return not isinstance(one, Choice) or all(_number(value) is not None for value in one.values)


def _ascending(one: Choice) -> list[Any]:
    return sorted(one.values, key=lambda value: _number(value) or 0.0)


def shown_value(value: Any) -> str:
    """A recipe's value in a few signs."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _texts(one: Choice) -> list[str]:
    texts = [shown_value(value) for value in one.values]
    return texts if len(set(texts)) == len(texts) else [json.dumps(value, sort_keys=True) for value in one.values]


def params(one: Choice) -> list[Param]:
    """What a choice's values are called in the storage."""
    return list(range(len(one.values))) if is_ordered(one) else list(_texts(one))


def value_of(one: Range, param: Param) -> Any:
    """The recipe's value of a stored one."""
    if isinstance(one, Choice):
        return _ascending(one)[int(param)] if is_ordered(one) else one.values[_texts(one).index(str(param))]
    return int(param) if isinstance(one, Whole) else float(param)


def param_of(one: Range, value: Any) -> Param | None:
    """The stored value of a recipe's, or None where it lies outside the range."""
    if isinstance(one, Choice):
        values = _ascending(one) if is_ordered(one) else list(one.values)
        place = next((k for k, other in enumerate(values) if _same(other, value)), None)
        return None if place is None else place if is_ordered(one) else _texts(one)[place]
    number = _number(value)
    if number is None or not one.low <= number <= one.high:
        return None
    if isinstance(one, Whole):
        return int(number) if number == int(number) else None
    return number


def _same(written: Any, value: Any) -> bool:
    """Whether a written value means this one: 1e-4 may be a text, "mlp" a part of which the rest is left open."""
    a, b = _number(written), _number(value)
    if a is not None and b is not None:
        return math.isclose(a, b)
    if isinstance(value, Mapping) and "kind" in value:
        given = {"kind": written} if isinstance(written, str) else written
        return isinstance(given, Mapping) and all(key in value and _same(own, value[key]) for key, own in given.items())
    return type(written) is type(value) and written == value


def to_unit(one: Range, param: Param) -> float:
    """Where a stored value of an ordered range lies between its ends, 0 to 1."""
    if isinstance(one, Choice):
        return int(param) / max(1, len(one.values) - 1)
    if isinstance(one, Real) and one.log:
        return math.log(float(param) / one.low) / math.log(one.high / one.low)
    return (float(param) - one.low) / (one.high - one.low)


def from_unit(one: Range, share: float) -> Param:
    """The stored value of an ordered range nearest to a share of the way between its ends."""
    share = min(1.0, max(0.0, share))
    if isinstance(one, Choice):
        return round(share * (len(one.values) - 1))
    if isinstance(one, Whole):
        return one.low + round(share * (one.high - one.low))
    value = one.low * (one.high / one.low) ** share if one.log else one.low + share * (one.high - one.low)
    return min(one.high, max(one.low, value))


def suggest(trial: Any, name: str, one: Range) -> Param:
    """What Optuna's trial takes from a range; a value it has already is kept."""
    if isinstance(one, Choice):
        if is_ordered(one):
            return trial.suggest_int(name, 0, len(one.values) - 1)
        return trial.suggest_categorical(name, _texts(one))
    if isinstance(one, Whole):
        return trial.suggest_int(name, one.low, one.high)
    return trial.suggest_float(name, one.low, one.high, log=one.log)
