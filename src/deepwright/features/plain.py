"""What plain columns (numbers, flags, dates, categories) share: one vector or id a row, nothing to augment."""

from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from torch import Tensor, nn

from deepwright.contracts import Finding
from deepwright.core.config import Config
from deepwright.core.wording import percent
from deepwright.data.cells import blank_to_null
from deepwright.draw import Draw
from deepwright.fields import Field

__all__ = ["BadValues", "FittedPlain", "as_words", "missing_finding"]


def as_words(column: pl.Series) -> pl.Series:
    """Cells as text: without surrounding blanks, whole floats without a point; empty ones (and NaN) missing."""
    if not column.dtype.is_float():
        return blank_to_null(column)
    values = column.cast(pl.Float64)
    finite = pl.select(pl.when(values.is_finite()).then(values).otherwise(None)).to_series()
    whole = (finite == finite.round()) & (finite.abs() < 2**53)
    integers = finite.cast(pl.Int64, strict=False).cast(pl.String)
    return pl.select(pl.when(whole).then(integers).otherwise(finite.cast(pl.String))).to_series().alias(column.name)


class FittedPlain(Config):
    """Base of fitted plain columns; `name` is the column's."""

    kind: ClassVar[str]
    name: str

    def embedder(self) -> nn.Module | None:
        return None

    def augment(self, field: Field, draw: Draw) -> tuple[Field, None]:
        return field, None

    def per_unit(self, attribution: Tensor) -> Tensor:
        return attribution.flatten(1).sum(1)

    def show(self, column: pl.Series) -> list[str]:
        return ["–" if cell is None else str(cell) for cell in column.to_list()]

    def fingerprint(self, column: pl.Series) -> np.ndarray:
        """(B,) uint64 of the cells as text."""
        return column.cast(pl.String).str.strip_chars().fill_null("").hash(seed=0).to_numpy()

    def to_state(self) -> dict[str, Any]:
        return self.model_dump()

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        return cls.model_validate(state)


class BadValues(Config):
    """Cells that are not what the column is: each distinct value with how often it occurs and in which row first."""

    counts: dict[str, tuple[int, int]] = {}

    def merge(self, other: "BadValues", offset: int) -> "BadValues":
        """Both together; `offset` rows lie before the other's."""
        counts = dict(self.counts)
        for value, (count, row) in other.counts.items():
            known = counts.get(value)
            counts[value] = (known[0] + count, known[1]) if known else (count, row + offset)
        return BadValues(counts=counts)

    @property
    def total(self) -> int:
        return sum(count for count, _ in self.counts.values())

    def finding(self, name: str, noun: str, flag: str) -> list[Finding]:
        """One warning that lists each bad value once."""
        if not self.counts:
            return []
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1][0], item[1][1]))
        listed = [f"'{value[:40]}' ({count}×, first in row {row + 1})" for value, (count, row) in ordered[:8]]
        more = f" and {len(ordered) - 8} more" if len(ordered) > 8 else ""
        text = (
            f"'{name}' is taken as a {noun}; {'1 cell is not and counts' if self.total == 1 else f'{self.total} cells are not and count'} as missing: {', '.join(listed)}{more}."
            f" To treat it otherwise: {flag}"
        )
        first = min(row for _, row in self.counts.values())
        return [Finding("warning", "bad-values", text, name, self.total, first, tuple(v for v, _ in ordered[:20]))]


def missing_finding(name: str, missing: int, rows: int) -> list[Finding]:
    """A note when cells are empty, a warning when most are."""
    if not missing:
        return []
    share = missing / max(1, rows)
    text = f"'{name}' is empty in {missing} of {rows} rows ({percent(share)}); the network is told so."
    return [Finding("warning" if share > 0.5 else "note", "missing", text, name, missing)]
