"""CSV and its relatives: any delimiter and encoding, plain or compressed. Cells stay text."""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

import polars as pl

from deepwright.contracts import Finding
from deepwright.core.config import Config
from deepwright.core.errors import DataError, need
from deepwright.data.cells import parse_numbers
from deepwright.data.sources.paths import absolute_paths
from deepwright.data.table import CHUNK, FrameTable, ScannedTable, Table, scratch_folder
from deepwright.registries import sources

__all__ = ["CSV"]

_IN_MEMORY = 64 << 20  # bytes; larger files are converted once and read in chunks
_SAMPLE = 1 << 20
_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar", " ": "a blank"}


@sources.register
class CSV(Config):
    """A text file with one row a line.

    Args:
        delimiter, encoding, header: None finds them out; the recipe of a run holds what was found.
    """

    kind: Literal["csv"] = "csv"
    path: str
    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None

    def open(self) -> Table:
        """Raises DataError: the file is empty, binary, or has a header only."""
        path = Path(self.path)
        with _raw(path) as file:
            head = file.read(_SAMPLE)
        if not head.strip():
            raise DataError(f"{path.name} is empty.")
        encoding = self.encoding or _encoding(head)
        text = head.decode(encoding, errors="replace").lstrip("\ufeff")
        if "\0" in text[:10_000]:
            raise DataError(f"{path.name} is not a text file (it holds NUL bytes). Expected rows of text, such as CSV.")
        delimiter = self.delimiter or _delimiter(text)
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
        lines = [line for line in (lines[:-1] if len(head) == _SAMPLE else lines) if line]
        header = _has_header(lines) if self.header is None else self.header
        names, findings = _names(lines[0], header)
        if len(lines) <= int(header):
            raise DataError(f"{path.name} has a header but no rows.")
        decisions = {"delimiter": delimiter, "encoding": encoding, "header": header}
        findings += _told(decisions, path)
        if len(head) < _SAMPLE:
            findings += _ragged(lines, len(names), header)
        reading = {"separator": delimiter, "has_header": False, "skip_rows": int(header), "infer_schema": False,
                   "schema": dict.fromkeys(names, pl.String), "truncate_ragged_lines": True}  # fmt: skip
        return self._read(path, encoding, reading, tuple(findings), decisions)

    def _read(self, path: Path, encoding: str, reading: dict[str, Any], findings: Any, decisions: Any) -> Table:
        plain = encoding in ("utf-8", "ascii") and path.suffix not in (".gz", ".zst")
        if path.stat().st_size < _IN_MEMORY:
            with _raw(path) as file:
                data = file.read()
            if not plain:
                data = data.decode(encoding, errors="replace").lstrip("\ufeff").encode()
            frame = _guarded(path, lambda: pl.read_csv(data, **reading))
            return FrameTable(absolute_paths(frame, path.parent), path.name, findings, decisions, (path,))
        folder, keep = scratch_folder()
        source = path
        if not plain:
            source = folder / "text.csv"
            with open(source, "wb") as target:
                target.writelines(_transcoded(path, encoding))
        parquet = folder / "table.parquet"
        scan = pl.scan_csv(source, low_memory=True, **reading)
        _guarded(path, lambda: scan.sink_parquet(parquet, row_group_size=CHUNK, compression="lz4"))
        return ScannedTable(parquet, path.name, findings, decisions, (path,), keep)


def _raw(path: Path) -> IO[bytes]:
    """The bytes of the text, decompressed on the way."""
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    if path.suffix == ".zst":
        return need("zstandard", "zst").open(path, "rb")
    return open(path, "rb")


def _transcoded(path: Path, encoding: str) -> Iterator[bytes]:
    with _raw(path) as file, io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="") as text:
        first = True
        while block := text.read(_SAMPLE):
            yield (block.lstrip("\ufeff") if first else block).encode()
            first = False


def _guarded(path: Path, read: Any) -> Any:
    try:
        return read()
    except (pl.exceptions.ComputeError, pl.exceptions.NoDataError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{path.name} cannot be read as rows of cells: {first}") from error


def _encoding(head: bytes) -> str:
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if head.startswith(mark):
            return name
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # not just a character cut in two by the sample's end
            try:
                head.decode("cp1252")
            except UnicodeDecodeError:
                return "latin-1"
            return "cp1252"
    return "utf-8"


def _delimiter(text: str) -> str:
    """The sign that divides the first lines into the same number (> 1) of cells most often."""
    best, most = ",", 0.0
    sample = "\n".join(text.splitlines()[:200])
    for sign in _DELIMITERS:
        counts = [len(line) for line in csv.reader(io.StringIO(sample), delimiter=sign) if line]
        usual = max(set(counts), key=counts.count, default=1)
        if usual > 1:
            score = counts.count(usual) / len(counts) + min(usual, 50) / 1000 - (0.3 if sign == " " else 0)
            if score > most:
                best, most = sign, score
    return best


def _has_header(lines: list[list[str]]) -> bool:
    """A first row of numbers only is data."""
    import polars as pl

    cells = [cell for cell in lines[0] if cell.strip()]
    return not cells or parse_numbers(pl.Series("cells", cells, dtype=pl.String), ".", "", ("", "")).share < 1


def _names(first: list[str], header: bool) -> tuple[list[str], list[Finding]]:
    if not header:
        names = [f"x{place}" for place in range(len(first))]
        text = f"The first row holds numbers only, so the columns were named {names[0]} to {names[-1]}."
        return names, [Finding("note", "no-header", text)]
    names: list[str] = []
    findings = []
    for place, cell in enumerate(first):
        name = wanted = cell.strip() or f"column_{place + 1}"
        number = 2
        while name in names:
            name, number = f"{wanted}_{number}", number + 1
        if name != cell.strip():
            why = "has no name" if not cell.strip() else "bears a name that was taken already"
            text = f"Column {place + 1} {why}; it is called '{name}' here."
            findings.append(Finding("warning", "column-name", text, name))
        names.append(name)
    return names, findings


def _told(decisions: dict[str, Any], path: Path) -> list[Finding]:
    told = []
    if decisions["delimiter"] != ",":
        told.append(f"cells are divided by {_DELIMITERS.get(decisions['delimiter'], repr(decisions['delimiter']))}")
    if decisions["encoding"] not in ("utf-8", "ascii"):
        told.append(f"the text is encoded as {decisions['encoding']}")
    return [Finding("note", "format", f"In {path.name}, {' and '.join(told)}.")] if told else []


def _ragged(lines: list[list[str]], width: int, header: bool) -> list[Finding]:
    rows = [place for place, line in enumerate(lines[int(header) :]) if len(line) != width]
    if not rows:
        return []
    text = (
        f"{len(rows)} rows do not have {width} cells (the first is row {rows[0] + 1}): "
        "missing cells count as empty, cells too many are left out."
    )
    return [Finding("warning", "ragged", text, count=len(rows), row=rows[0])]
