"""Cells as people write them: numbers with commas, units and signs."""

import re
from dataclasses import dataclass

import polars as pl

__all__ = ["BadCells", "Parsed", "blank_to_null", "parse_numbers"]

_PLAIN = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_BLANKS = "[\\s\u00a0\u202f]+"


@dataclass(frozen=True)
class BadCells:
    """A cell value that is no number: how often and where first (0 = first row of what was parsed)."""

    value: str
    count: int
    row: int


@dataclass(frozen=True)
class Parsed:
    """Numbers of a column.

    Args:
        values: Float64, null where missing or bad. bad: each distinct bad value once.
        decimal: "." or ",". thousands: "", ",", "." or "'" as found. affix: a unit or sign that all cells carry ("€").
    """

    values: pl.Series
    bad: tuple[BadCells, ...]
    decimal: str = "."
    thousands: str = ""
    affix: tuple[str, str] = ("", "")

    @property
    def share(self) -> float:
        """Numbers among the cells that are not blank."""
        good = len(self.values) - self.values.null_count()
        total = good + sum(cell.count for cell in self.bad)
        return good / total if total else 0.0


def blank_to_null(column: pl.Series) -> pl.Series:
    """Text without surrounding blanks; empty cells are missing."""
    text = column.cast(pl.String).str.strip_chars()
    return pl.select(pl.when(text == "").then(None).otherwise(text)).to_series().alias(column.name)


def parse_numbers(
    column: pl.Series, decimal: str | None = None, thousands: str | None = None, affix: tuple[str, str] | None = None
) -> Parsed:
    """The numbers in a column; the way they are written is found out where it is not given."""
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        values = column.cast(pl.Float64)
        finite = values.is_finite().fill_null(False)
        return Parsed(pl.select(pl.when(finite).then(values).otherwise(None)).to_series().alias(column.name), ())
    text = blank_to_null(column)
    found_affix = _affix(text) if affix is None else affix
    stripped = _strip(text, found_affix)
    if decimal is None or thousands is None:
        decimal, thousands = _convention(stripped)
    values = _values(stripped, decimal, thousands)
    return Parsed(values.alias(column.name), _bad(text, values), decimal, thousands, found_affix)


def _strip(text: pl.Series, affix: tuple[str, str]) -> pl.Series:
    stripped = text.str.strip_prefix(affix[0]) if affix[0] else text
    stripped = stripped.str.strip_suffix(affix[1]) if affix[1] else stripped
    return stripped.str.strip_chars()


def _values(text: pl.Series, decimal: str, thousands: str) -> pl.Series:
    if thousands:
        digits = rf"^[+-]?\d{{1,3}}({re.escape(thousands)}\d{{3}})+({re.escape(decimal)}\d*)?$"
        grouped = text.str.contains(digits).fill_null(False)
        joined = text.str.replace_all(thousands, "", literal=True)
        text = pl.select(pl.when(grouped).then(joined).otherwise(text)).to_series()
    if decimal != ".":
        pointless = text.str.contains(".", literal=True).fill_null(False)
        text = pl.select(
            pl.when(pointless).then(None).otherwise(text.str.replace(decimal, ".", literal=True))
        ).to_series()
    plain = text.str.contains(_PLAIN).fill_null(False)
    return pl.select(pl.when(plain).then(text).otherwise(None)).to_series().cast(pl.Float64, strict=False)


def _convention(text: pl.Series) -> tuple[str, str]:
    """Decimal and thousands signs: the pair under which most cells are numbers; the plain point wins ties."""
    sample = text.drop_nulls().head(5000)
    best, most = (".", ""), -1
    for pair in ((".", ""), (",", ""), (".", ","), (",", "."), (".", "'"), (".", " "), (",", " ")):
        count = len(sample) - _values(sample, *pair).null_count()
        if count > most:
            best, most = pair, count
    return best


def _affix(text: pl.Series) -> tuple[str, str]:
    """A currency sign or unit around (nearly) every number: only what ≥ 90 % of the cells share counts."""
    sample = text.drop_nulls().head(2000)
    if not len(sample):
        return "", ""
    parts = sample.str.extract_groups(r"^([^\d+\-.,]{0,4}?)\s*[+-]?[\d.,' ]*\d[.,]?\s*([^\d]{0,12})$").struct.unnest()
    found = []
    for name in parts.columns:
        counts = parts[name].drop_nulls().str.strip_chars().value_counts(sort=True)
        enough = counts.height and counts.row(0)[1] >= 0.9 * len(sample)
        found.append(str(counts.row(0)[0]) if enough else "")
    return found[0], found[1]


def _bad(text: pl.Series, values: pl.Series) -> tuple[BadCells, ...]:
    frame = pl.DataFrame({"text": text, "bad": text.is_not_null() & values.is_null()}).with_row_index("row")
    found = frame.filter("bad").group_by("text").agg(pl.len().alias("count"), pl.col("row").min()).sort("row")
    return tuple(BadCells(str(value), int(count), int(row)) for value, count, row in found.iter_rows())
