"""Tables: named raw columns, read in chunks. Cells stay as they were written."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl

from deepwright.contracts import Finding
from deepwright.core.errors import DataError, did_you_mean
from deepwright.core.files import file_hash
from deepwright.data.room import CHUNK, at_once

__all__ = ["CHUNK", "FrameTable", "ScannedTable", "Table", "digests", "pieces", "require_columns", "scratch_folder"]

PIECE = 8192  # rows encoded at once


class Table(Protocol):
    """Raw columns; see ARCHITECTURE.md, "The table"."""

    origin: str
    findings: tuple[Finding, ...]
    decisions: Mapping[str, Any]
    files: tuple[Path, ...]

    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def height(self) -> int: ...
    def chunks(self, columns: Sequence[str] | None = None, rows: int = CHUNK) -> Iterator[pl.DataFrame]: ...
    def select(self, columns: Sequence[str]) -> pl.DataFrame: ...
    def take(self, rows: Sequence[int] | np.ndarray, columns: Sequence[str] | None = None) -> pl.DataFrame: ...


@dataclass
class FrameTable:
    """A table in memory."""

    frame: pl.DataFrame
    origin: str
    findings: tuple[Finding, ...] = ()
    decisions: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.frame.columns)

    @property
    def height(self) -> int:
        return self.frame.height

    def chunks(self, columns: Sequence[str] | None = None, rows: int = CHUNK) -> Iterator[pl.DataFrame]:
        frame = self._only(columns)
        for start in range(0, frame.height, rows):
            yield frame.slice(start, rows)

    def select(self, columns: Sequence[str]) -> pl.DataFrame:
        return self._only(columns)

    def take(self, rows: Sequence[int] | np.ndarray, columns: Sequence[str] | None = None) -> pl.DataFrame:
        return self._only(columns)[np.asarray(rows, dtype=np.int64)]

    def _only(self, columns: Sequence[str] | None) -> pl.DataFrame:
        """Without a query: planning one looks at every column there is, and columns are asked for one by one."""
        return self.frame if columns is None else pl.DataFrame([self.frame.get_column(name) for name in columns])


@dataclass
class ScannedTable:
    """A table on the disk (Parquet), read piece by piece: memory holds one chunk."""

    path: Path
    origin: str
    findings: tuple[Finding, ...] = ()
    decisions: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    keep: Any = None  # what must live as long as the file does
    changes: tuple[pl.Expr, ...] = ()  # of columns, made when they are read (picture paths)

    def __post_init__(self) -> None:
        self._scan = pl.scan_parquet(self.path, glob=False)
        if self.changes:
            self._scan = self._scan.with_columns(self.changes)
        self._columns = tuple(self._scan.collect_schema().names())
        self._height = int(self._scan.select(pl.len()).collect().item())

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    @property
    def height(self) -> int:
        return self._height

    def chunks(self, columns: Sequence[str] | None = None, rows: int = CHUNK) -> Iterator[pl.DataFrame]:
        scan = self._scan if columns is None else self._scan.select(columns)
        for start in range(0, self._height, rows):
            yield scan.slice(start, rows).collect()

    def select(self, columns: Sequence[str]) -> pl.DataFrame:
        return self._scan.select(columns).collect()

    def take(self, rows: Sequence[int] | np.ndarray, columns: Sequence[str] | None = None) -> pl.DataFrame:
        wanted = np.asarray(rows, dtype=np.int64)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < self._height:
            raise IndexError(f"rows {wanted.min()} to {wanted.max()} of {self._height}")
        order = np.argsort(wanted, kind="stable")
        scan = self._scan if columns is None else self._scan.select(columns)
        size = at_once(len(self._columns if columns is None else columns))
        parts = []
        for start in range(0, self._height, size):
            low, high = np.searchsorted(wanted[order], [start, start + size])
            if high > low:  # what holds none of the rows is not read
                parts.append(scan.slice(start, size).collect()[wanted[order[low:high]] - start])
        if not parts:
            return scan.head(1).collect().clear()
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pl.concat(parts)[back]


class _Scratch:
    """The owner of a temporary folder: the folder goes when the owner does, or with the process."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="deepwright-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def pieces(
    table: Table, rows: np.ndarray, columns: Sequence[str] | None = None
) -> Iterator[tuple[np.ndarray, pl.DataFrame]]:
    """Some rows (ascending) in frames of at most `PIECE`, each with its row numbers; the table is read once.

    Which rows are together does not depend on how many are read at once: the last bits of answers may.
    """
    ends = iter(_ends(rows, table.height))
    start = first = done = 0
    end, parts = next(ends, 0), list[pl.DataFrame]()
    for chunk in table.chunks(columns, at_once(len(table.columns if columns is None else columns))):
        high = int(np.searchsorted(rows, start + chunk.height))
        while done < high:
            upto = min(high, end)
            parts.append(chunk[rows[done:upto] - start])
            done = upto
            if done == end:
                yield rows[first:end], pl.concat(parts, rechunk=True)
                first, end, parts = end, next(ends, end), []
        start += chunk.height
        del chunk  # else it is held while the next one is read


def _ends(rows: np.ndarray, height: int) -> Iterator[int]:
    """Where pieces end, as places in `rows`: after `PIECE` of them, and at every `CHUNK` rows of the table."""
    low = 0
    for start in range(0, height, CHUNK):
        high = int(np.searchsorted(rows, start + CHUNK))
        yield from (min(first + PIECE, high) for first in range(low, high, PIECE))
        low = high


def scratch_folder() -> tuple[Path, Any]:
    """A temporary folder that disappears with the returned object (or the process)."""
    scratch = _Scratch()
    return scratch.path, scratch


def require_columns(table: Table, columns: Sequence[str], role: str) -> None:
    """Raises DataError: a named column is not in the table; the sentence names the nearest."""
    for column in columns:
        if column not in table.columns:
            left = "".join(f" {finding.text}" for finding in table.findings if finding.code == "other-arrays")
            near = did_you_mean(column, table.columns)
            raise DataError(f"{table.origin} has no column '{column}' ({role}). {near}{left}")


def digests(table: Table) -> dict[str, str]:
    """Each file of a table with its SHA-256, to tell later whether the data is still the same."""
    return {str(path.resolve()): file_hash(path) for path in table.files[:1000] if path.is_file()}
