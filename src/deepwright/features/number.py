"""Number: a robustly scaled quantity, with a flag where it is missing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
import torch
from pydantic import Field as Setting

from deepwright.contracts import NEAR, Finding, Suits
from deepwright.core.config import Config
from deepwright.core.seeds import derive
from deepwright.core.wording import MISSING, percent
from deepwright.data.cells import Parsed, parse_numbers
from deepwright.features.plain import BadValues, FittedPlain, missing_finding
from deepwright.fields import Field
from deepwright.registries import features
from deepwright.spaces import Box

__all__ = ["FittedNumber", "Number", "NumberSummary"]

SAMPLE = 65_536  # values kept for quantiles: exact up to so many rows
_FARTHEST = 1e100  # scaled values are cut here, so that their squares stay numbers
ENOUGH = 0.9  # share of cells that must be numbers
HALF = 0.5  # from here on a column that is no number is told to be nearly one
SENTINELS = (-9, *(sign * value for value in (99, 999, 9999, 99999, 999999) for sign in (1, -1)))
EXACT = 2.0**53  # whole numbers above it are no longer exact
_CODE = r"^\s*0\d+\s*$"
LARGEST = float(np.finfo(np.float32).max)

_DECIMALS = 6  # digits behind the point that numbers are rounded to where all of them were
_LONG = 12  # characters from which a cell is rounded for people

Way = tuple[str, str, tuple[str, str]]


@dataclass(frozen=True)
class NumberSummary:
    """Mergeable statistics of a number column.

    Args:
        whole: no value has a fraction (and all are exact).
        sample: (priority, value) rows, the lowest priorities seen, in any order: a uniform sample, the same in whatever
            order chunks are merged.
        ways: how numbers in text are written (decimal sign, thousands sign, affix), and how many were read so.
    """

    rows: int = 0
    missing: int = 0
    low: float = np.inf
    high: float = -np.inf
    bad: BadValues = field(default_factory=BadValues)
    whole: bool = True
    sample: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    ways: Mapping[Way, int] = field(default_factory=dict)

    def merge(self, other: Self) -> "NumberSummary":
        sample = np.concatenate([self.sample, other.sample])
        if len(sample) > SAMPLE:
            last = np.partition(sample[:, 0], SAMPLE - 1)[SAMPLE - 1]
            sample = sample[sample[:, 0] <= last]
            if len(sample) > SAMPLE:  # equal priorities: the smaller values stay
                sample = sample[np.lexsort((sample[:, 1], sample[:, 0]))[:SAMPLE]]
        return NumberSummary(
            self.rows + other.rows, self.missing + other.missing, min(self.low, other.low), max(self.high, other.high),
            self.bad.merge(other.bad, self.rows), self.whole and other.whole, sample,
            _summed(self.ways, other.ways),
        )  # fmt: skip


@features.register
class Number(Config):
    """A quantity.

    Args:
        decimal, thousands, affix: how numbers are written; None finds it out.
        missing: numbers that stand for "not known", such as 999.
        clip: outliers are bent towards ± this many robust standard deviations: x / √(1 + (x / clip)²)
            (Holzmüller et al. 2024, arXiv 2407.04491).
    """

    kind: Literal["number"] = "number"
    decimal: str | None = None
    thousands: str | None = None
    affix: tuple[str, str] | None = None
    missing: tuple[float, ...] = ()
    clip: float = Setting(4.0, gt=0.0)

    fitted: ClassVar[type]

    @classmethod
    def suits(cls, column: pl.Series) -> Suits | None:
        if not (column.dtype.is_numeric() or column.dtype == pl.String):
            return None
        parsed = parse_numbers(column)
        values = parsed.values.drop_nulls().to_numpy()
        if not len(values) or parsed.share < HALF:
            return None
        sentinels = _sentinels(values)
        settings = cls(decimal=parsed.decimal, thousands=parsed.thousands, affix=parsed.affix, missing=sentinels)
        score = 0.8 if parsed.share >= ENOUGH else NEAR
        return Suits(score, settings, f"{percent(parsed.share)} of the cells are numbers", _notes(column, parsed))

    def parse(self, column: pl.Series) -> Parsed:
        """The column's numbers, written as these settings say."""
        parsed = parse_numbers(column, self.decimal, self.thousands, self.affix)
        if not self.missing:
            return parsed
        hidden = parsed.values.is_in(list(self.missing))
        values = pl.select(pl.when(hidden).then(None).otherwise(parsed.values)).to_series().alias(column.name)
        return Parsed(values, parsed.bad, parsed.decimal, parsed.thousands, parsed.affix)

    def summarise(self, column: pl.Series) -> NumberSummary:
        parsed = self.parse(column)
        values = parsed.values.drop_nulls().to_numpy()
        with np.errstate(over="ignore"):  # the sum is only a seed
            chance = np.random.default_rng(derive(len(values), float(values.sum()), column.name))
        sample = np.stack([chance.random(len(values)), values], 1)
        bad = BadValues(counts={cell.value: (cell.count, cell.row) for cell in parsed.bad})
        empty = NumberSummary(len(column), parsed.values.null_count(), bad=bad)
        if not len(values):
            return empty
        written = {} if column.dtype.is_numeric() else {(parsed.decimal, parsed.thousands, parsed.affix): len(values)}
        low, high = float(values.min()), float(values.max())
        whole = bool((values == np.round(values)).all()) and max(-low, high) < EXACT
        full = NumberSummary(len(column), empty.missing, low, high, bad, whole, sample, written)
        return NumberSummary().merge(full)

    def fit(self, summary: NumberSummary, name: str) -> "FittedNumber":
        values, settings = summary.sample[:, 1], self._settled(summary)
        if not len(values):
            return FittedNumber(name=name, settings=settings, centre=0.0, scale=1.0, low=0.0, high=0.0, flagged=True)
        centre, scale = _robust(values)
        return FittedNumber(
            name=name, settings=settings, centre=centre, scale=scale, low=summary.low, high=summary.high,
            flagged=summary.missing > 0, whole=summary.whole, decimals=_decimals(values),
        )  # fmt: skip

    def _settled(self, summary: NumberSummary) -> "Number":
        """With the way most numbers were written, so that a later cell means the same whatever stands beside it."""
        if not summary.ways:
            return self
        decimal, thousands, affix = max(summary.ways, key=lambda way: (summary.ways[way], way))
        return self.model_copy(update={"decimal": decimal, "thousands": thousands, "affix": affix})


