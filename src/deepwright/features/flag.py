"""Flag: yes or no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

import numpy as np
import polars as pl
import torch

from deepwright.contracts import Finding, Suits
from deepwright.core.config import Config
from deepwright.features.plain import BadValues, FittedPlain, as_words, missing_finding
from deepwright.fields import Field
from deepwright.registries import features
from deepwright.spaces import Box

__all__ = ["FittedFlag", "Flag", "FlagSummary"]

_YES = ("1", "1.0", "true", "t", "yes", "y", "ja", "oui", "si", "sí", "sim", "wahr", "vrai", "verdadero", "vero", "on", "x",
        "+", "✓", "✔")  # fmt: skip
_NO = ("0", "0.0", "false", "f", "no", "n", "nein", "non", "não", "falsch", "faux", "falso", "off", "-", "✗", "✘")


def as_flag(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """(B,) Boolean with null where missing or not a flag; and the cells as text."""
    if column.dtype == pl.Boolean:
        return column, column.cast(pl.String)
    text = as_words(column).str.to_lowercase()
    yes = text.is_in(_YES)
    known = yes | text.is_in(_NO)
    return pl.select(pl.when(known).then(yes).otherwise(None)).to_series().alias(column.name), text


@dataclass(frozen=True)
class FlagSummary:
    """How many yes and no, and how often each is written how.

    Args:
        numeric: the cells are numbers.
    """

    rows: int = 0
    yes: int = 0
    no: int = 0
    written: Mapping[tuple[bool, str], int] = field(default_factory=dict)
    numeric: bool = False

    def merge(self, other: Self) -> "FlagSummary":
        words = {**self.written, **other.written}
        written = {word: self.written.get(word, 0) + other.written.get(word, 0) for word in words}
        numeric = self.numeric or other.numeric
        return FlagSummary(self.rows + other.rows, self.yes + other.yes, self.no + other.no, written, numeric)


@features.register
class Flag(Config):
    """Yes or no, in the words of several languages, 1/0, true/false."""

    kind: Literal["flag"] = "flag"
    fitted: ClassVar[type]

    @classmethod
    def suits(cls, column: pl.Series) -> Suits | None:
        if not (column.dtype in (pl.String, pl.Boolean) or column.dtype.is_numeric()):
            return None
        known = column.drop_nans() if column.dtype.is_float() else column
        if column.dtype.is_numeric() and known.drop_nulls().n_unique() > 2:
            return None
        flags, text = as_flag(column)
        known, cells = len(flags) - flags.null_count(), len(text) - text.null_count()
        if not known or known < cells or flags.drop_nulls().n_unique() < 2:
            return None
        return Suits(0.95, cls(), "yes and no only")

    def summarise(self, column: pl.Series) -> FlagSummary:
        flags, _ = as_flag(column)
        yes = int(flags.sum() or 0)
        written = {}
        if column.dtype != pl.Boolean:
            cells = pl.DataFrame({"flag": flags, "word": as_words(column)}).drop_nulls()
            written = {(flag, word): count for flag, word, count in cells.group_by("flag", "word").len().iter_rows()}
        numeric = column.dtype.is_numeric()
        return FlagSummary(len(column), yes, len(flags) - flags.null_count() - yes, written, numeric)

    def fit(self, summary: FlagSummary, name: str) -> "FittedFlag":
        known = summary.yes + summary.no
        usual = [
            max(own, key=lambda one: (one[0], one[1]))[1]
            for flag in (False, True)
            if (own := [(count, word) for (said, word), count in summary.written.items() if said == flag])
        ]
        return FittedFlag(
            name=name, settings=self, flagged=known < summary.rows, share=summary.yes / max(1, known),
            words=(usual[0], usual[1]) if len(usual) == 2 else None, numeric=summary.numeric,
        )  # fmt: skip


class FittedFlag(FittedPlain):
    """See `Flag`. Values (B, 1): +1 yes, -1 no, 0 missing; with a missing flag where training rows had gaps.

    Args:
        words: how no and yes are mostly written; None: as false and true. numeric: these are numbers.
    """

    kind: ClassVar[str] = "flag"
    settings: Flag
    flagged: bool
    share: float
    words: tuple[str, str] | None = None
    numeric: bool = False

    @property
    def space(self) -> Box:
        size = 2 if self.flagged else 1
        low = torch.tensor([-1.0, 0.0][:size])
        frozen, scale = torch.ones(size, dtype=torch.bool), torch.tensor([2.0, 1.0][:size])
        return Box((size,), low, torch.ones(size), frozen, scale, absent=1 if self.flagged else None)

    def encode(self, column: pl.Series) -> Field:
        flags = as_flag(column)[0].cast(pl.Float32).to_numpy()
        missing = np.isnan(flags)
        x = np.where(missing, 0.0, flags * 2 - 1).astype(np.float32)
        parts = [x, missing.astype(np.float32)] if self.flagged else [x]
        return Field(torch.from_numpy(np.stack(parts, 1)))

    def decode(self, z: Field) -> pl.Series:
        x = z.values[:, 0].tolist()
        gone = (z.values[:, 1] > 0.5).tolist() if self.flagged else [False] * len(x)
        flags = [None if g else v > 0 for v, g in zip(x, gone, strict=True)]
        if self.words is None:
            return pl.Series(self.name, flags, dtype=pl.Boolean)
        cells = pl.Series(self.name, [None if flag is None else self.words[flag] for flag in flags], dtype=pl.String)
        return cells.cast(pl.Int64) if self.numeric else cells

    def baseline(self, z: Field) -> Field:
        values = torch.zeros_like(z.values)
        values[:, 0] = self.share * 2 - 1
        return z.with_values(values)

    def baseline_columns(self, column: pl.Series) -> pl.DataFrame:
        return pl.DataFrame({self.name: as_flag(column)[0].cast(pl.Float64).fill_null(float("nan"))})

    def findings(self, column: pl.Series) -> list[Finding]:
        flags, text = as_flag(column)
        wrong = flags.is_null() & text.is_not_null()
        cells = pl.DataFrame({"text": text, "wrong": wrong}).with_row_index("row").filter("wrong")
        grouped = cells.group_by("text").agg(pl.len(), pl.col("row").min().alias("first"))
        bad = BadValues(counts={str(value): (int(count), int(row)) for value, count, row in grouped.iter_rows()})
        found = bad.finding(self.name, "flag", f"--set 'features.\"{self.name}\".kind=category'")
        return found + missing_finding(self.name, text.null_count(), len(column))


Flag.fitted = FittedFlag
