"""The contracts between layers, as protocols. A kind is one file that fulfils one of them.

Shapes: B rows, units… (pixels, words, time steps), D values a unit, K members of an ensemble in one network.
Settings are frozen `Config` classes with a `kind`, registered under their noun (`deepwright.registries`); what was
learnt from the training rows is a second frozen `Config` (the "fitted" one) that dumps to JSON and back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
import polars as pl
from torch import Tensor, nn

from deepwright.core.report import Block
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.spaces import Space

__all__ = [
    "Answer",
    "BoundObjective",
    "Feature",
    "Finding",
    "FittedFeature",
    "FittedTask",
    "Loss",
    "Metric",
    "ModelSettings",
    "Network",
    "Objective",
    "Player",
    "Suits",
    "Summary",
    "Task",
    "Warp",
]

Answer = Mapping[str, Tensor]  # what a task makes of outputs: {"probability": (B, K)}, {"value": (B, T)}


class Summary(Protocol):
    """Statistics of a piece of data that add up: `a.merge(b)` equals the summary of both pieces together."""

    def merge(self, other: Self) -> Self: ...


@dataclass(frozen=True)
class Suits:
    """How well a kind suits a raw column.

    Args:
        score: 0 (not at all) to 1 (certainly); the highest score wins.
        settings: the proposed settings, dates' day order and the like decided.
        reason: why, in words a person can check ("98.2 % of the cells are numbers").
        notes: choices to be printed with the flag that changes them.
    """

    score: float
    settings: Any
    reason: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Something the doctor tells a person about the data.

    Args:
        severity: "note", "warning" or "error" (errors stop the work).
        code: a short stable name for programs: "missing", "bad-values", "leak", "identifier" …
        column: the column, or None for the whole table.
        text: one sentence for a person.
        count: rows concerned. row: the first of them (0 = first data row), or None.
        values: examples, as shown to a person.
    """

    severity: Literal["note", "warning", "error"]
    code: str
    text: str
    column: str | None = None
    count: int = 0
    row: int | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Warp:
    """How an augmentation moved the units of a field: (B, 2, 3) affine in [-1, 1] coordinates, output to input."""

    matrix: Tensor


class FittedFeature(Protocol):
    """A feature that knows its training rows. Encodes raw columns into fields, and back."""

    @property
    def kind(self) -> str: ...

    @property
    def space(self) -> Space:
        """The space of this column's `z` (after `embedder`, in encoded units; Tokens for ids)."""
        ...

    def encode(self, column: pl.Series) -> Field:
        """(B, units…, D), compact for storage (uint8 images, float32 numbers, int32 ids). Deterministic."""
        ...

    def embedder(self) -> nn.Module | None:
        """Stored values → float `z` values (image: scale and shift); None where they are `z` already, or ids."""
        ...

    def augment(self, field: Field, draw: Draw) -> tuple[Field, Warp | None]:
        """A random change that keeps the meaning; the stored form in and out. Identity when nothing is configured."""
        ...

    def decode(self, z: Field) -> pl.Series:
        """Raw values from `z` (or ids), one a row."""
        ...

    def per_unit(self, attribution: Tensor) -> Tensor:
        """(B, units…, D) attributions folded to (B, units…): pixels, words, or (B,) for plain columns."""
        ...

    def baseline(self, z: Field) -> Field:
        """The uninformative input for explainers, in `z` units (the mean row, a grey picture)."""
        ...

    def baseline_columns(self, column: pl.Series) -> pl.DataFrame:
        """A cheap flat float encoding for baselines (NaN for missing), one or more columns, B rows."""
        ...

    def findings(self, column: pl.Series) -> list[Finding]:
        """What is wrong or notable in raw values, seen against the training rows."""
        ...

    def fingerprint(self, column: pl.Series) -> np.ndarray:
        """(B,) uint64: equal for near-duplicates."""
        ...

    def show(self, column: pl.Series) -> list[str]:
        """Raw values for a person: short text, or a `data:image/png;base64,…` URI where it is a picture."""
        ...

    def to_state(self) -> dict[str, Any]: ...
    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FittedFeature": ...


