"""How a text file of cells is written: its delimiter, header, columns and decimal sign, found out from its beginning."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import polars as pl

from deepwright.contracts import Finding
from deepwright.core.errors import DataError
from deepwright.data.cells import parse_numbers
from deepwright.data.sources.encoding import SURE

__all__ = ["Dialect", "find_decimal", "find_delimiter", "find_dialect", "records"]

_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar", " ": "a blank"}
_LINES = 200
_CELLS = 50_000  # looked at for decimal commas
_COMMA = re.compile(r"^[^\d,.]{0,4}[+-]?(\d*|\d{1,3}(?:\.\d{3})+),(\d+)[^\d,.]{0,12}$")
_POINT = re.compile(r"^[^\d,.]{0,4}[+-]?(\d*|\d{1,3}(?:,\d{3})+)\.(\d+)[^\d,.]{0,12}$")
_DECIMAL = re.compile(r"^\s*[^\d\s]{0,3}\s*[+-]?\d[\d.,' ]*\s*[^\d\s]{0,5}\s*$")


@dataclass(frozen=True)
class Dialect:
    """The form of a text file.

    Args:
        header: whether the first record (after `skip` records that are no part of the table) holds the names.
        simple: whether a plain reader that knows only the delimiter and double quotes gets everything right.
        padded: blanks before a quote or between cells mean nothing.
        decimal: the sign that numbers have which could be read both ways ("1.234"); None where nothing tells.
    """

    encoding: str
    delimiter: str
    decimal: str | None
    header: bool
    names: tuple[str, ...]
    skip: int
    simple: bool
    padded: bool
    findings: tuple[Finding, ...]


def find_dialect(
    text: str, whole: bool, origin: str, encoding: str, delimiter: str | None, header: bool | None
) -> Dialect:
    """The form of a text from its beginning; `whole` when that is all of it. What is given is not doubted.

    Raises:
        DataError: there is a header but no row, or two columns have one name.
    """
    delimiter = delimiter or find_delimiter(text)
    padded = delimiter == " " or _pads_quotes(text, delimiter)
    every = list(records(text, delimiter, padded))
    every = every if whole or len(every) <= 2 else every[:-1]  # the last one may be cut in two
    lines = [line for line in every if line]
    usual = Counter(map(len, lines[:5000])).most_common(1)[0][0]
    skip = _preamble(lines, usual)
    lines = lines[skip:]
    header = _has_header(lines) if header is None else header
    if len(lines) <= int(header):
        raise DataError(f"{origin} has a header but no rows.")
    rows = lines[int(header) :]
    if header:
        _refuse_twins(lines[0], origin)
    names, findings = _names(lines[0] if header else None, _width(lines, header, usual), rows, usual)
    decimal = find_decimal(rows, delimiter)
    findings = _told(delimiter, encoding, decimal, origin) + findings + _ragged(rows, len(names), whole)
    if skip:
        lines_ = f"The first line of {origin} is" if skip == 1 else f"The first {skip} lines of {origin} are"
        passed = f"{lines_} no part of the table and {'was' if skip == 1 else 'were'} passed over."
        findings.append(Finding("note", "preamble", passed, count=skip))
    clean = every[: int(header) + 1] == lines[: int(header) + 1]  # no blank line before the first row
    simple = not padded and not skip and clean and len(rows[0]) == len(names) and "\n" in text and len(delimiter) == 1
    simple = simple and delimiter.isascii()
    return Dialect(encoding, delimiter, decimal, header, tuple(names), skip, simple, padded, tuple(findings))


def _pads_quotes(text: str, delimiter: str) -> bool:
    """Whether quotes follow blanks at the beginning of cells, and not within quoted ones."""
    if f'{delimiter} "' not in text:
        return False
    return any(cell.startswith(' "') for cells in records(text, delimiter) for cell in cells)


def records(
    text: str | Iterable[str], delimiter: str, padded: bool = False, quotes: bool = True, strict: bool = False
) -> Iterator[list[str]]:
    """Rows of cells; an empty line gives an empty list. Stops at a record that cannot be read, unless strict.

    Raises:
        csv.Error: when strict, quotes that do not pair.
    """
    csv.field_size_limit(1 << 30)  # whole documents may stand in a cell
    source = io.StringIO(text, newline="") if isinstance(text, str) else text
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=padded, quoting=quoting, strict=strict)
    while True:
        try:
            line = next(reader)
        except StopIteration:
            return
        except csv.Error:
            if strict:
                raise
            return
        if delimiter == " " and line and not line[-1]:
            line.pop()  # a blank at the end divides nothing
        yield line


def find_delimiter(text: str) -> str:
    """The sign that divides the first lines into the same number (> 1) of cells most often."""
    found: dict[str, tuple[float, float]] = {}
    for sign in _DELIMITERS:
        lines = [line for line in islice(records(text, sign, sign == " "), _LINES) if line]
        usual, times = Counter(map(len, lines)).most_common(1)[0] if lines else (1, 0)
        if usual > 1 and not (sign == " " and _numbers(lines[1:] or lines) < 0.5):
            share = times / len(lines)
            found[sign] = share, share + min(usual, 50) / 1000 - (0.3 if sign == " " else 0)
    best = max(found, key=lambda sign: found[sign][1]) if found else _rare_delimiter(text)
    if best == ",":  # commas may be decimal signs within cells that another sign divides
        for sign in (";", "\t", "|"):
            if sign in found and found[sign][0] >= found[","][0] - 0.02 and _only_decimals(text, sign):
                return sign
    return best


def _rare_delimiter(text: str) -> str:
    """A sign that divides every line alike, also the header (of words), where none of the usual ones divides any."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    signs = {sign for sign in first if not sign.isalnum() and sign not in " _-.,'\"()[]{}"}
    for sign in sorted(signs, key=first.index):
        lines = [line for line in islice(records(text, sign), _LINES) if line]
        words = all(cell.strip() and not _numbers([[cell]]) for cell in lines[0])
        if words and len(lines) > 2 and {len(line) for line in lines} == {len(lines[0])} != {1}:
            return sign
    return ","