def _summed(a: Mapping[Way, int], b: Mapping[Way, int]) -> dict[Way, int]:
    return {way: a.get(way, 0) + b.get(way, 0) for way in {**a, **b}}


def _notes(column: pl.Series, parsed: Parsed) -> tuple[str, ...]:
    """What was decided about how the numbers are written."""
    if column.dtype != pl.String:
        return ()
    name, notes, other = column.name, [], f"--set 'features.\"{column.name}\".kind=category'"
    if parsed.decimal == "," and bool(column.str.contains(",", literal=True).any()):
        notes.append(f"'{name}' is written with a decimal comma.")
    if parsed.thousands:
        notes.append(f"'{name}' is written with '{parsed.thousands}' between thousands.")
    if any(parsed.affix):
        notes.append(f"'{name}' carries '{''.join(parsed.affix)}', which was taken off.")
    coded = column.head(2000).str.contains(_CODE)
    if coded.sum() > 1 and not any(parsed.affix):
        notes.append(f"'{name}' has numbers with leading zeros, as codes have. If they are no amounts: {other}")
    if float(parsed.values.abs().max() or 0.0) >= EXACT and bool((parsed.values % 1 == 0).all()):  # type: ignore[arg-type]
        notes.append(f"'{name}' has whole numbers too large to be told apart exactly. If they are no amounts: {other}")
    return tuple(notes)


def _sentinels(values: np.ndarray) -> tuple[float, ...]:
    """Codes for "not known": they repeat and lie outside all other values by more than the range of these."""
    found = []
    for code in SENTINELS:
        own = values == code
        rest = values[~own & ~np.isin(values, found)]
        if own.sum() < max(2, 0.002 * len(values)) or len(rest) < 10:
            continue
        low, high = float(rest.min()), float(rest.max())
        gap = max(code - high, low - code)
        if gap > max(high - low, 1e-9):
            found.append(float(code))
    return tuple(found)


def _robust(values: np.ndarray) -> tuple[float, float]:
    """Median, and a spread that outliers do not move: quartile distance, else a wider one.

    Where nearly all values are the same (mostly zeros), the spread of the others decides: they must stay apart.
    """
    centre, *levels = (float(level) for level in np.quantile(values, [0.5, 0.25, 0.75, 0.05, 0.95]))
    others = values[values != centre]
    wide = len(others) >= 0.1 * len(values)
    for low, high, width in ((levels[0], levels[1], 1.349), *([(levels[2], levels[3], 3.29)] if wide else [])):
        spread = high / width - low / width
        if spread > 1e-12 * max(abs(low), abs(high)):
            return centre, spread
    spread = 2.0 * float(np.median(np.abs(others / 2 - centre / 2))) if len(others) else 0.0
    return centre, min(spread, 1e308) if spread > 1e-12 * abs(centre) else 1.0


def _decimals(values: np.ndarray) -> int | None:
    """Digits behind the point that all numbers get by with; None where that is more than a few."""
    with np.errstate(over="ignore", invalid="ignore"):  # too far from 0 to have any
        return next((d for d in range(_DECIMALS + 1) if bool((np.round(values, d) == values).all())), None)


