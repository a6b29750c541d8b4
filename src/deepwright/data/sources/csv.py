"""CSV and its relatives: any delimiter and encoding, plain or compressed. Cells stay text.

polars reads what is written by the book. What is not (stray quotes, blanks as delimiters, a short first row …) is read
cell by cell with the standard library and written anew, by the book, for polars.
"""

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal

import polars as pl
from pydantic import Field as Setting

from deepwright.contracts import Finding
from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.core.files import place_errors
from deepwright.core.wording import plural
from deepwright.data.room import allowed
from deepwright.data.sources.copies import room_for_copy, write_copy
from deepwright.data.sources.dialect import Dialect, find_dialect, records
from deepwright.data.sources.encoding import find_encoding
from deepwright.data.sources.paths import LOOKED_AT, absolute_paths, path_changes
from deepwright.data.sources.streams import blocks, broken_utf8, is_packed, lone_returns, read_bytes, text_lines
from deepwright.data.table import FrameTable, ScannedTable, Table, scratch_folder
from deepwright.registries import sources

__all__ = ["CSV"]

_IN_MEMORY = 64 << 20  # bytes of text; more is converted once and read in chunks
_GROWS = 8  # times: cells of text and a copy of the file
_SAMPLE = 1 << 20
_UTF8 = ("utf-8", "utf-8-sig", "ascii")
_EMPTY_ROW = pl.all_horizontal(pl.all().is_null())


@sources.register
class CSV(Config):
    """A text file with one row a line. Rows without any filled cell are left out.

    Args:
        delimiter, encoding, header: None finds them out; the recipe of a run holds what was found.
        decimal: the decimal sign of numbers that can be read both ways ("1.234").
    """

    kind: Literal["csv"] = "csv"
    path: str
    delimiter: str | None = Setting(None, min_length=1, max_length=1)
    encoding: str | None = None
    header: bool | None = None
    decimal: Literal[".", ","] | None = None

    def open(self) -> Table:
        """Raises DataError: the file is missing, empty, binary, cut short, or has a header only."""
        path = Path(self.path)
        most = allowed(_IN_MEMORY, _GROWS)
        data = read_bytes(path, max(most, _SAMPLE) + 1)
        if not data.strip(b"\r\n\t \0\xef\xbb\xbf\xff\xfe"):
            raise DataError(f"{path.name} is empty.")
        fits = len(data) <= most
        dialect = self._dialect(path, data, fits or len(data) <= _SAMPLE)
        if fits:
            return _in_memory(path, data, dialect)
        del data
        if dialect.encoding == "utf-8" and self.encoding is None and broken_utf8(path):
            dialect = replace(dialect, encoding="cp1252", simple=False)
        return _on_disk(path, dialect)

    def _dialect(self, path: Path, data: bytes, whole: bool) -> Dialect:
        encoding = self.encoding or find_encoding(data if whole else data[:_SAMPLE], whole)
        enough = data.count(b"\n", 0, _SAMPLE) > 10  # else the lines are longer than most files
        head = data[:_SAMPLE] if enough else data
        try:
            text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
        except LookupError as error:
            raise DataError(f"There is no encoding '{encoding}'. Usual ones: utf-8, cp1252, utf-16.") from error
        if "\0" in text[:10_000]:
            raise DataError(f"{path.name} is not a text file (it holds NUL bytes). Expected rows of text, such as CSV.")
        complete = whole and len(head) == len(data)
        found = find_dialect(text, complete, path.name, encoding, self.delimiter, self.header)
        return found if self.decimal is None else replace(found, decimal=self.decimal)


def _in_memory(path: Path, data: bytes, dialect: Dialect) -> Table:
    def careful() -> tuple[pl.DataFrame, list[Finding]]:
        text, target = _decoded(data, dialect.encoding), io.StringIO(newline="")
        told = _rewrite(lambda: io.StringIO(text, newline=""), target, dialect)
        return pl.read_csv(target.getvalue().encode(), **_options(dialect, True)), told

    def plain() -> tuple[pl.DataFrame, list[Finding]]:
        text = data if dialect.encoding in _UTF8 else _decoded(data, dialect.encoding).encode()
        if lone_returns([text]):
            return careful()
        return pl.read_csv(text.removeprefix(b"\xef\xbb\xbf"), **_options(dialect, False)), []

    frame, told = _read(path, dialect, plain, careful)
    filled = frame.filter(~_EMPTY_ROW)
    findings = _findings(path, dialect, told, frame.height - filled.height, filled.height)
    return FrameTable(absolute_paths(filled, path.parent), path.name, findings, _decisions(dialect), (path,))


def _decoded(data: bytes, encoding: str) -> str:
    return data.decode(encoding, errors="replace").removeprefix("\ufeff")


