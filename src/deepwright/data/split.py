"""Splits: which rows train, which validate, which test. Fixed by the seed, stored in the run."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field as Setting

from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.core.seeds import derive
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

    def _sizes(self, rows: int) -> tuple[int, int]:
        """Validation and test rows."""
        test = round(self.test * rows)
        validation = min(MOST_VALIDATION, round(self.validation * rows))
        return max(1, validation), max(1, test) if self.test else 0


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
    if len(order) < 3:
        raise DataError(
            f"{len(order)} rows with a target are too few: training, validation and test need at least one each."
        )
    parts = np.zeros(len(order), np.int8)
    parts[order[:test]] = PARTS["test"]
    parts[order[test : test + validation]] = PARTS["validation"]
    return parts


@splits.register
class Stratified(_Split):
    """By chance, each part with the same shares of the target's labels (of its tenths, where it is a quantity)."""

    kind: Literal["stratified"] = "stratified"

    def needs(self) -> tuple[str, ...]:
        return ()

    def assign(
        self, columns: Mapping[str, pl.Series], target: pl.Series | None, rows: np.ndarray, seed: int
    ) -> np.ndarray:
        shuffled = np.random.default_rng(derive(seed, "split")).permutation(len(rows))
        if target is None:
            return _cut(shuffled, *self._sizes(len(rows)))
        strata = _strata(target)[rows]
        validation, test = self._sizes(len(rows))
        # Within a stratum rows stand in chance order at even distances; sorted by distance all strata are spread alike.
        place = np.empty(len(rows))
        for stratum in np.unique(strata):
            own = shuffled[strata[shuffled] == stratum]
            shift = np.random.default_rng(derive(seed, "stratum", int(stratum))).random()
            place[own] = (np.arange(len(own)) + shift) / len(own)
        return _cut(np.argsort(place, kind="stable"), validation, test)


def _strata(target: pl.Series) -> np.ndarray:
    text = target.cast(pl.String) if not target.dtype.is_nested() else target.list.join("|")
    if text.n_unique() <= STRATA:
        return text.fill_null("").rank("dense").to_numpy().astype(np.int64)
    numbers = parse_numbers(target) if not target.dtype.is_nested() else None
    if numbers is None or numbers.share < 0.9:
        common = text.value_counts(sort=True).head(STRATA).to_series().to_list()
        ids = text.replace_strict(common, list(range(len(common))), default=STRATA, return_dtype=pl.Int64)
        return ids.fill_null(STRATA).to_numpy()
    values = numbers.values.to_numpy()
    edges = np.nanquantile(values, np.linspace(0, 1, 11)[1:-1])
    return np.where(np.isnan(values), -1, np.searchsorted(edges, values))


@splits.register
class Group(_Split):
    """All rows of a group on the same side: patients, machines, customers."""

    kind: Literal["group"] = "group"
    by: str

    def needs(self) -> tuple[str, ...]:
        return (self.by,)

    def assign(
        self, columns: Mapping[str, pl.Series], target: pl.Series | None, rows: np.ndarray, seed: int
    ) -> np.ndarray:
        """Raises DataError: there are fewer than three groups."""
        groups = columns[self.by].cast(pl.String).fill_null("(empty)").gather(rows)
        names, counts = np.unique(groups.to_numpy().astype(str), return_counts=True)
        if len(names) < 3:
            raise DataError(
                f"--group {self.by}: {len(names)} groups cannot be divided into training, validation and test."
            )
        order = np.random.default_rng(derive(seed, "split")).permutation(len(names))
        validation, test = self._sizes(len(rows))
        part, filled = {}, 0
        for number, place in enumerate(order):
            left = len(order) - number
            name = names[place]
            if (filled < test and left > 2) or (not filled and test):
                part[name] = PARTS["test"]
            elif filled < test + validation and left > 1:
                part[name] = PARTS["validation"]
            else:
                part[name] = PARTS["train"]
            filled += int(counts[place])
        if PARTS["validation"] not in part.values():
            part[names[order[-2]]] = PARTS["validation"]
        return np.array([part[str(name)] for name in groups], np.int8)


@splits.register
class TimeOrder(_Split):
    """The earliest rows train, the next validate, the latest test."""

    kind: Literal["time"] = "time"
    by: str

    def needs(self) -> tuple[str, ...]:
        return (self.by,)

    def assign(
        self, columns: Mapping[str, pl.Series], target: pl.Series | None, rows: np.ndarray, seed: int
    ) -> np.ndarray:
        """Raises DataError: the column holds neither dates nor numbers."""
        moments = _moments(columns[self.by])[rows]
        late_first = np.lexsort((-np.arange(len(rows)), -moments))
        return _cut(late_first, *self._sizes(len(rows)))


def _moments(column: pl.Series) -> np.ndarray:
    """(N,) float order of the cells; missing ones count as earliest."""
    from deepwright.registries import features

    numbers = parse_numbers(column) if column.dtype == pl.String or column.dtype.is_numeric() else None
    if numbers is not None and numbers.share >= 0.9:
        values = numbers.values
    else:
        suits: Any = features.get("date").suits(column)  # type: ignore[attr-defined]
        if suits is None:
            raise DataError(
                f"--time {column.name}: expected dates or numbers, got cells such as '{column.drop_nulls()[0]}'."
            )
        values = suits.settings.parse(column).dt.epoch("us").cast(pl.Float64)
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
        words = columns[self.by].cast(pl.String).str.strip_chars().str.to_lowercase().gather(rows)
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
            if not (parts == code).any():
                raise DataError(f"The split column '{self.by}' names no row for '{name}'.")
        train = np.flatnonzero(parts == PARTS["train"])
        if not (parts == PARTS["validation"]).any():
            inner = Stratified(validation=self.validation, test=0.0).assign(columns, target, rows[train], seed)
            parts[train[inner == PARTS["validation"]]] = PARTS["validation"]
        return parts
