"""Cells as people write them: numbers with commas, units and signs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import polars as pl

__all__ = ["BadCells", "Parsed", "blank_to_null", "decimal_sign", "names_nothing", "parse_numbers"]

_PLAIN = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_MINUS = "[\u2212\u2013\u2012]"  # minus sign, en dash, figure dash, as spreadsheets and typists write them
_BLANKS = "[\\s\u00a0\u2009\u202f]+"
_QUOTES = "[\u2019\u02bc]"
_COMMA_GROUPS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+$"
_BRACKETS = r"^\((\D{0,4}\d[^()]*)\)$"  # accountants' negatives: (12.50)
_MINUS_LAST = r"^([^-]*\d)\s?-$"
_NOTHING = ("na", "n/a", "n.a.", "#n/a", "nan", "null", "none", "nil", "?", "-", "--", "---", "–", "—", ".", "..", "...", "missing",
            "unknown", "not available", "k.a.", "#value!", "#div/0!", "#ref!", "#name?", "#num!")  # fmt: skip
_DECIMAL: ContextVar[str | None] = ContextVar("decimal_sign", default=None)


@contextmanager
def decimal_sign(sign: str | None) -> Iterator[None]:
    """Inside, cells that could be read both ways ("1.234") have this decimal sign: the one that the rest of their file has."""
    token = _DECIMAL.set(sign)
    try:
        yield
    finally:
        _DECIMAL.reset(token)


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
        """Numbers among the cells that say something: neither blank nor "n/a", "?" and the like."""
        good = len(self.values) - self.values.null_count()
        total = good + sum(cell.count for cell in self.bad if cell.value.casefold() not in _NOTHING)
        return good / total if total else 0.0


def blank_to_null(column: pl.Series) -> pl.Series:
    """Text without surrounding blanks; empty cells are missing. What has no text (lists, bytes) becomes the type's name."""
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        named = pl.when(column.is_not_null()).then(pl.lit(f"({column.dtype.base_type()})")).otherwise(None)
        return pl.select(named).to_series().alias(column.name)
    text = column.cast(pl.String).str.strip_chars()
    return pl.select(pl.when(text == "").then(None).otherwise(text)).to_series().alias(column.name)


def names_nothing(text: pl.Series) -> pl.Series:
    """(B,) Boolean: words that people write where nothing is known; null where the cell is empty."""
    return text.str.strip_chars().str.to_lowercase().is_in(_NOTHING)


def parse_numbers(
    column: pl.Series, decimal: str | None = None, thousands: str | None = None, affix: tuple[str, str] | None = None
) -> Parsed:
    """The numbers in a column; the way they are written is found out where it is not given.

    Columns of lists, structures, bytes and pixels hold no numbers.
    """
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        values = column.cast(pl.Float64)
        finite = values.is_finite().fill_null(False)
        return Parsed(pl.select(pl.when(finite).then(values).otherwise(None)).to_series().alias(column.name), ())
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        filled = len(column) - column.null_count()
        first = int(column.is_not_null().arg_max() or 0) if filled else 0
        bad = (BadCells(f"({column.dtype.base_type()})", filled, first),) if filled else ()
        return Parsed(pl.Series(column.name, [None] * len(column), pl.Float64), bad)
    sign = decimal or _DECIMAL.get() or "."
    if column.dtype == pl.String:
        values = column.cast(pl.Float64, strict=False)
        plain = values.null_count() == column.null_count() and bool(values.is_finite().all())
        if plain and (
            (sign == "." and thousands != ".") or not column.str.contains(".", literal=True).any()
        ):  # nothing to find out
            return Parsed(values, (), sign, thousands or "", affix or ("", ""))
    text = blank_to_null(column)
    if affix is None:
        affix = _affix(_signs(text))
    plain = _strip(_signs(text), affix)
    decimal, thousands = _convention(plain, decimal, thousands)
    values = _values(plain, decimal, thousands)
    return Parsed(values.alias(column.name), _bad(text, values), decimal, thousands, affix)


def _signs(text: pl.Series) -> pl.Series:
    """Typographic blanks, minus signs and apostrophes as the plain ones; brackets and a minus behind as one before."""
    plain = text.str.replace_all(_BLANKS, " ").str.replace(_MINUS, "-").str.replace_all(_QUOTES, "'")
    return plain.str.replace(_BRACKETS, "-${1}").str.replace(_MINUS_LAST, "-${1}")


