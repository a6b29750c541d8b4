"""Date: a moment, as days since a start and as places in the year, the week and the day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
import torch

from deepwright.contracts import NEAR, Finding, Suits
from deepwright.core.config import Config
from deepwright.core.wording import percent
from deepwright.data.cells import blank_to_null, names_nothing
from deepwright.features.plain import BadValues, FittedPlain, missing_finding
from deepwright.fields import Field
from deepwright.registries import features
from deepwright.spaces import Box

__all__ = ["Date", "DateSummary", "FittedDate", "parse_dates"]

ENOUGH = 0.9
HALF = 0.5  # of the cells: from here on a column that is no date is told to be nearly one
FIRST_YEAR, LAST_YEAR = 1000, 2199
_TIMES = (
    "",
    " %H:%M:%S%.f",
    " %H:%M:%S",
    " %H:%M",
    ", %H:%M",
    "T%H:%M:%S%.f",
    "T%H:%M:%S",
    "T%H:%M",
    " %I:%M %p",
    " %I:%M:%S %p",
)
_YEAR_FIRST = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d")
_POINTS = ("%d.%m.%Y", "%d.%m.%y", "%m.%d.%Y")  # between points the day comes first
_DAY_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%d-%m-%y")
_MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y")
_WORDS = ("%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%d-%b-%Y", "%d-%b-%y", "%d. %B %Y", "%d. %b %Y")
_MONTHS = ("%Y-%m", "%Y/%m", "%m/%Y", "%B %Y", "%b %Y", "%b-%Y", "%b-%y")  # no day: the first of the month
PILOT = 40
_COMPACT = r"^(\d{8}|\d{1,2}\.\d{4}|\d{4}\.\d{1,2})$"  # dates that are also numbers
_LIKE = r"^(\d.*[-/.: ,TA-Za-z].*\d{2}|\d{2,}[-/.].*\d|\d{8}|[A-Za-z]{3,9}[ -]\d.*|\d.*[AaPp][Mm]|\d.*\d ?(Z|UTC|GMT))$"
_ZONE = r" ?(Z|UTC|GMT|[+-]\d{2}:?\d{2})$"
_ZERO = r"^0+[-/.]0+[-/.]0+( 0+(:0+)*)?$"  # what some databases write for no date
_DAY = 86_400.0


def parse_dates(column: pl.Series, form: str) -> pl.Series:
    """(B,) Datetime in microseconds, UTC; null where missing or not of the form."""
    if column.dtype == pl.Date:
        return _believable(column.cast(pl.Datetime("us")))
    if isinstance(column.dtype, pl.Datetime):
        zone = column.dtype.time_zone
        plain = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else column
        return _believable(plain.cast(pl.Datetime("us")))
    text = blank_to_null(column)
    if not form:
        return _unmistakable(text)
    if not any(part in form for part in ("%H", "%I")):
        whole = (text, form) if "%d" in form else ("1 " + text, f"%d {form}")
        moments = whole[0].str.to_date(whole[1], strict=False).cast(pl.Datetime("us"))
    else:
        moments = text.str.replace(_ZONE, "").str.to_datetime(form, strict=False, time_unit="us") - _ahead(text)
    return _believable(moments).alias(column.name)


def _unmistakable(text: pl.Series) -> pl.Series:
    """Texts of a column that was no text in training: each read in the forms that begin with the year or name the month."""
    read = pl.Series(text.name, [None] * len(text), dtype=pl.Datetime("us"))
    for time in _TIMES:
        for day in (*_YEAR_FIRST[:3], *_WORDS):
            if not read.null_count():
                return read
            read = read.fill_null(parse_dates(text, day + time))
    return read


def _ahead(text: pl.Series) -> pl.Series:
    """How far clocks of a written time zone (+02:00) are ahead of UTC."""
    parts = text.str.extract_groups(r"([+-])(\d{2}):?(\d{2})$").struct.unnest()
    sign, hours, minutes = parts
    ahead = hours.cast(pl.Int64) * 60 + minutes.cast(pl.Int64)
    return pl.select(pl.duration(minutes=pl.when(sign == "-").then(-ahead).otherwise(ahead).fill_null(0))).to_series()


def _believable(moments: pl.Series) -> pl.Series:
    """Without years that stand for "never" and "always" (9999, 0001)."""
    years = moments.dt.year()
    return pl.select(pl.when((years >= FIRST_YEAR) & (years <= LAST_YEAR)).then(moments).otherwise(None)).to_series()


@dataclass(frozen=True)
class _Forms:
    """The form most cells are written in, its share, other forms that read as many, and the share that any form reads."""

    best: str = ""
    share: float = 0.0
    others: tuple[str, ...] = ()
    together: float = 0.0


def _forms(text: pl.Series) -> _Forms:
    found: list[tuple[float, str]] = []
    read = pl.Series([False]).new_from_index(0, len(text))
    plain = text.str.replace(_ZONE, "")
    few = slice(0, PILOT)  # forms that read none of the first cells are not tried on all
    clocks = len(text) <= PILOT or bool(text[few].str.contains(":", literal=True).any())
    for time in _TIMES if clocks else ("",):
        for day in (*_YEAR_FIRST, *_POINTS, *_MONTH_FIRST, *_DAY_FIRST, *_WORDS, *(() if time else _MONTHS)):
            cells = plain if time else text
            if len(cells) > PILOT and parse_dates(cells[few], day + time).null_count() == PILOT:
                continue
            known = parse_dates(cells, day + time).is_not_null()
            if known.any():
                found.append((float(known.mean()), day + time))  # type: ignore[arg-type]
                read |= known
    if not found:
        return _Forms()
    best = max(share for share, _ in found)
    equal = [form for share, form in found if share == best]
    return _Forms(equal[0], best, tuple(equal[1:]), float(read.mean()))  # type: ignore[arg-type]


@dataclass(frozen=True)
class DateSummary:
    """Range of the moments, in seconds since 1970."""

    rows: int = 0
    missing: int = 0
    low: float = np.inf
    high: float = -np.inf
    timed: bool = False
    bad: BadValues = field(default_factory=BadValues)
    forms: Mapping[str, int] = field(default_factory=dict)  # how texts are written, and how many cells were read so

    def merge(self, other: Self) -> "DateSummary":
        return DateSummary(
            self.rows + other.rows, self.missing + other.missing, min(self.low, other.low), max(self.high, other.high),
            self.timed or other.timed, self.bad.merge(other.bad, self.rows),
            {form: self.forms.get(form, 0) + other.forms.get(form, 0) for form in {**self.forms, **other.forms}},
        )  # fmt: skip


@features.register
class Date(Config):
    """A date or a date with time.

    Args:
        form: how it is written, in strftime's signs; "" for columns that are dates already, and to find it out.
    """

    kind: Literal["date"] = "date"
    form: str = ""
    fitted: ClassVar[type]

    @classmethod
    def suits(cls, column: pl.Series) -> Suits | None:
        if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
            return Suits(1.0, cls(), "dates") if column.null_count() < len(column) else None
        if column.dtype != pl.String:
            return None
        text = _telling(column)
        if not len(text) or (text.str.contains(_LIKE).sum() or 0) < HALF * len(text):
            return None
        numbers = text.cast(pl.Float64, strict=False)
        if len(text) - numbers.null_count() >= ENOUGH * len(text) and (
            text.str.contains(_COMPACT).sum() or 0
        ) < ENOUGH * len(text):
            return None
        forms = _forms(text)
        if forms.best == "%Y%m%d" and not _plausible(text):
            return None
        reason = f"{percent(forms.share)} of the cells are dates"
        if forms.share < ENOUGH:
            mixed = f"{reason} written {forms.best}"
            return Suits(NEAR, cls(form=forms.best), mixed) if max(forms.share, forms.together - 0.4) >= HALF else None
        return Suits(0.9, cls(form=forms.best), reason, _order(column.name, forms))

    def parse(self, column: pl.Series) -> pl.Series:
        return parse_dates(column, self.form)

    def summarise(self, column: pl.Series) -> DateSummary:
        form = self.form
        if not form and column.dtype == pl.String:
            form = _forms(_telling(column)).best
        return self.model_copy(update={"form": form})._summary(column)

    def _summary(self, column: pl.Series) -> DateSummary:
        parsed = self.parse(column)
        seconds = parsed.dt.epoch("us").drop_nulls().to_numpy() / 1e6
        if not len(seconds):
            return DateSummary(len(column), len(column), bad=self.bad(column, parsed))
        timed = bool((seconds % _DAY != 0).any())
        return DateSummary(
            len(column),
            parsed.null_count(),
            float(seconds.min()),
            float(seconds.max()),
            timed,
            self.bad(column, parsed),
            {self.form: len(seconds)} if self.form else {},
        )

    def bad(self, column: pl.Series, parsed: pl.Series) -> BadValues:
        """Cells that are there but no dates."""
        text = blank_to_null(column)
        frame = pl.DataFrame({"text": text, "bad": text.is_not_null() & parsed.is_null()}).with_row_index("row")
        grouped = frame.filter("bad").group_by("text").agg(pl.len(), pl.col("row").min().alias("first"))
        return BadValues(counts={str(value): (int(count), int(row)) for value, count, row in grouped.iter_rows()})

    def fit(self, summary: DateSummary, name: str) -> "FittedDate":
        known = summary.low <= summary.high
        low, high = (summary.low, summary.high) if known else (0.0, _DAY)
        form = max(summary.forms, key=lambda form: (summary.forms[form], form), default=self.form)
        settings = self.model_copy(update={"form": form})
        return FittedDate(
            name=name,
            settings=settings,
            low=low,
            high=high,
            timed=summary.timed,
            flagged=summary.missing > 0 or not known,
            written=bool(form) and bool(summary.forms),
        )


def _telling(column: pl.Series) -> pl.Series:
    """The first cells that say something."""
    text = blank_to_null(column).drop_nulls().head(2000)
    return text.filter(~names_nothing(text) & ~text.str.contains(_ZERO))


def _order(name: str, forms: _Forms) -> tuple[str, ...]:
    """What to say where day and month could change places."""
    form = forms.best
    swapped = form.translate(str.maketrans("dm", "md"))
    if swapped not in forms.others or form == swapped:
        return ()
    return (
        f"'{name}': day and month cannot be told apart, so it is read as {_words(form)}. "
        f"If the {'month' if form.startswith('%d') else 'day'} comes first: --set 'features.\"{name}\".form={swapped}'",
    )


def _plausible(text: pl.Series) -> bool:
    years = text.str.slice(0, 4).cast(pl.Int32, strict=False).drop_nulls()
    return len(years) > 0 and bool(((years >= 1900) & (years <= 2100)).all())


def _words(form: str) -> str:
    return "month first" if form.startswith("%m") else "day first"


class FittedDate(FittedPlain):
    """See `Date`. Values (B, D): time from -1 to 1 over the training range, cosine and sine of the place in the year and
    the week, and in the day where times are given; last a missing flag where training rows had gaps.

    Args:
        written: training rows were text, which decoded cells are again, in the form of the settings.
    """

    kind: ClassVar[str] = "date"
    settings: Date
    low: float
    high: float
    timed: bool
    flagged: bool
    written: bool = False

    @property
    def _width(self) -> int:
        return 5 + 2 * self.timed + self.flagged

    @property
    def space(self) -> Box:
        low, high = -torch.ones(self._width), torch.ones(self._width)
        frozen = torch.zeros(self._width, dtype=torch.bool)
        frozen[1:] = True  # cycles follow from the time; they cannot move on their own
        scale = torch.ones(self._width)
        scale[0] = 2 / max(1.0, (self.high - self.low) / _DAY)
        return Box((self._width,), low, high, frozen, scale, absent=self._width - 1 if self.flagged else None)

    def encode(self, column: pl.Series) -> Field:
        parsed = self.settings.parse(column)
        seconds = parsed.dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6
        missing = np.isnan(seconds)
        span = max(self.high - self.low, _DAY)
        time = np.clip((seconds - self.low) / span * 2 - 1, -2, 2)
        year = (parsed.dt.ordinal_day().cast(pl.Float64).to_numpy() - 1) / 365.25
        week = (seconds / _DAY + 4) % 7 / 7  # the first of January 1970 was a Thursday
        cycles = [year, np.floor(week * 7) / 7, *([seconds / _DAY % 1] if self.timed else [])]
        parts = [time] + [wave(2 * np.pi * place) for place in cycles for wave in (np.cos, np.sin)]
        parts = [np.where(missing, 0.0, part) for part in parts] + ([missing] if self.flagged else [])
        return Field(torch.from_numpy(np.stack(parts, 1).astype(np.float32)))

    def decode(self, z: Field) -> pl.Series:
        time = z.values[:, 0].double().cpu().numpy()
        seconds = (time + 1) / 2 * max(self.high - self.low, _DAY) + self.low
        seconds = seconds if self.timed else np.round(seconds / _DAY) * _DAY
        moments = pl.Series(self.name, (seconds * 1e6).astype(np.int64)).cast(pl.Datetime("us"))
        if self.flagged:
            gone = pl.Series((z.values[:, -1] > 0.5).cpu().numpy())
            moments = pl.select(pl.when(gone).then(None).otherwise(moments)).to_series().alias(self.name)
        if self.written:
            exact = "1s" if "%S" in self.settings.form or "%T" in self.settings.form else "1m"
            rounded = moments.dt.round(exact)  # writing alone would cut off what is left over
            return rounded.dt.to_string(self.settings.form)
        return moments if self.timed else moments.cast(pl.Date)

    def baseline(self, z: Field) -> Field:
        return z.with_values(torch.zeros_like(z.values))

    def baseline_columns(self, column: pl.Series) -> pl.DataFrame:
        values: Any = self.encode(column).values.numpy().astype(float)
        missing = self.settings.parse(column).is_null().to_numpy()
        values[missing] = np.nan
        names = ["time", "year cos", "year sin", "week cos", "week sin", "day cos", "day sin"][: 5 + 2 * self.timed]
        return pl.DataFrame({f"{self.name}: {part}": values[:, place] for place, part in enumerate(names)})

    def findings(self, column: pl.Series) -> list[Finding]:
        parsed = self.settings.parse(column)
        bad = self.settings.bad(column, parsed)
        found = bad.finding(self.name, "date", f"--set 'features.\"{self.name}\".kind=category'")
        return found + missing_finding(self.name, parsed.null_count() - bad.total, len(column))

    def fingerprint(self, column: pl.Series) -> np.ndarray:
        return self.settings.parse(column).dt.epoch("us").fill_null(-1).hash(seed=0).to_numpy()


Date.fitted = FittedDate
