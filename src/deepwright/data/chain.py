"""Two tables with the same columns, one after the other: training rows and a test file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from deepwright.contracts import Finding
from deepwright.data.alike import Alike, alike
from deepwright.data.table import CHUNK, Table

__all__ = ["Chain"]

JUDGED = 5000  # first rows that tell how the first table writes dates


@dataclass
class Chain:
    """All rows of `first`, then all rows of `second`; columns are those of `first`, missing ones empty, each in a type that both tables' cells have."""

    first: Table
    second: Table
    _changes: dict[str, Alike] = field(default_factory=dict, repr=False)

    @property
    def origin(self) -> str:
        return self.first.origin

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (*self.first.findings, *self.second.findings)

    @property
    def decisions(self) -> Mapping[str, Any]:
        return self.first.decisions

    @property
    def files(self) -> tuple[Path, ...]:
        return (*self.first.files, *self.second.files)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.first.columns

    @property
    def height(self) -> int:
        return self.first.height + self.second.height

    def _alike(self, name: str) -> Alike:
        """How a column of both tables gets one type; found out once."""
        if name not in self._changes:
            head = next(iter(self.first.chunks([name], JUDGED)), None)
            first = self.first.select([name]) if head is None else head
            decimal = self.first.decisions.get("decimal") or "."
            if name in self.second.columns:
                self._changes[name] = alike(first.to_series(), self.second.select([name]).to_series(), decimal)
            else:
                empty = pl.Series(name, [], dtype=first.to_series().dtype)
                self._changes[name] = alike(first.to_series(), empty)
        return self._changes[name]

    def _first(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows of the first table in the common types."""
        return frame.with_columns(self._alike(column.name).first(column) for column in frame)

    def _second(self, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """Rows of the second table with the first one's columns, empty where it has none, in the common types."""
        made = []
        for name in columns:
            change = self._alike(name)
            missing = name not in frame.columns
            made.append(
                pl.Series(name, [None] * frame.height, dtype=change.dtype)
                if missing
                else change.second(frame[name]).alias(name)
            )
        return pl.DataFrame(made)

    def _known(self, columns: Sequence[str]) -> list[str]:
        """The wanted columns that the second table has; at least one of its own, which tells the number of rows."""
        return [name for name in columns if name in self.second.columns] or list(self.second.columns[:1])

    def chunks(self, columns: Sequence[str] | None = None, rows: int = CHUNK) -> Iterator[pl.DataFrame]:
        wanted = list(columns or self.columns)
        for chunk in self.first.chunks(wanted, rows):
            yield self._first(chunk)
        for chunk in self.second.chunks(self._known(wanted), rows):
            yield self._second(chunk, wanted)

    def select(self, columns: Sequence[str]) -> pl.DataFrame:
        second = self.second.select(self._known(columns))
        return pl.concat([self._first(self.first.select(columns)), self._second(second, columns)])

    def take(self, rows: Sequence[int] | np.ndarray, columns: Sequence[str] | None = None) -> pl.DataFrame:
        wanted = list(columns or self.columns)
        index = np.asarray(rows, dtype=np.int64)
        early = index < self.first.height
        first = self._first(self.first.take(index[early], wanted))
        second = self.second.take(index[~early] - self.first.height, self._known(wanted))
        both = pl.concat([first, self._second(second, wanted)])
        back = np.empty(len(index), dtype=np.int64)
        back[np.concatenate([np.flatnonzero(early), np.flatnonzero(~early)])] = np.arange(len(index))
        return both[back]
