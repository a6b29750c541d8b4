"""Whether the columns of a table can be looked at one by one: known from its first rows, before any column is read whole."""

import polars as pl

from deepwright.core.wording import number
from deepwright.data.room import at_once, claim
from deepwright.data.table import Table

__all__ = ["check_room"]

FIRST = 1000  # rows that tell how long texts are
_ROW = 100  # bytes a row, whatever its columns hold: parts, fingerprints, numbers read from text
_COPIES = 3  # of a column of texts: as it is, without blanks, in lower case


def check_room(table: Table) -> None:
    """Raises Refused: the limit of the memory leaves no room to look at one column of all rows."""
    first = next(iter(table.chunks(None, min(FIRST, at_once(len(table.columns))))), None)
    if first is None:
        return
    lengths = [column.str.len_bytes().mean() or 0.0 for column in first if column.dtype == pl.String]
    row = _ROW + _COPIES * max(lengths, default=0.0)  # type: ignore[type-var, operator]
    claim(round(table.height * row), f"look at the columns of {table.origin} one by one ({number(table.height)} rows)")
