"""Classify: one label out of several."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import polars as pl
import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from pydantic import field_validator
from torch import Tensor

from deepwright.contracts import Answer, Suits
from deepwright.core.config import Config
from deepwright.core.errors import DataError, did_you_mean
from deepwright.core.report import Block
from deepwright.data.cells import blank_to_null, names_nothing, parse_numbers
from deepwright.fields import Field, Fields
from deepwright.registries import tasks
from deepwright.tasks.pictures import class_blocks
from deepwright.tasks.thresholds import best_threshold

__all__ = ["Classify", "FittedClassify", "Labels", "as_labels"]

FEW_INTEGERS = 10
_WHOLE = re.compile(r"^(0|-?[1-9]\d{0,17})$")
MOST_SPELT = 1000  # different labels that are compared with each other
MANY_CLASSES = 0.5  # of the rows: then a label is more likely an identifier


def as_labels(column: pl.Series) -> pl.Series:
    """Cells as label texts: without surrounding blanks, whole numbers without a point, empty ones missing.

    Raises:
        DataError: cells that are lists, pixels or bytes.
    """
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        raise DataError(f"The cells of '{column.name}' are no labels ({column.dtype}). If they are lists: --task tag.")
    if column.dtype.is_float():
        values = column.cast(pl.Float64)
        finite = pl.select(pl.when(values.is_finite()).then(values).otherwise(None)).to_series()
        whole = (finite == finite.round()) & (finite.abs() < 2**53)
        integers = finite.cast(pl.Int64, strict=False).cast(pl.String)
        texts = pl.select(pl.when(whole).then(integers).otherwise(finite.cast(pl.String))).to_series()
        return texts.alias(column.name)
    return blank_to_null(column)


def _meaning(label: str) -> str | float:
    """What two spellings of a label share: "1" and "1.0", "true" and "True"."""
    try:
        number = float(label)
    except ValueError:
        return label.casefold()
    return number if math.isfinite(number) else label.casefold()


@dataclass(frozen=True)
class Labels:
    """How often each label occurs."""

    counts: Mapping[str, int]

    def merge(self, other: Self) -> "Labels":
        names = self.counts.keys() | other.counts.keys()
        return Labels({name: self.counts.get(name, 0) + other.counts.get(name, 0) for name in names})


@tasks.register
class Classify(Config):
    """Predict one of several labels.

    Args:
        loss: "cross_entropy", or "focal" (Lin et al. 2017, arXiv 1708.02002), which looks more at hard rows.
        class_weight: "none", "balanced" (each class counts alike), or a mapping label → weight.
        threshold: of two labels, the probability from which the second (rarer) one is answered; "auto" chooses it on
            validation rows by F1 where a label is rarer than 20 %, and is 0.5 otherwise.
    """

    learns: ClassVar[Literal["target", "inputs"]] = "target"

    kind: Literal["classify"] = "classify"
    fitted: ClassVar[type]
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    gamma: float = Setting(2.0, ge=0.0)
    label_smoothing: float = Setting(0.0, ge=0.0, lt=1.0)
    class_weight: Literal["none", "balanced"] | dict[str, Annotated[float, Setting(ge=0.0)]] = "none"
    threshold: Literal["auto"] | Annotated[float, Setting(ge=0.0, le=1.0)] = "auto"

    @field_validator("class_weight", mode="before")
    @classmethod
    def _label_texts(cls, value: Any) -> Any:
        """Labels that YAML reads as numbers or truth values are texts all the same."""
        if not isinstance(value, dict):
            return value
        return {str(k).lower() if isinstance(k, bool) else str(k): weight for k, weight in value.items()}

    @classmethod
    def suits(cls, targets: pl.DataFrame) -> Suits | None:
        if targets.width != 1:
            return None
        column = targets.to_series()
        if not (
            column.dtype.is_numeric()
            or column.dtype in (pl.String, pl.Boolean, pl.Null, pl.Categorical)
            or isinstance(column.dtype, pl.Enum)
        ):
            return None
        labels = as_labels(column).drop_nulls()
        distinct = labels.n_unique()
        numbers = parse_numbers(column)
        if column.dtype == pl.Boolean or distinct <= 2:
            return Suits(0.95, cls(), f"'{column.name}' has {distinct} different values", _notes(column.name, labels))
        if numbers.share < 0.9:
            return Suits(0.9, cls(), f"'{column.name}' holds words ({distinct} different)", _notes(column.name, labels))
        values = numbers.values.drop_nulls()
        if bool((values == values.round()).all()) and distinct <= FEW_INTEGERS and len(values) >= 5 * distinct:
            note = (
                f"'{column.name}' has only {distinct} different whole numbers, so they are taken as labels. "
                "If they are amounts: --task regress."
            )
            return Suits(0.7, cls(), f"{distinct} different whole numbers", (note,))
        return Suits(0.1, cls(), "numbers")

    def summarise(self, targets: pl.DataFrame) -> Labels:
        counts = as_labels(targets.to_series()).drop_nulls().value_counts()
        return Labels({str(label): int(count) for label, count in counts.iter_rows()})

    def fit(self, summary: Labels, targets: Sequence[str]) -> "FittedClassify":
        """Raises DataError: several targets, no label, one label only, nearly as many labels as rows, or a weight of an unknown label."""
        if len(targets) != 1:
            names = ", ".join(f"'{name}'" for name in targets)
            raise DataError(
                f"Classification learns one target; here are {len(targets)}: {names}. Use --task tag for yes and no."
            )
        (target,) = targets
        rows = sum(summary.counts.values())
        if not rows:
            raise DataError(f"The target '{target}' is empty in every training row.")
        labels = sorted(summary.counts, key=_natural)
        if len(labels) == 1:
            raise DataError(
                f"The target '{target}' is '{labels[0]}' in all {rows} training rows. "
                "Classification needs at least two labels; check the column, or choose another --target."
            )
        if len(labels) > max(20, MANY_CLASSES * rows):
            raise DataError(
                f"The target '{target}' has {len(labels)} different labels in {rows} training rows, nearly one a row. "
                "If it is an identifier, choose another --target; if it holds numbers, use --task regress."
            )
        if len(labels) == 2 and summary.counts[labels[0]] < summary.counts[labels[1]] and not _ordered(labels):
            labels.reverse()  # the rarer label is the one looked for
        weights = self._weights({label: summary.counts[label] for label in labels}, target)
        counts = tuple(summary.counts[label] for label in labels)
        return FittedClassify(settings=self, target=target, labels=tuple(labels), counts=counts, weights=weights)

    def _weights(self, counts: Mapping[str, int], target: str) -> tuple[float, ...]:
        if self.class_weight == "none":
            return tuple(1.0 for _ in counts)
        if self.class_weight == "balanced":
            mean = sum(counts.values()) / len(counts)
            return tuple(mean / count for count in counts.values())
        for label in self.class_weight:
            if label not in counts:
                raise DataError(
                    f"class_weight names '{label}', which '{target}' never is. {did_you_mean(label, list(counts))}"
                )
        return tuple(float(self.class_weight.get(label, 1.0)) for label in counts)


def _notes(name: str, labels: pl.Series) -> tuple[str, ...]:
    """Labels that may be meant otherwise: written in several ways, or words for what is not known."""
    counts = dict(labels.value_counts().iter_rows()) if labels.n_unique() <= MOST_SPELT else {}
    alike: dict[str, list[str]] = {}
    for label in sorted(counts):
        alike.setdefault(" ".join(re.split(r"[\s_-]+", label.casefold())), []).append(label)
    several = ["=".join(f"'{label}'" for label in group) for group in alike.values() if len(group) > 1]
    notes = []
    if several:
        notes.append(
            f"'{name}' has labels that differ in their spelling only and are learnt as different ones: "
            f"{', '.join(several[:5])}. If they are one, write them alike in the data."
        )
    every = pl.Series(list(counts), dtype=pl.String)
    nothing = [label for label in every.filter(names_nothing(every)) if label.casefold() not in ("-", "none")]
    if nothing:
        words = ", ".join(f"'{label}' ({counts[label]}×)" for label in sorted(nothing))
        notes.append(
            f"'{name}' has the label {words}. If it means that nothing is known, leave those cells empty in the data."
        )
    return tuple(notes)


def _natural(label: str) -> tuple[int, float, str]:
    meaning = _meaning(label)
    return (0, meaning, label) if isinstance(meaning, float) else (1, 0.0, label)


def _ordered(labels: Sequence[str]) -> bool:
    """Pairs whose order says which is the one looked for: 0/1, no/yes, false/true …"""
    pair = tuple(_meaning(label) for label in labels)
    return pair in {
        (0.0, 1.0),
        ("no", "yes"),
        ("false", "true"),
        (-1.0, 1.0),
        ("n", "y"),
        ("f", "t"),
        ("nein", "ja"),
        ("non", "oui"),
    }


class FittedClassify(Config):
    """See `Classify`. Output: {"logits": (B, K)}; target: {target: (B, 1) int64}."""

    coupled: ClassVar[bool] = False
    kind: ClassVar[str] = "classify"

    settings: Classify
    target: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    weights: tuple[float, ...]
    threshold: float | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,)

    @property
    def heads(self) -> Mapping[str, int]:
        return {"logits": len(self.labels)}

    @property
    def metrics(self) -> tuple[str, ...]:
        if len(self.labels) == 2:
            rare = min(self.counts) < 0.2 * sum(self.counts)
            first = ("roc_auc", "accuracy") if rare else ("accuracy", "roc_auc")
            return (*first, "pr_auc", "f1", "log_loss", "brier", "ece", "balanced_accuracy", "macro_f1")
        return ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier", "ece")

    def encode(self, frame: pl.DataFrame) -> dict[str, Field]:
        labels = as_labels(frame[self.target])
        known = {label: place for place, label in enumerate(self.labels)}
        new = set(labels.drop_nulls().unique()) - known.keys()
        if new:  # the same label may be written otherwise in another file
            meanings = Counter(map(_meaning, self.labels))
            alike = {_meaning(label): place for label, place in known.items() if meanings[_meaning(label)] == 1}
            known |= {label: alike[_meaning(label)] for label in new if _meaning(label) in alike}
        ids = labels.replace_strict(list(known), list(known.values()), default=-1, return_dtype=pl.Int64)
        values = torch.from_numpy(ids.fill_null(-1).to_numpy().copy())
        present = values >= 0
        return {self.target: Field(values.clamp_min(0)[:, None], present=None if bool(present.all()) else present)}

    def loss(self, outputs: Fields, targets: Fields) -> Tensor:
        logits, label = outputs["logits"].values, targets[self.target].values[:, 0].long()
        loss = F.cross_entropy(logits, label, reduction="none", label_smoothing=self.settings.label_smoothing)
        if self.settings.loss == "focal":
            probability = logits.softmax(1).gather(1, label[:, None])[:, 0]
            loss = (1 - probability).clamp_min(1e-8) ** self.settings.gamma * loss  # a power below 1 is steep at 0
        return loss

    def weight(self, targets: Fields) -> Tensor:
        field = targets[self.target]
        weight = torch.tensor(self.weights, device=field.values.device)[field.values[:, 0].long()]
        return weight if field.present is None else weight * field.present

    def score(self, outputs: Fields, targets: Fields | None) -> Tensor:
        """log-odds of the true (or answered) label against all others."""
        logits = outputs["logits"].values
        label = logits.argmax(1) if targets is None else targets[self.target].values[:, 0].long()
        own = F.one_hot(label, logits.shape[1]).bool()
        return logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(1)

    @property
    def score_name(self) -> str:
        return f"log-odds of the answered {self.target}"

    def own(self, outputs: Fields) -> dict[str, Field]:
        return {self.target: Field(self.answer(outputs)["decision"][:, None])}

    def combine(self, outputs: Fields) -> dict[str, Field]:
        mean = outputs["logits"].values.log_softmax(-1).logsumexp(1) - math.log(outputs["logits"].values.shape[1])
        return {"logits": Field(mean)}

    def answer(self, outputs: Fields) -> dict[str, Tensor]:
        probability = outputs["logits"].values.float().softmax(1)
        return {"probability": probability, "decision": self._decide(probability)}

    def _decide(self, probability: Tensor) -> Tensor:
        if self.threshold is None:
            return probability.argmax(1)
        return (probability[:, 1] >= self.threshold).long()

    def decode(self, answer: Answer) -> pl.DataFrame:
        """Labels that are whole numbers come as numbers, true and false as truth values: they compare with the target."""
        names = pl.Series(list(self.labels))
        if all(_WHOLE.match(label) for label in self.labels):
            names = names.cast(pl.Int64)
        elif set(self.labels) == {"false", "true"}:
            names = names == "true"
        columns = {f"{self.target}_predicted": names[answer["decision"].cpu().numpy()]}
        for place, label in enumerate(self.labels):
            columns[f"{self.target}_probability_{label}"] = pl.Series(answer["probability"][:, place].cpu().numpy())
        return pl.DataFrame(columns)

    def constant(self, targets: Fields) -> dict[str, Tensor]:
        shares = torch.tensor(self.counts, dtype=torch.float32) / sum(self.counts)
        probability = shares.repeat(len(targets[self.target]), 1)
        return {"probability": probability, "decision": probability.argmax(1)}

    def truth(self, targets: Fields) -> dict[str, Tensor]:
        return {"label": targets[self.target].values[:, 0].long()}

    def bias(self, targets: Fields) -> dict[str, Tensor]:
        return {"logits": torch.log(torch.tensor(self.counts, dtype=torch.float32) / sum(self.counts))}

    def blocks(self, answer: Answer, truth: Answer) -> list[Block]:
        return class_blocks(self.target, self.labels, answer, truth)

    def finish(self, answer: Answer, truth: Answer) -> "FittedClassify":
        """The decision threshold, where there are two labels."""
        if len(self.labels) != 2:
            return self
        chosen = self.settings.threshold
        if chosen == "auto":
            if min(self.counts) >= 0.2 * sum(self.counts):
                return self
            chosen = best_threshold(answer["probability"][:, 1], truth["label"] == 1)
        return self.model_copy(update={"threshold": chosen})

    def with_probability(self, probability: Tensor) -> dict[str, Tensor]:
        """An answer from probabilities (B, K) of another model, decided by the same rule as ours would be untuned."""
        return {"probability": probability, "decision": probability.argmax(1)}

    def table(self, targets: Fields) -> tuple[str, Tensor]:
        """What a plain estimator learns: "labels" and (B, 1) ids."""
        return "labels", targets[self.target].values.long()

    def from_table(self, values: Tensor) -> dict[str, Tensor]:
        """An answer from a plain estimator's probabilities (B, 1, K)."""
        return self.with_probability(values[:, 0].float())

    def to_state(self) -> dict[str, Any]:
        return self.model_dump()

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FittedClassify":
        return cls.model_validate(state)


Classify.fitted = FittedClassify
