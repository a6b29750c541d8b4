"""New data whose numbers are written with another decimal sign than the training data: the same numbers, written alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from deepwright.contracts import Finding
from deepwright.data.table import CHUNK, Table

__all__ = ["with_sign"]

_WORDS = {".": "decimal points", ",": "decimal commas"}


@dataclass
class _Rewritten:
    """`table` with the numbers in its texts written with the decimal sign `sign`, without signs between thousands."""

    table: Table
    sign: str
    note: Finding

    @property
    def origin(self) -> str:
        return self.table.origin

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (*self.table.findings, self.note)

    @property
    def decisions(self) -> Mapping[str, Any]:
        return self.table.decisions

    @property
    def files(self) -> tuple[Path, ...]:
        return self.table.files

    @property
    def columns(self) -> tuple[str, ...]:
        return self.table.columns

    @property
    def height(self) -> int:
        return self.table.height

    def chunks(self, columns: Sequence[str] | None = None, rows: int = CHUNK) -> Iterator[pl.DataFrame]:
        for chunk in self.table.chunks(columns, rows):
            yield self._alike(chunk)

    def select(self, columns: Sequence[str]) -> pl.DataFrame:
        return self._alike(self.table.select(columns))

    def take(self, rows: Sequence[int] | np.ndarray, columns: Sequence[str] | None = None) -> pl.DataFrame:
        return self._alike(self.table.take(rows, columns))

    def _alike(self, frame: pl.DataFrame) -> pl.DataFrame:
        own, group = (",", ".") if self.sign == "." else (".", ",")
        number = rf"^[^\d,.]{{0,4}}(\d{{1,3}}(\{group}\d{{3}})+|\d+|)(\{own}\d+)?[^\d,.]{{0,12}}$"
        changes = [
            pl.when(pl.col(name).str.contains(number))
            .then(pl.col(name).str.replace_all(group, "", literal=True).str.replace(own, self.sign, literal=True))
            .otherwise(pl.col(name))
            .alias(name)
            for name, dtype in frame.schema.items()
            if dtype == pl.String
        ]
        return frame.with_columns(changes)


def with_sign(table: Table, sign: str | None) -> Table:
    """The table, its numbers written with `sign`, where it is known to have the other one."""
    own = table.decisions.get("decimal")
    if own is None or sign is None or own == sign:
        return table
    text = f"{table.origin} has {_WORDS[own]}, the training data {_WORDS[sign]}; its numbers are read accordingly."
    return _Rewritten(table, sign, Finding("note", "decimal", text))