class FittedNumber(FittedPlain):
    """See `Number`. Values (B, 1), or (B, 2) with a missing flag where training rows had gaps.

    Args:
        whole: there are no fractions. decimals: at most so many digits behind the point; None for any number of them.
    """

    kind: ClassVar[str] = "number"
    settings: Number
    centre: float
    scale: float
    low: float
    high: float
    flagged: bool
    whole: bool = False
    decimals: int | None = None

    @property
    def space(self) -> Box:
        bounds = self._scaled(np.array([self.low, self.high]))
        low, high, frozen, scale = [bounds[0]], [bounds[1]], [False], [min(1.0 / self.scale, LARGEST)]
        if self.flagged:
            low, high, frozen, scale = [*low, 0.0], [*high, 1.0], [*frozen, True], [*scale, 1.0]
        return Box((len(low),), torch.tensor(low).float(), torch.tensor(high).float(), torch.tensor(frozen),
                   torch.tensor(scale).float(), absent=1 if self.flagged else None)  # fmt: skip

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            x = np.clip((values - self.centre) / self.scale, -_FARTHEST, _FARTHEST)
        return x / np.sqrt(1.0 + (x / self.settings.clip) ** 2)

    def encode(self, column: pl.Series) -> Field:
        values = self.settings.parse(column).values.to_numpy()
        x = self._scaled(values)
        missing = np.isnan(x)
        x = np.where(missing, 0.0, x).astype(np.float32)
        parts = [x, missing.astype(np.float32)] if self.flagged else [x]
        return Field(torch.from_numpy(np.stack(parts, 1)))

    def decode(self, z: Field) -> pl.Series:
        x = z.values[:, 0].double().cpu().numpy()
        limit = self.settings.clip
        x = np.clip(x, -limit * 0.9999, limit * 0.9999)
        with np.errstate(over="ignore"):  # what is too far for a float is cut to the range right after
            values = (x / np.sqrt(1.0 - (x / limit) ** 2)) * self.scale + self.centre
        values = values.clip(self.low, self.high)
        values = np.round(values, 0 if self.whole else self.decimals) if self.whole or self.decimals else values
        raw = pl.Series(self.name, values)
        if self.flagged:
            gone = pl.Series((z.values[:, 1] > 0.5).cpu().numpy())
            raw = pl.select(pl.when(gone).then(None).otherwise(raw)).to_series().alias(self.name)
        return raw.cast(pl.Int64) if self.whole else raw

    def baseline(self, z: Field) -> Field:
        return z.with_values(torch.zeros_like(z.values))

    def baseline_columns(self, column: pl.Series) -> pl.DataFrame:
        return pl.DataFrame({self.name: self.settings.parse(column).values.cast(pl.Float64).fill_null(float("nan"))})

    def findings(self, column: pl.Series) -> list[Finding]:
        parsed = self.settings.parse(column)
        bad = BadValues(counts={cell.value: (cell.count, cell.row) for cell in parsed.bad})
        found = bad.finding(self.name, "number", f"--set 'features.\"{self.name}\".kind=category'")
        found += missing_finding(self.name, parsed.values.null_count() - bad.total, len(column))
        found += self._hidden(column)
        far = ((parsed.values - self.centre).abs() > 20 * self.scale).fill_null(False)
        count = int(far.sum())
        if 0 < count <= max(5, 0.001 * len(column)):  # more are no mistakes but the way the quantity is spread
            row = int(far.arg_true()[0])
            text = (
                f"'{self.name}' has {count} value{'s' * (count > 1)} far from all others, the first {parsed.values[row]:g} in row {row + 1}; "
                f"{'it is' if count == 1 else 'they are'} kept, bent towards the rest."
            )
            found.append(Finding("note", "outliers", text, self.name, count, row))
        return found

    def _hidden(self, column: pl.Series) -> list[Finding]:
        """Each number that stands for "not known", with how often it occurs and in which row first."""
        if not self.settings.missing:
            return []
        values = self.settings.model_copy(update={"missing": ()}).parse(column).values
        places = {code: (values == code).fill_null(False).arg_true() for code in self.settings.missing}
        listed = [f"{code:g} ({len(rows)}×, first in row {rows[0] + 1})" for code, rows in places.items() if len(rows)]
        if not listed:
            return []
        text = (
            f"'{self.name}': numbers that count as missing: {', '.join(listed)}. "
            f"If they are real values: --set 'features.\"{self.name}\".missing=[]'"
        )
        count, first = sum(len(rows) for rows in places.values()), min(rows[0] for rows in places.values() if len(rows))
        return [Finding("note", "stand-ins", text, self.name, count, int(first))]

    def fingerprint(self, column: pl.Series) -> np.ndarray:
        """Numbers that agree to a millionth of the spread are the same."""
        values = self.settings.parse(column).values
        return (values / (self.scale * 1e-6)).round().cast(pl.Float64).fill_null(1e300).hash(seed=0).to_numpy()

    def show(self, column: pl.Series) -> list[str]:
        return [_shown(cell) for cell in column.to_list()]


def _shown(cell: Any) -> str:
    """A cell as it is, but for digits that say nothing: 354.98799999803305 is 354.988."""
    if cell is None:
        return MISSING
    text = f"{cell:.6g}" if isinstance(cell, float) else str(cell)
    long = len(text) > _LONG and re.fullmatch(r"\s*-?\d{1,6}\.\d+\s*", text)
    return f"{float(text):.6g}" if long else text


Number.fitted = FittedNumber