def find_decimal(rows: list[list[str]], delimiter: str) -> str | None:
    """The decimal sign of (nearly) all cells that can be read in one way only; None where there are hardly any."""
    cells = list(islice((cell for row in rows for cell in row), _CELLS))
    commas, points = (sum(_sure(form.match(cell.strip())) for cell in cells) for form in (_COMMA, _POINT))
    if commas > 2 and commas > 20 * points and delimiter != ",":
        return ","
    return "." if points > 2 and points > 20 * commas else None


def _sure(found: "re.Match[str] | None") -> bool:
    """Whether a sign before digits can only be a decimal sign: groups of thousands have three digits and begin with none."""
    return found is not None and (len(found[2]) != 3 or not found[1].strip("0") or not found[1].isdigit())


def _numbers(lines: list[list[str]]) -> float:
    cells = [cell for line in lines for cell in line if cell.strip()]
    return parse_numbers(pl.Series("cells", cells, dtype=pl.String), affix=("", "")).share


def _only_decimals(text: str, delimiter: str) -> bool:
    """Whether commas stand only within numbers when another sign divides the cells."""
    cells = [cell for line in islice(records(text, delimiter), _LINES) for cell in line if "," in cell]
    return all(_DECIMAL.match(cell) for cell in cells)


def _preamble(lines: list[list[str]], usual: int) -> int:
    """Records before the table: titles and comments, of one cell where rows have several."""
    skip = 0
    while usual > 2 and skip < min(20, len(lines) - 2) and sum(bool(cell.strip()) for cell in lines[skip]) == 1:
        skip += 1
    return skip if len(lines[skip]) >= usual - 1 else 0