class Feature(Protocol):
    """What an input column *is*: settings."""

    kind: str
    fitted: ClassVar[type]

    @classmethod
    def suits(cls, column: pl.Series) -> Suits | None:
        """Whether this kind suits raw values (a sample of the column), or None."""
        ...

    def summarise(self, column: pl.Series) -> Summary:
        """The mergeable statistics of one chunk of training rows."""
        ...

    def fit(self, summary: Any, name: str) -> FittedFeature:
        """The feature of the column `name`. Raises DataError: nothing can be learnt from it."""
        ...


class FittedTask(Protocol):
    """A task that knows its targets: heads, loss per example, decoding, metrics, baseline."""

    coupled: bool  # the loss needs the whole batch at once (Cox)

    @property
    def kind(self) -> str: ...
    @property
    def targets(self) -> tuple[str, ...]: ...
    @property
    def heads(self) -> Mapping[str, int]:
        """Output name → width D."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of registered metrics; the first is the primary one."""
        ...

    def encode(self, frame: pl.DataFrame) -> dict[str, Field]:
        """Target columns → fields. A row whose target is missing has present = False."""
        ...

    def loss(self, outputs: Fields, targets: Fields) -> Tensor:
        """(B,) in nats or task units, never reduced; outputs (B, D)."""
        ...

    def weight(self, targets: Fields) -> Tensor:
        """(B,) importance: 0 where the target is missing, class weights, valid units."""
        ...

    def score(self, outputs: Fields, targets: Fields | None) -> Tensor:
        """(B,) the number explainers attribute and attackers lower; of the model's own answer without targets."""
        ...

    @property
    def score_name(self) -> str:
        """What `score` is for the model's own answer, with its unit, for people."""
        ...

    def own(self, outputs: Fields) -> Fields | None:
        """The answer as targets: with them `score` keeps asking about this answer, however the inputs change.

        None where `score` without targets is the same question everywhere (a number).
        """
        ...

    def combine(self, outputs: Fields) -> Fields:
        """Members (B, K, D) → (B, D), by mean probability (or mean value)."""
        ...

    def answer(self, outputs: Fields) -> Answer:
        """Combined outputs → what a person may use: probabilities, values in raw units."""
        ...

    def decode(self, answer: Answer) -> pl.DataFrame:
        """`<target>_predicted`, `<target>_probability_<label>` …, one row an example."""
        ...

    def constant(self, targets: Fields) -> Answer:
        """The best answer that looks at no input (training rows' mean, class shares), B rows like `targets`."""
        ...

    def truth(self, targets: Fields) -> Answer:
        """Targets in the units of `answer`, for metrics and plots: {"label": (B,)}, {"value": (B, T)}."""
        ...

    def bias(self, targets: Fields) -> Mapping[str, Tensor]:
        """Start values (D,) of the heads' biases, from training targets."""
        ...

    def blocks(self, answer: Answer, truth: Answer) -> list[Block]:
        """What a person wants to see of these answers: confusion, ROC, calibration, residuals …"""
        ...

    def table(self, targets: Fields) -> tuple[Literal["labels", "numbers"], Tensor]:
        """What a plain estimator (a baseline) learns: (B, T) label ids, or numbers in raw units."""
        ...

    def from_table(self, values: Tensor) -> Answer:
        """The answer made of a plain estimator's (B, T, K) probabilities, or (B, T, 1) numbers."""
        ...

    def finish(self, answer: Answer, truth: Answer) -> "FittedTask":
        """The task with what only validation answers can teach it (decision thresholds); itself when nothing."""
        ...

    def to_state(self) -> dict[str, Any]: ...
    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FittedTask": ...


class Task(Protocol):
    """What is to be learnt from target columns: settings."""

    kind: str
    fitted: ClassVar[type]

    @classmethod
    def suits(cls, targets: pl.DataFrame) -> Suits | None: ...
    def summarise(self, targets: pl.DataFrame) -> Summary: ...
    def fit(self, summary: Any, targets: Sequence[str]) -> FittedTask:
        """Raises DataError: one class, all missing, nothing to learn."""
        ...


class Metric(Protocol):
    """A pure function in two steps, so that intervals, slices and bounded memory come free."""

    kind: str
    better: Literal["higher", "lower"]

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        """(B, C) what each row contributes."""
        ...

    def value(self, rows: Tensor, weight: Tensor | None = None) -> float:
        """The figure of some rows; `weight` (B,) counts a row several times (bootstrap)."""
        ...


