"""Two columns of one name whose types differ (a Parquet file and a CSV): changes that give both one type, losing nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from deepwright.contracts import NEAR
from deepwright.core.errors import DataError
from deepwright.data.cells import blank_to_null, parse_numbers
from deepwright.registries import features

__all__ = ["Alike", "alike"]

Change = Callable[[pl.Series], pl.Series]
_MOMENT = pl.Datetime("us")


@dataclass(frozen=True)
class Alike:
    """How the first and the second column get the type `dtype`."""

    dtype: Any
    first: Change
    second: Change


def alike(first: pl.Series, second: pl.Series, decimal: str = ".") -> Alike:
    """Changes of two columns, judged by (some of) the first one's cells and all of the second's.

    Numbers and dates that one table holds as text are read where every cell can be; otherwise both become text, written
    as the first table writes it, so that what cannot be read is still told of.

    Args:
        decimal: the decimal sign of the first table's texts.

    Raises:
        DataError: pictures, lists or bytes on one side and something else on the other.
    """
    a, b = first.dtype, second.dtype
    if a == b or b == pl.Null:
        return Alike(a, _same, _to(a))
    if a == pl.Null:
        return Alike(b, _to(b), _same)
    if a.is_numeric() and b.is_numeric():
        both = pl.Int64 if a.is_integer() and b.is_integer() else pl.Float64
        return Alike(both, _to(both), _to(both))
    if _is_moment(a) and _is_moment(b):
        return Alike(_MOMENT, _moment, _moment)
    if any(dtype.is_nested() or dtype in (pl.Binary, pl.Object) for dtype in (a, b)):
        raise DataError(
            f"'{first.name}' holds {a} in the training data and {b} in the test file; give both the same type."
        )
    if b == pl.String:
        return _read(a, second) or Alike(pl.String, _to(pl.String), _same)
    return Alike(pl.String, _to(pl.String), _written(first, b, decimal))


def _read(a: Any, second: pl.Series) -> Alike | None:
    """Text read as the first table's numbers or dates; None where a cell cannot be."""
    if a.is_numeric():
        parsed = parse_numbers(second)
        way = (parsed.decimal, parsed.thousands, parsed.affix)
        return (
            None if parsed.bad else Alike(pl.Float64, _to(pl.Float64), lambda cells: parse_numbers(cells, *way).values)
        )
    if _is_moment(a):
        suits = _date(second)
        if suits is not None and suits.settings.parse(second).null_count() == blank_to_null(second).null_count():
            return Alike(_MOMENT, _moment, suits.settings.parse)
    return None


def _written(first: pl.Series, b: Any, decimal: str) -> Change:
    """The second column as text in the first one's way."""
    if _is_moment(b):
        suits = _date(first) if first.dtype == pl.String else None
        if suits is not None:
            return lambda cells: _moment(cells).dt.to_string(suits.settings.form)
    if b.is_float() and decimal == ",":
        return lambda cells: cells.cast(pl.String).str.replace(".", ",", literal=True)
    return _to(pl.String)


def _date(column: pl.Series) -> Any:
    """How the date feature would read a column of texts, None where it would not."""
    suits = features.get("date").suits(column)  # type: ignore[attr-defined]
    return None if suits is None or suits.score <= NEAR else suits


def _is_moment(dtype: Any) -> bool:
    return dtype == pl.Date or isinstance(dtype, pl.Datetime)


def _moment(cells: pl.Series) -> pl.Series:
    """UTC, without its name."""
    if isinstance(cells.dtype, pl.Datetime) and cells.dtype.time_zone:
        cells = cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return cells.cast(_MOMENT)


def _same(cells: pl.Series) -> pl.Series:
    return cells


def _to(dtype: Any) -> Change:
    return lambda cells: cells.cast(dtype, strict=False)
