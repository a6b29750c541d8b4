"""Splits: which rows train, which validate, which test. Fixed by the seed, stored in the run."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field as Setting
from pydantic import model_validator

from deepwright.contracts import NEAR, Finding
from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.core.seeds import derive
from deepwright.core.wording import plural
from deepwright.data.cells import parse_numbers
from deepwright.registries import splits

__all__ = ["PARTS", "Given", "Group", "Random", "Stratified", "TimeOrder"]

PARTS = {"train": 0, "validation": 1, "test": 2}  # -1: not used
MOST_VALIDATION = 5000
STRATA = 50
_WORDS = {"train": 0, "training": 0, "tr": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2, "testing": 2,
          "holdout": 2, "0": 0, "1": 1, "2": 2}  # fmt: skip


class _Split(Config):
    """Shares of the rows. Validation never takes more than 5000 rows: more would only cost time."""

    column: ClassVar[str | None] = None
    validation: float = Setting(0.15, gt=0.0, lt=1.0)
    test: float = Setting(0.2, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _room_to_train(self) -> Self:
        if self.validation + self.test >= 1.0:
            raise ValueError("validation and test together must leave rows to train on: their sum must be below 1")
        return self

    def findings(self, columns: Mapping[str, pl.Series]) -> list[Finding]:
        """What has to be told about the columns that `assign` looks at."""
        return []

    def _sizes(self, rows: int) -> tuple[int, int]:
        """Validation and test rows; at least one row is left to train on.

        Raises:
            DataError: there are too few rows.
        """
        if rows < 2 + (self.test > 0):
            asked = "training, validation and test" if self.test else "training and validation"
            are = "is" if rows == 1 else "are"
            raise DataError(f"{plural(rows, 'usable row')} {are} too few: {asked} need at least one each.")
        test = min(max(1, round(self.test * rows)), rows - 2) if self.test else 0
        validation = min(max(1, round(self.validation * rows)), MOST_VALIDATION, rows - test - 1)
        return validation, test


@splits.register
class Random(_Split):
    """By chance."""

    kind: Literal["random"] = "random"

    def needs(self) -> tuple[str, ...]:
        """Columns that `assign` looks at."""
        return ()

    def assign(
        self, columns: Mapping[str, pl.Series], target: pl.Series | None, rows: np.ndarray, seed: int
    ) -> np.ndarray:
        """(len(rows),) int8 parts of the rows (0 train, 1 validation, 2 test); `rows` are those with a target."""
        order = np.random.default_rng(derive(seed, "split")).permutation(len(rows))
        return _cut(order, *self._sizes(len(rows)))


def _cut(order: np.ndarray, validation: int, test: int) -> np.ndarray:
    """First places of the order test, next ones validation, the others training."""
    parts = np.zeros(len(order), np.int8)
    parts[order[:test]] = PARTS["test"]
    parts[order[test : test + validation]] = PARTS["validation"]
    return parts


@splits.register
class Stratified(_Split):
    """By chance, each part with the same shares of the target's labels (of its tenths, where it is a quantity).

    A label keeps a training row as long as there are others to take: an answer nobody was taught cannot be right.
    """

    kind: Literal["stratified"] = "stratified"

    def needs(self) -> tuple[str, ...]:
        return ()

    def assign(
        self, columns: Mapping[str, pl.Series], target: pl.Series | None, rows: np.ndarray, seed: int
    ) -> np.ndarray:
        chance = np.random.default_rng(derive(seed, "split"))
        shuffled = chance.permutation(len(rows))
        validation, test = self._sizes(len(rows))
        if target is None:
            return _cut(shuffled, validation, test)
        _, stratum = np.unique(_strata(target.gather(rows)), return_inverse=True)
        counts = np.bincount(stratum)
        room = counts - 1 if (counts - 1).sum() >= validation + test else counts
        ties = chance.random(len(counts))
        tests = _quota(counts, test, room, ties)
        validations = _quota(counts, validation, room - tests, ties)
        order = shuffled[np.argsort(stratum[shuffled], kind="stable")]
        own = stratum[order]
        place = np.arange(len(rows)) - (np.cumsum(counts) - counts)[own]  # within the stratum, in chance order
        parts = np.zeros(len(rows), np.int8)
        parts[order[place < tests[own]]] = PARTS["test"]
        parts[order[(place >= tests[own]) & (place < (tests + validations)[own])]] = PARTS["validation"]
        return parts


def _quota(counts: np.ndarray, take: int, room: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """How many of each stratum to take: its share rounded down, the rest by the largest remainders, never above `room`."""
    exact = take * counts / counts.sum()
    quota = np.minimum(np.floor(exact).astype(np.int64), room)
    while (left := take - int(quota.sum())) > 0:
        free = np.flatnonzero(quota < room)
        order = free[np.lexsort((ties[free], (quota - exact)[free]))]
        quota[order[:left]] += 1
    return quota


def _strata(target: pl.Series) -> np.ndarray:
    """(N,) int64: rows with equal numbers belong together."""
    text = _as_text(target)
    counts = text.value_counts(name="rows").sort("rows", text.name, descending=[True, False])
    if counts.height > STRATA:
        numbers = parse_numbers(target)
        if numbers.share >= 0.9:
            values = numbers.values.to_numpy()
            edges = np.nanquantile(values, np.linspace(0, 1, 11)[1:-1])
            return np.where(np.isnan(values), -1, np.searchsorted(edges, values))
    common = counts[text.name].head(STRATA).to_list()
    return text.replace_strict(common, list(range(len(common))), default=STRATA, return_dtype=pl.Int64).to_numpy()


def _as_text(target: pl.Series) -> pl.Series:
    """Labels as text, lists of labels joined; what has no text falls into one stratum."""
    if isinstance(target.dtype, pl.List) and (target.dtype.inner == pl.String or target.dtype.inner.is_numeric()):
        target = target.list.eval(pl.element().cast(pl.String, strict=False)).list.join("|", ignore_nulls=True)
    elif target.dtype.is_nested() or target.dtype in (pl.Binary, pl.Object):
        return pl.Series("target", [""] * len(target))
    return target.cast(pl.String).fill_null("").alias("target")


@splits.register
class Group(_Split):
    """All rows of a group on the same side: patients, machines, customers."""

    kind: Literal["group"] = "group"
    by: str

    def needs(self) -> tuple[str, ...]:
        return (self.by,)

    def findings(self, columns: Mapping[str, pl.Series]) -> list[Finding]:
        empty = columns[self.by].null_count()
        text = f"'{self.by}' is empty in {empty} rows; they count as one group."
        return [Finding("warning", "group", text, self.by, empty)] if empty else []

    def assign(
        self, columns: Mapping[str, pl.Series], target: pl.Series | None, rows: np.ndarray, seed: int
    ) -> np.ndarray:
        """Raises DataError: there are fewer groups than parts."""
        groups = columns[self.by].cast(pl.String).fill_null("(empty)").gather(rows).alias("group")
        table = groups.value_counts(name="rows").sort("group")
        names, counts = table["group"].to_list(), table["rows"].to_numpy()
        wanted = [PARTS["train"], PARTS["validation"], *([PARTS["test"]] if self.test else [])]
        if len(names) < len(wanted):
            asked = "training, validation and test" if self.test else "training and validation"
            raise DataError(f"--group {self.by}: {len(names)} groups cannot be divided into {asked}.")
        validation, test = self._sizes(len(rows))
        order = np.random.default_rng(derive(seed, "split")).permutation(len(names))
        part = _fill(counts, order, validation, test)
        _none_empty(part, counts, order, wanted)
        return groups.replace_strict(names, part.tolist(), return_dtype=pl.Int8).to_numpy().copy()


def _fill(counts: np.ndarray, order: np.ndarray, validation: int, test: int) -> np.ndarray:
    """A part for each group: in chance order, to the test or validation part where that brings it nearer to its size."""
    part = np.zeros(len(counts), np.int8)
    lacking = {PARTS["test"]: test, PARTS["validation"]: validation}
    for group in order:
        for code, rest in lacking.items():
            if counts[group] < 2 * rest and (
                code == PARTS["test"] or counts[group] <= rest + MOST_VALIDATION - validation
            ):
                part[group] = code
                lacking[code] -= int(counts[group])
                break
    return part


def _none_empty(part: np.ndarray, counts: np.ndarray, order: np.ndarray, wanted: list[int]) -> None:
    """Give every empty part the smallest group (training: the largest) of the part with the most groups."""
    for code in wanted:
        if not (part == code).any():
            donor = np.bincount(part, minlength=len(PARTS)).argmax()
            own = order[part[order] == donor]
            part[own[counts[own].argmax() if code == PARTS["train"] else counts[own].argmin()]] = code


@splits.register
class TimeOrder(_Split):
    """The earliest rows train, the next validate, the latest test. Rows without a time count as earliest.

    Args:
        form: how dates are written, in strftime's signs; "" finds it out.
    """

    kind: Literal["time"] = "time"
    by: str
    form: str = ""

    def needs(self) -> tuple[str, ...]:
        return (self.by,)

    def findings(self, columns: Mapping[str, pl.Series]) -> list[Finding]:
        lost = np.flatnonzero(np.isneginf(_moments(columns[self.by], self.form)))
        if not len(lost):
            return []
        text = f"'{self.by}' holds no time in {len(lost)} rows, the first in row {lost[0] + 1}; they count as the earliest."
        return [Finding("warning", "no-time", text, self.by, len(lost), int(lost[0]))]

    def assign(
        self, columns: Mapping[str, pl.Series], target: pl.Series | None, rows: np.ndarray, seed: int
    ) -> np.ndarray:
        """Raises DataError: the column holds neither dates nor numbers."""
        moments = _moments(columns[self.by], self.form)[rows]
        late_first = np.lexsort((-np.arange(len(rows)), -moments))
        return _cut(late_first, *self._sizes(len(rows)))


def _moments(column: pl.Series, form: str) -> np.ndarray:
    """(N,) float order of the cells; missing ones (-inf) count as earliest."""
    from deepwright.registries import features

    if column.dtype in (pl.Time, pl.Duration):
        column = column.to_physical()
    numbers = parse_numbers(column) if column.dtype == pl.String or column.dtype.is_numeric() else None
    if numbers is not None and numbers.share >= 0.9 and not form:
        values = numbers.values
    else:
        date: Any = features.get("date")
        suits = date.suits(column)
        settings = date(form=form) if form or suits is None else suits.settings
        if not form and (suits is None or suits.score <= NEAR):
            cells = column.drop_nulls()
            got = f"cells such as '{cells[0]}'" if len(cells) else "an empty column"
            raise DataError(f"--time {column.name}: expected dates or numbers, got {got}.")
        values = settings.parse(column).dt.epoch("us").cast(pl.Float64)
    return values.fill_null(float("-inf")).to_numpy()


@splits.register
class Given(_Split):
    """A column says which part a row belongs to: train, validation, test. Missing validation rows are taken by chance."""

    kind: Literal["given"] = "given"
    by: str = "split"

    def needs(self) -> tuple[str, ...]:
        return (self.by,)

    def assign(
        self, columns: Mapping[str, pl.Series], target: pl.Series | None, rows: np.ndarray, seed: int
    ) -> np.ndarray:
        """Raises DataError: a cell says something else, or there is no training or test row."""
        words = (
            columns[self.by].cast(pl.String).str.strip_chars().str.to_lowercase().str.strip_suffix(".0").gather(rows)
        )
        unknown = words.drop_nulls().filter(~words.drop_nulls().is_in(list(_WORDS)))
        if len(unknown):
            raise DataError(f"The split column '{self.by}' holds '{unknown[0]}'; expected train, validation or test.")
        parts = (
            words.replace_strict(list(_WORDS), list(_WORDS.values()), default=-1, return_dtype=pl.Int8)
            .fill_null(-1)
            .to_numpy()
            .copy()
        )
        for name, code in (("train", 0), ("test", 2)):
            if not (parts == code).any() and (code == 0 or self.test):
                raise DataError(f"The split column '{self.by}' names no row for '{name}'.")
        train = np.flatnonzero(parts == PARTS["train"])
        if not (parts == PARTS["validation"]).any():
            inner = Stratified(validation=self.validation, test=0.0).assign(columns, target, rows[train], seed)
            parts[train[inner == PARTS["validation"]]] = PARTS["validation"]
        return parts