class Network(nn.Module):
    """An `nn.Module` with a seam: gradient methods, attacks and exports work on `z = embed(inputs)`.

    `members`: K networks in one; outputs are (B, K, D). `couples_rows`: a row's output depends on other rows in
    training (BatchNorm). `half`: bfloat16 forwards lose nothing that matters, so they are used where they are faster.
    `factors`: parameter-name prefix → learning-rate factor.
    """

    members: int = 1
    couples_rows: bool = False
    half: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.factors: dict[str, float] = {}

    def embed(self, inputs: Fields) -> dict[str, Field]:
        """Stored fields → `z`, one float field (or ids) a column."""
        raise NotImplementedError

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        """`z` → one field a head, (B, D) or (B, K, D). Without a draw: deterministic (evaluation)."""
        raise NotImplementedError

    def sample(self, n: int, draw: Draw, condition: Fields | None = None) -> dict[str, Field]:
        """`n` creations as `z` fields; `draw` is keyed by creation. Generative networks only."""
        raise NotImplementedError

    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        """Data-dependent start values (bin edges, head biases); called once before training."""


@runtime_checkable
class ModelSettings(Protocol):
    """A model family: settings with a `kind`.

    `learns`: "target" where it answers, "inputs" where it creates (then `takes(spaces)` names the columns it learns).
    `objective`: the kind of objective it is trained with unless the recipe names one.
    """

    kind: str
    learns: ClassVar[Literal["target", "inputs"]]
    objective: ClassVar[str]

    @classmethod
    def suits(cls, spaces: Mapping[str, Space], heads: Mapping[str, int], rows: int) -> Suits | None:
        """Whether this family is a natural choice for these inputs."""
        ...

    def recommended(self, rows: int) -> dict[str, Any]:
        """Train settings that suit this family and so many training rows."""
        ...

    def build(self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int) -> Network:
        """A network with fresh weights (drawn from torch's default generator, seeded by the caller).

        Raises Refused: the inputs do not fit ("cnn needs an image; …").
        """
        ...


@dataclass(frozen=True)
class Player:
    """A set of weights stepped together: a supervised net has one, a GAN two.

    Args:
        parameters: prefix of the parameter names in the network ("" for all).
        every: step only when step % every == 0.
        optimizer: settings that win over the recipe's `train.optimizer`; None to use those.
        gradient: the rule that makes gradients from losses (`deepwright.training.gradients`); None for the plain one.
    """

    name: str
    parameters: str = ""
    every: int = 1
    optimizer: Any = None
    gradient: Any = None


@dataclass(frozen=True)
class Loss:
    """What an objective hands to the loop. Only the loop reduces: Σ w·value / W.

    Args:
        value: (B,) per row, or a scalar from a coupled objective.
        logs: scalars to show, averaged over the step.
    """

    value: Tensor
    logs: Mapping[str, Tensor] = field(default_factory=dict)


class BoundObjective(Protocol):
    """An objective bound to a task, features and a network."""

    coupled: bool  # rows meet in the loss: under splitting the loop takes two passes over `represent`
    second_order: bool  # differentiates a gradient: no compile, no flash attention, no autocast
    order: Literal["shuffle", "poisson"]  # how the feed draws batches
    mates: bool  # wants `batch.mate`

    def players(self) -> tuple[Player, ...]: ...
    def weight(self, player: str, batch: Batch) -> Tensor:
        """(B,) weights whose sum W over the whole batch divides the loss; known before any forward."""
        ...

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """Tensors (B, …), row by row: what `loss` needs. `draw` is keyed by the position in the batch."""
        ...

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss: ...
    def after_step(self, step: int, logs: Mapping[str, float]) -> None:
        """Adapt the objective's own state (adaptive augmentation) from the step's global logs."""
        ...

    def state(self) -> dict[str, Any]:
        """JSON values and tensors to be checkpointed."""
        ...

    def load(self, state: Mapping[str, Any]) -> None: ...
    def finish(self, network: Network, batches: Callable[[], Iterator[Batch]], draw: Draw) -> None:
        """After training: thresholds, centres, averaged statistics."""
        ...


class Objective(Protocol):
    """How a batch becomes a loss: settings."""

    kind: str

    def planned(self, epochs: float) -> Self:
        """The settings for a training of so many epochs, where they depend on it."""
        ...

    def bind(
        self, task: FittedTask | None, features: Mapping[str, FittedFeature], network: Network
    ) -> BoundObjective: ...
