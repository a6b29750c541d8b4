"""The example key: all rows with one id are one example. Long tables become one row an example.

Columns that never change within an id stay as they are. Numbers that do become summaries (mean, spread, lowest, highest,
first, last and how many), words become the first, the most frequent and how many different ones.
"""

from collections.abc import Sequence

import polars as pl

from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.data.cells import blank_to_null, parse_numbers
from deepwright.data.table import FrameTable, Table, require_columns

__all__ = ["Examples", "Written", "plan_examples"]


class Written(Config):
    """How the numbers of a column are written."""

    decimal: str
    thousands: str
    affix: tuple[str, str]


class Examples(Config):
    """How rows become examples; stored in the run, so that new data is treated alike.

    Args:
        id: the key column. constant: columns taken as they are. numbers, words: columns that are summarised.
        ignored: columns that would be summarised, but are left out.
    """

    id: str
    constant: tuple[str, ...]
    numbers: dict[str, Written]
    words: tuple[str, ...]
    ignored: tuple[str, ...] = ()

    def apply(self, table: Table) -> FrameTable:
        """One row an id, in order of first appearance; the key column comes first.

        Raises:
            DataError: the key or a column is not in the table, or a row has no id.
        """
        require_columns(table, [self.id], "the id of an example, --id")
        here = set(table.columns)
        frame = table.select([name for name in (self.id, *self.constant, *self.numbers, *self.words) if name in here])
        frame = _blanks_missing(frame)
        if frame[self.id].null_count():
            row = int(frame[self.id].is_null().arg_true()[0])
            raise DataError(f"Row {row + 1} of {table.origin} has no id in '{self.id}'.")
        changes = []
        for name, written in self.numbers.items():
            if name in here:
                parsed = parse_numbers(frame[name], written.decimal, written.thousands, written.affix)
                changes.append(parsed.values.alias(name))
        parts = [part.alias(new) for new, name, part in self._parts() if name is None or name in here]
        grouped = frame.with_columns(changes).group_by(self.id, maintain_order=True).agg(parts)
        return FrameTable(grouped, table.origin, table.findings, table.decisions, table.files)

    def _parts(self) -> list[tuple[str, str | None, pl.Expr]]:
        """New column, the column it is made from, and how; no two new columns share a name."""
        parts: list[tuple[str, str | None, pl.Expr]] = [("rows", None, pl.len())]
        for name in self.numbers:
            parts += [(f"{name} {what}", name, part) for what, part in _number_summaries(name).items()]
        for name in self.words:
            parts += [(f"{name} {what}", name, part) for what, part in _word_summaries(name).items()]
        constant = [(name, name, pl.col(name).drop_nulls().first()) for name in self.constant]
        taken, found = {self.id, *self.constant}, []
        for new, name, part in parts:
            free = new
            while free in taken:  # the table may have a column of that name already
                free += " again"
            taken.add(free)
            found.append((free, name, part))
        return [found[0], *constant, *found[1:]]


def _blanks_missing(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns([blank_to_null(column) for column in frame if column.dtype == pl.String])


def _number_summaries(name: str) -> dict[str, pl.Expr]:
    column = pl.col(name)
    known = column.drop_nulls()
    return {
        "mean": column.mean(), "spread": column.std(), "lowest": column.min(), "highest": column.max(),
        "first": known.first(), "last": known.last(),
    }  # fmt: skip


def _word_summaries(name: str) -> dict[str, pl.Expr]:
    known = pl.col(name).drop_nulls()
    return {"first": known.first(), "usual": known.mode().sort().first(), "different": known.n_unique()}


def plan_examples(table: Table, key: str, targets: Sequence[str], ignored: Sequence[str] = ()) -> Examples:
    """Which columns stay and which are summarised.

    Args:
        ignored: columns that are not to be summarised, where they differ within an id.

    Raises:
        DataError: the key is not there, or a target differs within one id.
    """
    require_columns(table, [key], "the id of an example, --id")
    constant, numbers, words, left = [], {}, [], []
    for name in table.columns:
        if name == key:
            continue
        frame = _blanks_missing(table.select([key, name]))
        distinct = frame.group_by(key).agg(pl.col(name).drop_nulls().n_unique().alias("n"))
        if not bool((distinct["n"] > 1).any()):
            constant.append(name)
            continue
        if name in targets:
            first = distinct.filter(pl.col("n") > 1)[key][0]
            raise DataError(
                f"The target '{name}' has several values for one example: see '{key}' = {first}. "
                "With --id every example has one target; leave --id out if each row is an example."
            )
        if name in ignored:
            left.append(name)
            continue
        column = frame[name]
        if column.dtype.is_nested():
            raise DataError(
                f"'{name}' differs within one '{key}' and cannot be summarised; leave it out with --ignore."
            )
        parsed = parse_numbers(column) if column.dtype == pl.String or column.dtype.is_numeric() else None
        if parsed is not None and parsed.share >= 0.9:
            numbers[name] = Written(decimal=parsed.decimal, thousands=parsed.thousands, affix=parsed.affix)
        else:
            words.append(name)
    return Examples(id=key, constant=tuple(constant), numbers=numbers, words=tuple(words), ignored=tuple(left))
