"""Tag: any number of labels at once, from one column of lists or from several yes/no columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import polars as pl
import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from torch import Tensor

from deepwright.contracts import Answer, Suits
from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.core.report import Block
from deepwright.data.cells import blank_to_null
from deepwright.fields import Field, Fields
from deepwright.registries import tasks
from deepwright.tasks.pictures import tag_blocks
from deepwright.tasks.thresholds import best_threshold

__all__ = ["FittedTag", "Tag", "TagCounts"]

_YES = ("1", "1.0", "true", "yes", "y", "t", "x", "ja", "oui", "si")
_NO = ("0", "0.0", "false", "no", "n", "f", "nein", "non", "")
_SIGNS = ("|", ";", ",")


@dataclass(frozen=True)
class TagCounts:
    """Rows with each label, rows in all, and the separator of labels in one cell as found."""

    counts: Mapping[str, int]
    rows: int
    separator: str | None = None

    def merge(self, other: Self) -> "TagCounts":
        names = self.counts.keys() | other.counts.keys()
        summed = {name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in names}
        return TagCounts(summed, self.rows + other.rows, self.separator or other.separator)


@tasks.register
class Tag(Config):
    """Predict which labels apply.

    Args:
        separator: between labels in one cell; None finds it out ("|", ";" or ",").
        loss: "bce" or "focal".
        thresholds: "auto" chooses one a label on validation rows by F1; or one number for all.
    """

    learns: ClassVar[Literal["target", "inputs"]] = "target"

    kind: Literal["tag"] = "tag"
    fitted: ClassVar[type]
    separator: str | None = Setting(None, min_length=1)
    loss: Literal["bce", "focal"] = "bce"
    gamma: float = Setting(2.0, ge=0.0)
    thresholds: Literal["auto"] | Annotated[float, Setting(ge=0.0, le=1.0)] = "auto"

    @classmethod
    def suits(cls, targets: pl.DataFrame) -> Suits | None:
        if targets.width > 1:
            yes_no = all(_is_yes_no(targets[name]) for name in targets.columns)
            return Suits(0.9, cls(), "several columns of yes and no") if yes_no else None
        column = targets.to_series()
        if isinstance(column.dtype, pl.List) and not column.dtype.inner.is_nested():
            return Suits(0.95, cls(), "lists of labels")
        if column.dtype != pl.String:
            return None
        cells = blank_to_null(column).drop_nulls()
        for sign in _SIGNS[:2]:  # commas stand in too many single labels to be taken for separators
            several = cells.filter(cells.str.contains(sign, literal=True))
            parts = cells.str.split(sign).explode().str.strip_chars()
            if len(several) > 0.1 * len(cells) and parts.n_unique() < 0.5 * max(1, cells.n_unique()) + 10:
                note = f"Cells hold several labels divided by '{sign}'. If each cell is one label: --task classify."
                return Suits(0.92, cls(separator=sign), f"labels divided by '{sign}'", (note,))
        return Suits(0.05, cls(), "words")

    def summarise(self, targets: pl.DataFrame) -> TagCounts:
        lists = self.lists(targets).drop_nulls()
        counts = lists.list.unique().explode().drop_nulls().value_counts()
        names = {name: 0 for name in targets.columns} if targets.width > 1 else {}
        written = targets.width == 1 and not isinstance(targets.to_series().dtype, pl.List)
        separator = self.separator or (self._found(targets.to_series()) if written else None)
        return TagCounts(names | {str(label): int(count) for label, count in counts.iter_rows()}, len(lists), separator)

    def lists(self, targets: pl.DataFrame) -> pl.Series:
        """Each row's labels; null where the target is missing.

        Raises:
            DataError: several columns that are not yes and no, or cells that hold no text.
        """
        for name, dtype in targets.schema.items():
            plain = not dtype.is_nested() and dtype != pl.Binary
            labels = isinstance(dtype, pl.List) and not dtype.inner.is_nested() and dtype.inner != pl.Binary
            if not plain and not (targets.width == 1 and labels):
                raise DataError(f"The cells of '{name}' are no labels ({dtype}).")
        if targets.width > 1:
            text = targets.select(pl.all().cast(pl.String).str.strip_chars().str.to_lowercase())
            missing = text.select(pl.all_horizontal(pl.all().is_null())).to_series()
            named = [pl.when(pl.col(n).is_in(_YES)).then(pl.lit(n)) for n in targets.columns]
            lists = text.select(pl.concat_list(named).list.drop_nulls()).to_series()
        else:
            column = targets.to_series()
            if not isinstance(column.dtype, pl.List):
                column = blank_to_null(column).str.split(self.separator or self._found(column) or _SIGNS[0])
            missing = column.is_null()
            strings = column.cast(pl.List(pl.String))
            lists = strings.list.eval(pl.element().str.strip_chars()).list.eval(pl.element().filter(pl.element() != ""))
        return pl.select(pl.when(missing).then(None).otherwise(lists)).to_series()

    def _found(self, column: pl.Series) -> str | None:
        """The sign that most cells hold, None where no cell holds one."""
        cells = column.drop_nulls().cast(pl.String)
        counts = {sign: cells.str.contains(sign, literal=True).sum() for sign in _SIGNS}
        best = max(counts, key=lambda sign: counts[sign])
        return best if counts[best] else None

    def fit(self, summary: TagCounts, targets: Sequence[str]) -> "FittedTag":
        """Raises DataError: no label at all, or too many."""
        name = targets[0] if len(targets) == 1 else "tags"
        if not summary.rows or not any(summary.counts.values()):
            raise DataError(f"The target '{', '.join(targets)}' holds no label in any training row.")
        labels = tuple(sorted(label for label in summary.counts if label))
        if len(labels) > max(50, summary.rows / 2):
            raise DataError(
                f"The target '{name}' has {len(labels)} different labels in {summary.rows} rows; too many to learn."
            )
        counts = tuple(summary.counts[label] for label in labels)
        settings = self.model_copy(
            update={"separator": summary.separator}
        )  # one separator, whatever the next file holds
        return FittedTag(settings=settings, columns=tuple(targets), labels=labels, counts=counts, rows=summary.rows)


def _is_yes_no(column: pl.Series) -> bool:
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        return False
    words = column.cast(pl.String).str.strip_chars().str.to_lowercase().drop_nulls().unique().to_list()
    return bool(words) and set(words) <= {*_YES, *_NO}


class FittedTag(Config):
    """See `Tag`. Output: {"logits": (B, L)}; target: {first column: (B, L) float32}."""

    coupled: ClassVar[bool] = False
    kind: ClassVar[str] = "tag"

    settings: Tag
    columns: tuple[str, ...]
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    rows: int
    thresholds: tuple[float, ...] | None = None

    @property
    def _name(self) -> str:
        return self.columns[0] if len(self.columns) == 1 else "tags"

    @property
    def targets(self) -> tuple[str, ...]:
        return self.columns

    @property
    def heads(self) -> Mapping[str, int]:
        return {"logits": len(self.labels)}

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("tag_f1", "mean_average_precision", "tag_macro_f1", "subset_accuracy", "hamming")

    def encode(self, frame: pl.DataFrame) -> dict[str, Field]:
        lists = self.settings.lists(frame.select(self.columns))
        columns = [lists.list.contains(label).fill_null(False).to_numpy() for label in self.labels]
        present = torch.from_numpy(lists.is_not_null().to_numpy().copy())
        values = torch.stack([torch.from_numpy(column.copy()) for column in columns], 1).float()
        return {self._name: Field(values, present=None if bool(present.all()) else present)}

    def loss(self, outputs: Fields, targets: Fields) -> Tensor:
        logits, known = outputs["logits"].values, targets[self._name].values
        loss = F.binary_cross_entropy_with_logits(logits, known, reduction="none")
        if self.settings.loss == "focal":
            wrong = (logits.sigmoid() - known).abs().clamp_min(1e-8)  # a power below 1 is steep at 0
            loss = wrong**self.settings.gamma * loss
        return loss.sum(1)

    def weight(self, targets: Fields) -> Tensor:
        field = targets[self._name]
        return torch.ones(len(field), device=field.values.device) if field.present is None else field.present.float()

    def score(self, outputs: Fields, targets: Fields | None) -> Tensor:
        """Mean log-odds of the true (or answered) state of all labels."""
        logits = outputs["logits"].values
        known = (logits > 0).float() if targets is None else targets[self._name].values
        return (logits * (2 * known - 1)).mean(1)

    @property
    def score_name(self) -> str:
        return f"mean log-odds of the answered {self._name}"

    def own(self, outputs: Fields) -> dict[str, Field]:
        return {self._name: Field(self.answer(outputs)["decision"].float())}

    def combine(self, outputs: Fields) -> dict[str, Field]:
        logits = outputs["logits"].values  # the log-odds of the mean probability, exact where it is near 0 or 1
        return {"logits": Field(F.logsigmoid(logits).logsumexp(1) - F.logsigmoid(-logits).logsumexp(1))}

    def answer(self, outputs: Fields) -> dict[str, Tensor]:
        return self._decided(outputs["logits"].values.float().sigmoid())

    def _decided(self, probability: Tensor) -> dict[str, Tensor]:
        threshold = torch.tensor(self.thresholds or [0.5] * len(self.labels), device=probability.device)
        return {"probability": probability, "decision": probability >= threshold}

    def decode(self, answer: Answer) -> pl.DataFrame:
        """One column of lists is answered as it is written; several columns of yes and no, each by a column of its own."""
        if len(self.columns) > 1:
            return self._each(answer)
        sign = self.settings.separator or "|"
        said = [
            sign.join(label for label, yes in zip(self.labels, row, strict=True) if yes)
            for row in answer["decision"].tolist()
        ]
        columns = {f"{self._name}_predicted": pl.Series(said, dtype=pl.String)}
        for place, label in enumerate(self.labels):
            columns[f"{self._name}_probability_{label}"] = pl.Series(answer["probability"][:, place].cpu().numpy())
        return pl.DataFrame(columns)

    def _each(self, answer: Answer) -> pl.DataFrame:
        columns = {}
        for name in self.columns:
            place = self.labels.index(name)
            columns[f"{name}_predicted"] = pl.Series(answer["decision"][:, place].cpu().numpy().astype(bool))
            columns[f"{name}_probability_yes"] = pl.Series(answer["probability"][:, place].cpu().numpy())
        return pl.DataFrame(columns)

    def constant(self, targets: Fields) -> dict[str, Tensor]:
        shares = torch.tensor(self.counts, dtype=torch.float32) / self.rows
        return {"probability": (p := shares.repeat(len(targets[self._name]), 1)), "decision": p >= 0.5}

    def truth(self, targets: Fields) -> dict[str, Tensor]:
        return {"label": targets[self._name].values}

    def bias(self, targets: Fields) -> dict[str, Tensor]:
        share = (torch.tensor(self.counts, dtype=torch.float32) / self.rows).clamp(1e-3, 1 - 1e-3)
        return {"logits": share.logit()}

    def blocks(self, answer: Answer, truth: Answer) -> list[Block]:
        return tag_blocks(self.labels, answer, truth)

    def finish(self, answer: Answer, truth: Answer) -> "FittedTag":
        """One threshold a label."""
        chosen = self.settings.thresholds
        if chosen == "auto":
            pairs = zip(answer["probability"].T, truth["label"].T, strict=True)
            thresholds = tuple(best_threshold(probability, known > 0.5) for probability, known in pairs)
        else:
            thresholds = (chosen,) * len(self.labels)
        return self.model_copy(update={"thresholds": thresholds})

    def table(self, targets: Fields) -> tuple[str, Tensor]:
        """What a plain estimator learns: "labels" and (B, L) 0/1."""
        return "labels", targets[self._name].values.long()

    def from_table(self, values: Tensor) -> dict[str, Tensor]:
        """An answer from a plain estimator's probabilities (B, L, 2)."""
        return {"probability": values[:, :, 1].float(), "decision": values[:, :, 1] >= 0.5}

    def to_state(self) -> dict[str, Any]:
        return self.model_dump()

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FittedTag":
        return cls.model_validate(state)


Tag.fitted = FittedTag
