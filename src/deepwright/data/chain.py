"""Two tables with the same columns, one after the other: training rows and a test file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from deepwright.contracts import Finding
from deepwright.data.table import CHUNK, Table

__all__ = ["Chain"]


@dataclass
class Chain:
    """All rows of `first`, then all rows of `second`; columns are those of `first`, missing ones empty."""

    first: Table
    second: Table

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

    def _aligned(self, frame: pl.DataFrame, columns: Sequence[str], like: pl.DataFrame) -> pl.DataFrame:
        """The second table's frame in the types of the first: texts where they differ."""
        missing = [pl.lit(None, dtype=like[name].dtype).alias(name) for name in columns if name not in frame.columns]
        return frame.with_columns(missing).select(columns).cast(dict(like.schema), strict=False)

    def _known(self, columns: Sequence[str]) -> list[str]:
        """The wanted columns that the second table has; at least one of its own, which tells the number of rows."""
        return [name for name in columns if name in self.second.columns] or list(self.second.columns[:1])

    def chunks(self, columns: Sequence[str] | None = None, rows: int = CHUNK) -> Iterator[pl.DataFrame]:
        wanted = list(columns or self.columns)
        yield from self.first.chunks(wanted, rows)
        like = self.first.take([], wanted) if self.first.height else self.first.select(wanted)
        for chunk in self.second.chunks(self._known(wanted), rows):
            yield self._aligned(chunk, wanted, like)

    def select(self, columns: Sequence[str]) -> pl.DataFrame:
        first = self.first.select(columns)
        second = self.second.select(self._known(columns))
        return pl.concat([first, self._aligned(second, columns, first)])

    def take(self, rows: Sequence[int] | np.ndarray, columns: Sequence[str] | None = None) -> pl.DataFrame:
        wanted = list(columns or self.columns)
        index = np.asarray(rows, dtype=np.int64)
        early = index < self.first.height
        first = self.first.take(index[early], wanted)
        second = self.second.take(index[~early] - self.first.height, self._known(wanted))
        both = pl.concat([first, self._aligned(second, wanted, first)])
        back = np.empty(len(index), dtype=np.int64)
        back[np.concatenate([np.flatnonzero(early), np.flatnonzero(~early)])] = np.arange(len(index))
        return both[back]