def _has_header(lines: list[list[str]]) -> bool:
    """A first row of numbers only is data; so is one with numbers whose words all come again in their columns."""
    first = [(place, cell.strip()) for place, cell in enumerate(lines[0]) if cell.strip()]
    numbers = parse_numbers(pl.Series("cells", [cell for _, cell in first], dtype=pl.String), affix=("", "")).values
    words = [pair for pair, number in zip(first, numbers, strict=True) if number is None]
    if not first or len(words) == len(first):
        return True
    below = lines[1:1000]
    return not all(any(place < len(line) and line[place].strip() == word for line in below) for place, word in words)


def _width(lines: list[list[str]], header: bool, usual: int) -> int:
    """Number of columns: as many as the header has, or most rows where these go on with filled cells."""
    if not header:
        return usual
    width = max(len(lines[0]), usual)
    while width > 1 and not any(len(line) >= width and line[width - 1].strip() for line in lines):
        width -= 1  # trailing delimiters
    return width


def _refuse_twins(header: list[str], origin: str) -> None:
    places: dict[str, int] = {}
    for place, cell in enumerate(header, 1):
        name = cell.strip()
        if name and name in places:
            raise DataError(
                f"{origin} has two columns called '{name}': the columns {places[name]} and {place}. "
                "Give each column a name of its own."
            )
        places[name] = place


def _names(first: list[str] | None, width: int, rows: list[list[str]], usual: int) -> tuple[list[str], list[Finding]]:
    if first is None:
        names = [f"x{place}" for place in range(width)]
        text = f"The first row holds data, so the columns were named {names[0]} to {names[-1]}."
        return names, [Finding("note", "no-header", text)]
    names, findings = [], list[Finding]()
    if len(first) == width - 1 == usual - 1 and len({line[0] for line in rows}) == len(rows):
        first = ["row_name", *first]  # as R writes them
        text = "The header has one cell less than the rows: the first cells are taken for the names of rows."
        findings.append(Finding("note", "row-names", text, "row_name"))
    first = first + [""] * (width - len(first))
    taken = {cell.strip() for cell in first}
    for place, cell in enumerate(first[:width]):
        name = wanted = cell.strip() or f"column_{place + 1}"
        number = 2
        while not cell.strip() and name in taken:
            name, number = f"{wanted}_{number}", number + 1
        if name != cell.strip():
            text = f"Column {place + 1} has no name; it is called '{name}' here."
            findings.append(Finding("warning", "column-name", text, name))
        names.append(name)
        taken.add(name)
    return names, findings


def _told(delimiter: str, encoding: str, decimal: str | None, origin: str) -> list[Finding]:
    told = []
    if delimiter != ",":
        told.append(f"cells are divided by {_DELIMITERS.get(delimiter, repr(delimiter))}")
    if encoding not in ("utf-8", "ascii"):
        told.append(f"the text is encoded as {encoding}")
    if decimal == ",":
        told.append("numbers have a decimal comma")
    if not told:
        return []
    text = f"In {origin}, {', '.join(told[:-1])}{' and ' if told[1:] else ''}{told[-1]}."
    if encoding not in SURE:
        text += " The encoding is a guess; if letters look wrong: --set data.source.encoding=NAME"
    return [Finding("note", "format", text)]


def _ragged(rows: list[list[str]], width: int, whole: bool) -> list[Finding]:
    wrong = [k for k, row in enumerate(rows) if len(row) < width or any(cell.strip() for cell in row[width:])]
    if not wrong:
        return []
    rows_, verb = ("row", "does") if len(wrong) == 1 and whole else ("rows", "do")
    text = (
        f"{len(wrong)} {'' if whole else f'of the first {len(rows)} '}{rows_} {verb} not have {width} cells (the first is row "
        f"{wrong[0] + 1}): missing cells count as empty, cells too many are left out."
    )
    return [Finding("warning", "ragged", text, count=len(wrong), row=wrong[0])]
