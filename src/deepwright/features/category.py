"""Category: one of a limited set of words."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self

import numpy as np
import polars as pl
import torch
from pydantic import Field as Setting

from deepwright.contracts import Finding, Suits
from deepwright.core.config import Config
from deepwright.core.wording import plural
from deepwright.features.plain import FittedPlain, as_words, missing_finding
from deepwright.fields import Field
from deepwright.registries import features
from deepwright.spaces import Tokens

__all__ = ["Category", "CategorySummary", "FittedCategory"]

MISSING, OTHER, FIRST = 0, 1, 2  # ids: empty cells, rare and unseen values, then the labels
_MOSTLY = 0.5  # share of cells whose labels are rare, above which a column says next to nothing
_GAPS = re.compile(r"[\s_\-]+")
_POINT_ZERO = re.compile(r"^([+-]?\d+)\.0+$")


def spelling(label: str) -> str:
    """What spellings of one category have in common: letters without case, gaps (blanks, _ and -) inside words alike.

    >>> spelling("New-York ") == spelling("new york") != spelling("new yorks")
    True
    """
    folded = unicodedata.normalize("NFKC", label).casefold().strip()
    if not any(sign.isalpha() for sign in folded):
        return _POINT_ZERO.sub(r"\1", folded)  # "1-2" and "1 2", "+" and "-" are different things
    core = folded.strip("-_")
    head, _, tail = folded.partition(core)
    return head + _GAPS.sub(" ", core) + tail


@dataclass(frozen=True)
class CategorySummary:
    """How often each cell value occurs."""

    rows: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    def merge(self, other: Self) -> "CategorySummary":
        counts = dict(self.counts)
        for label, count in other.counts.items():
            counts[label] = counts.get(label, 0) + count
        return CategorySummary(self.rows + other.rows, counts)


@features.register
class Category(Config):
    """A label.

    Args:
        rare: labels seen in fewer training rows share one id, which also answers for labels never seen.
        most: labels kept at most, the frequent ones first.
        merge_spellings: take "Red", "red " and "RED" for one.
    """

    kind: Literal["category"] = "category"
    rare: int = Setting(2, ge=1)
    most: int = Setting(5000, ge=1)
    merge_spellings: bool = True

    fitted: ClassVar[type]

    @classmethod
    def suits(cls, column: pl.Series) -> Suits | None:
        if not (column.dtype in (pl.String, pl.Boolean, pl.Categorical) or isinstance(column.dtype, pl.Enum)):
            return None
        words = as_words(column).drop_nulls()
        if not len(words):
            return None
        distinct = words.n_unique()
        score = 0.6 if distinct <= max(50, 0.5 * len(words)) else 0.3
        return Suits(score, cls(), f"{distinct} different words")

    def summarise(self, column: pl.Series) -> CategorySummary:
        counts = as_words(column).drop_nulls().value_counts()
        return CategorySummary(len(column), {str(label): int(count) for label, count in counts.iter_rows()})

    def fit(self, summary: CategorySummary, name: str) -> "FittedCategory":
        groups: dict[str, list[tuple[int, str]]] = {}
        for label, count in sorted(summary.counts.items()):
            groups.setdefault(spelling(label) if self.merge_spellings else label, []).append((count, label))
        ranked = sorted(
            groups.values(), key=lambda group: (-sum(c for c, _ in group), min(label for _, label in group))
        )
        kept = [group for group in ranked if sum(count for count, _ in group) >= self.rare][: self.most]
        spellings = {label: place for place, group in enumerate(kept) for _, label in group}
        labels = tuple(max(group, key=lambda one: (one[0], one[1]))[1] for group in kept)
        counts = tuple(sum(count for count, _ in group) for group in kept)
        return FittedCategory(
            name=name, settings=self, labels=labels, counts=counts, spellings=spellings, rows=summary.rows,
            left=len(ranked) - len(kept),
        )  # fmt: skip


class FittedCategory(FittedPlain):
    """See `Category`. Ids (B, 1) int32: 0 missing, 1 rare or unseen, then the labels.

    Args:
        spellings: cell value → place in `labels`. left: rare labels that share one id.
    """

    kind: ClassVar[str] = "category"
    settings: Category
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    spellings: dict[str, int]
    rows: int
    left: int

    @property
    def space(self) -> Tokens:
        return Tokens(len(self.labels) + FIRST)

    def ids(self, column: pl.Series) -> np.ndarray:
        """(B,) int32."""
        words = as_words(column)
        distinct = words.drop_nulls().unique().to_list()
        folded = {spelling(label): place for label, place in self.spellings.items()}
        places = {}
        for word in distinct:
            place = self.spellings.get(word)
            if place is None and self.settings.merge_spellings:
                place = folded.get(spelling(word))
            places[word] = OTHER if place is None else place + FIRST
        if not places:
            return np.full(len(words), MISSING, np.int32)
        ids = words.replace_strict(list(places), list(places.values()), default=MISSING, return_dtype=pl.Int32)
        return ids.fill_null(MISSING).to_numpy()

    def encode(self, column: pl.Series) -> Field:
        return Field(torch.from_numpy(self.ids(column).copy())[:, None])

    def decode(self, z: Field) -> pl.Series:
        names: list[str | None] = [None, "(other)", *self.labels]
        return pl.Series(self.name, [names[place] for place in z.values.reshape(-1).tolist()], dtype=pl.String)

    def baseline(self, z: Field) -> Field:
        return z.with_values(torch.zeros_like(z.values))

    def baseline_columns(self, column: pl.Series) -> pl.DataFrame:
        """The frequent labels as 0/1 columns (at most 20), and how frequent the label is."""
        ids = self.ids(column)
        shares = np.array([np.nan, 0.0, *(count / max(1, self.rows) for count in self.counts)])
        columns = {
            f"{self.name}: {label}": (ids == place + FIRST).astype(float)
            for place, label in enumerate(self.labels[:20])
        }
        if len(self.labels) > 20 or not columns:
            columns[f"{self.name}: share"] = shares[ids]
        return pl.DataFrame(columns)

    def findings(self, column: pl.Series) -> list[Finding]:
        words = as_words(column)
        found = missing_finding(self.name, words.null_count(), len(column))
        groups: dict[int, list[str]] = {}
        for label, place in self.spellings.items():
            groups.setdefault(place, []).append(label)
        merged = [sorted(group) for group in groups.values() if len(group) > 1]
        if merged:
            shown = "; ".join(" = ".join(f"'{label}'" for label in group[:4]) for group in merged[:5])
            text = (
                f"'{self.name}' spells {plural(len(merged), 'category', 'categories')} in several ways, "
                f"taken as one{' each' if len(merged) > 1 else ''}: {shown}. "
                f"To keep them apart: --set 'features.\"{self.name}\".merge_spellings=false'"
            )
            found.append(Finding("note", "spellings", text, self.name, len(merged)))
        shared = float((self.ids(column) == OTHER).mean()) if self.left and len(column) else 0.0
        if shared > 0.01:
            labels, they = (
                ("label", "it shares a place with new ones") if self.left == 1 else ("labels", "they share one place")
            )
            text = f"'{self.name}' has {self.left} {labels} in fewer than {self.settings.rare} rows; {they}."
            if shared > _MOSTLY:
                text += f" That is {shared:.0%} of its cells, of which little can be learnt so: leave it out with --ignore '{self.name}'."
            found.append(Finding("warning" if shared > _MOSTLY else "note", "rare", text, self.name, self.left))
        return found

    def fingerprint(self, column: pl.Series) -> np.ndarray:
        folded = as_words(column).fill_null("")
        distinct = folded.unique().to_list()
        table = {word: spelling(word) if self.settings.merge_spellings else word for word in distinct}
        return folded.replace_strict(list(table), list(table.values()), return_dtype=pl.String).hash(seed=0).to_numpy()


Category.fitted = FittedCategory
