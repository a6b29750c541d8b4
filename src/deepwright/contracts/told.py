"""What kinds tell about data: how well they suit a column, what was found, what adds up."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

__all__ = ["NEAR", "Finding", "Suits", "Summary"]

NEAR = 0.2  # score of a kind that too many cells speak against: it is never chosen, but told


class Summary(Protocol):
    """Statistics of a piece of data that add up: `a.merge(b)` equals the summary of both pieces together."""

    def merge(self, other: Self) -> Self: ...


@dataclass(frozen=True)
class Suits:
    """How well a kind suits a raw column.

    Args:
        score: 0 (not at all) to 1 (certainly); the highest score wins. At `NEAR` the kind is only told.
        settings: the proposed settings, dates' day order and the like decided.
        reason: why, in words a person can check ("98.2 % of the cells are numbers").
        notes: choices to be printed with the flag that changes them.
    """

    score: float
    settings: Any
    reason: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Something the doctor tells a person about the data.

    Args:
        severity: "note", "warning" or "error" (errors stop the work).
        code: a short stable name for programs: "missing", "bad-values", "leak", "identifier" …
        column: the column, or None for the whole table.
        text: one sentence for a person.
        count: rows concerned. row: the first of them (0 = first data row), or None.
        values: examples, as shown to a person.
    """

    severity: Literal["note", "warning", "error"]
    code: str
    text: str
    column: str | None = None
    count: int = 0
    row: int | None = None
    values: tuple[str, ...] = ()