def _strip(text: pl.Series, affix: tuple[str, str]) -> pl.Series:
    if affix[0]:  # the sign of the number may stand before ("-$5")
        text = text.str.replace(rf"^([+-]?)\s*{re.escape(affix[0])}\s*", "${1}")
    if affix[1]:
        text = text.str.strip_suffix(affix[1])
    return text.str.strip_chars()


def _values(text: pl.Series, decimal: str, thousands: str) -> pl.Series:
    if thousands:
        sign = re.escape(thousands)  # also lakhs and crores, as in 12,34,567
        digits = rf"^[+-]?\d{{1,3}}(({sign}\d{{3}})+|({sign}\d{{2}})+{sign}\d{{3}})({re.escape(decimal)}\d*)?$"
        grouped = text.str.contains(digits).fill_null(False)
        joined = text.str.replace_all(thousands, "", literal=True)
        text = pl.select(pl.when(grouped).then(joined).otherwise(text)).to_series()
    if decimal != ".":
        pointless = text.str.contains(".", literal=True).fill_null(False)
        text = pl.select(
            pl.when(pointless).then(None).otherwise(text.str.replace(decimal, ".", literal=True))
        ).to_series()
    plain = text.str.contains(_PLAIN).fill_null(False)
    values = pl.select(pl.when(plain).then(text).otherwise(None)).to_series().cast(pl.Float64, strict=False)
    finite = values.is_finite().fill_null(False)  # 1e999 is no number
    return pl.select(pl.when(finite).then(values).otherwise(None)).to_series()


_WAYS = ((".", ""), (",", ""), (".", ","), (",", "."), (".", "'"), (",", "'"), (".", " "), (",", " "))


def _convention(text: pl.Series, decimal: str | None, thousands: str | None) -> tuple[str, str]:
    """Decimal and thousands signs: the pair under which most cells are numbers; ties go to the file's sign, then the point.

    Where every comma is followed by groups of three digits and no number begins with a zero, commas are thousands signs,
    unless the rest of the file has decimal commas.
    """
    if decimal is not None and thousands is not None:
        return decimal, thousands
    sample = text.drop_nulls().head(5000)
    usual = decimal or _DECIMAL.get() or "."
    ways = [way for way in _WAYS if decimal in (None, way[0]) and thousands in (None, way[1])]
    if usual == ",":
        ways.sort(key=lambda way: way[0] != usual)
    best, most = (usual, thousands or ""), -1
    for way in ways:
        count = len(sample) - _values(sample, *way).null_count()
        if count > most:
            best, most = way, count
    if best == (",", "") and (".", ",") in ways and usual == ".":
        commas = sample.filter(sample.str.contains(",", literal=True) & sample.str.contains(r"^[+-]?\d[\d,]*$"))
        if len(commas) and bool(commas.str.contains(_COMMA_GROUPS).all()):
            return ".", ","
    return best


def _affix(text: pl.Series) -> tuple[str, str]:
    """A currency sign or unit around (nearly) every number: only what ≥ 90 % of the cells share counts.

    Letters right before a digit are no unit: "Q1", "A-17" and the like are names.
    """
    sample = text.drop_nulls().head(2000)
    sample = sample.filter(~names_nothing(sample))
    if not len(sample):
        return "", ""
    pattern = r"^(?:[+-]?(?P<before>[^\d+\-.,]{0,4}?))(?P<gap>\s*)[+-]?[\d.,' ]*\d[.,]?\s*(?P<after>[^\d]{0,12})$"
    parts = sample.str.extract_groups(pattern).struct.unnest()
    found = []
    for name in ("before", "after"):
        signs = parts[name].str.strip_chars()
        if name == "before":
            glued = signs.str.contains(r"\pL$").fill_null(False) & (parts["gap"] == "").fill_null(False)
            signs = pl.select(pl.when(glued).then(pl.lit("")).otherwise(signs)).to_series()
        counts = signs.drop_nulls().value_counts(sort=True)
        enough = counts.height and counts.row(0)[1] >= 0.9 * len(sample)
        found.append(str(counts.row(0)[0]) if enough else "")
    return found[0], found[1]


def _bad(text: pl.Series, values: pl.Series) -> tuple[BadCells, ...]:
    frame = pl.DataFrame({"text": text, "bad": text.is_not_null() & values.is_null()}).with_row_index("row")
    found = frame.filter("bad").group_by("text").agg(pl.len().alias("count"), pl.col("row").min()).sort("row")
    return tuple(BadCells(str(value), int(count), int(row)) for value, count, row in found.iter_rows())
