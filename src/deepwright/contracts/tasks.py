"""The contracts of tasks and metrics: what is learnt, and how answers are judged."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

import polars as pl
from torch import Tensor

from deepwright.contracts.told import Suits, Summary
from deepwright.core.report import Block
from deepwright.fields import Field, Fields

__all__ = ["Answer", "FittedTask", "Metric", "Task"]


Answer = Mapping[str, Tensor]  # what a task makes of outputs: {"probability": (B, K)}, {"value": (B, T)}


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