def _on_disk(path: Path, dialect: Dialect) -> Table:
    with room_for_copy(path):
        return _converted(path, dialect)


def _converted(path: Path, dialect: Dialect) -> Table:
    folder, keep = scratch_folder()
    text, parquet = folder / "text.csv", folder / "table.parquet"

    def convert(source: Path, rewritten: bool) -> Path:
        scan = pl.scan_csv(source, low_memory=True, glob=False, **_options(dialect, rewritten))
        write_copy(scan, parquet, len(dialect.names), path.name)
        return parquet

    def careful() -> tuple[Path, list[Finding]]:
        with place_errors(text), text.open("w", encoding="utf-8", newline="") as target:
            told = _rewrite(lambda: text_lines(path, dialect.encoding), target, dialect)
        return convert(text, True), told

    def plain() -> tuple[Path, list[Finding]]:
        if not is_packed(path) and dialect.encoding in _UTF8:
            return (convert(path, False), []) if not lone_returns(blocks(path)) else careful()
        with place_errors(text), text.open("w", encoding="utf-8", newline="") as target:
            target.writelines(text_lines(path, dialect.encoding))
        return (convert(text, False), []) if not lone_returns(blocks(text)) else careful()

    place, told = _read(path, dialect, plain, careful)
    text.unlink(missing_ok=True)
    scan = pl.scan_parquet(place, glob=False)
    blank, rows = scan.select(_EMPTY_ROW.sum().alias("blank"), pl.len().alias("rows")).collect().row(0)
    if blank:
        place = folder / "filled.parquet"
        write_copy(scan.filter(~_EMPTY_ROW), place, len(dialect.names), path.name)
        parquet.unlink()
    changes = path_changes(pl.scan_parquet(place, glob=False).head(LOOKED_AT).collect(), path.parent)
    findings = _findings(path, dialect, told, int(blank), int(rows - blank))
    return ScannedTable(place, path.name, findings, _decisions(dialect), (path,), keep, tuple(changes))


def _read(path: Path, dialect: Dialect, plain: Callable[[], Any], careful: Callable[[], Any]) -> Any:
    """What the quick reader gives, or the careful one where the quick one would stumble or does."""
    try:
        if dialect.simple:
            try:
                return plain()
            except pl.exceptions.PolarsError:
                return careful()
        return careful()
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path.name} cannot be read as rows of cells: {str(error).splitlines()[0]}") from error


def _options(dialect: Dialect, rewritten: bool) -> dict[str, Any]:
    return {
        "separator": "," if rewritten else dialect.delimiter,
        "has_header": False,
        "skip_rows": 0 if rewritten else int(dialect.header),
        "infer_schema": False,
        "schema": dict.fromkeys(dialect.names, pl.String),
        "truncate_ragged_lines": True,
        "null_values": [""],
    }


def _rewrite(lines: Callable[[], Iterable[str]], target: IO[str], dialect: Dialect) -> list[Finding]:
    """Write rows by the book: a comma, quotes where needed, as many cells as there are columns, no header."""
    try:
        _write(lines(), target, dialect, quotes=True, strict=True)
        return []
    except csv.Error:
        fits = [_write(lines(), None, dialect, quotes, False) for quotes in (True, False)]
    target.seek(0)
    target.truncate()
    quotes = fits[0] >= fits[1]
    _write(lines(), target, dialect, quotes, False)
    how = "some cells may hold more than they should" if quotes else "they were read as ordinary characters"
    return [Finding("warning", "quotes", f"The double quotes in this file do not pair; {how}.")]


def _write(lines: Iterable[str], target: IO[str] | None, dialect: Dialect, quotes: bool, strict: bool) -> int:
    """Returns how many rows had as many cells as there are columns."""
    fitting, width = 0, len(dialect.names)
    writer = None if target is None else csv.writer(target, lineterminator="\n")
    left_out = dialect.skip + int(dialect.header)
    for cells in records(lines, dialect.delimiter, dialect.padded, quotes, strict):
        if not cells:
            continue
        if left_out:
            left_out -= 1
            continue
        fitting += len(cells) == width
        if writer is not None:
            writer.writerow([*cells[:width], *[""] * (width - len(cells))])
    return fitting


def _findings(path: Path, dialect: Dialect, told: list[Finding], blank: int, rows: int) -> tuple[Finding, ...]:
    if not rows:
        raise DataError(f"{path.name} has no row with a filled cell.")
    verb = "was" if blank == 1 else "were"
    text = f"{plural(blank, 'row')} without any filled cell {verb} left out."
    return tuple(chain(dialect.findings, told, [Finding("note", "blank-rows", text, count=blank)] if blank else []))


def _decisions(dialect: Dialect) -> dict[str, Any]:
    names = ("delimiter", "encoding", "header", "decimal")
    return {name: getattr(dialect, name) for name in names}
