"""Figures of answers: all metrics a task names, of rows whose targets are all known."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepwright import registries
from deepwright.answering import answer_batches, concat_answers, outputs_of, rows_at_once
from deepwright.contracts import Answer, BoundObjective, FittedTask, Network
from deepwright.core.errors import RecipeError
from deepwright.data.pack import Packed
from deepwright.fields import Fields
from deepwright.metrics.families import RowMetric
from deepwright.training.forecast import Forecast
from deepwright.training.judging import Validation

__all__ = ["figures", "known_rows", "metric", "metric_names", "self_judged", "validation"]


def metric(name: str) -> RowMetric:
    """The metric of a name."""
    return registries.metrics.get(name)()  # type: ignore[return-value]


def metric_names(task: FittedTask, chosen: str | None) -> tuple[str, ...]:
    """The task's metrics, the chosen one first.

    Raises:
        RecipeError: the chosen one does not fit the task.
    """
    if chosen is None or chosen == task.metrics[0]:
        return task.metrics
    if chosen not in task.metrics:
        raise RecipeError(
            f"The metric '{chosen}' does not fit this target. Metrics that do: {', '.join(task.metrics)}."
        )
    return (chosen, *(name for name in task.metrics if name != chosen))


def known_rows(targets: Fields, rows: int) -> Tensor:
    """(B,) true where every target is there."""
    known = torch.ones(rows, dtype=torch.bool)
    for field in targets.values():
        if field.present is not None:
            known &= field.present.cpu()
    return known


def figures(names: Sequence[str], answer: Answer, truth: Answer) -> dict[str, float]:
    """Each metric's figure."""
    return {name: (m := metric(name)).value(m.rows(answer, truth)) for name in names}


@dataclass
class _Answers:
    """The validation rows, answered again and again."""

    network: Network
    task: FittedTask
    packed: Packed
    rows: Tensor
    names: tuple[str, ...]
    device: torch.device
    precision: str = "float32"
    at_once: int | None = None

    def __post_init__(self) -> None:
        whole = self.packed.targets(self.rows)
        known = known_rows(whole, len(self.rows))
        self.rows = self.rows[known]
        self.size = self.at_once or rows_at_once(self.packed.take(self.rows[:1]).inputs)
        self.truth = self.task.truth({name: field[known] for name, field in whole.items()})

    def seconds(self, rows: int) -> float:
        """What answering all rows takes, from answering at most `rows` of them."""
        some = self.rows[: max(1, min(rows, len(self.rows)))]
        began = time.perf_counter()
        self._answers(some)
        return (time.perf_counter() - began) * len(self.rows) / len(some)

    def __call__(self) -> Mapping[str, float]:
        parts, losses = self._answers(self.rows)
        found = figures(self.names, concat_answers(parts), self.truth)
        return {**found, "loss": float(torch.cat(losses).mean())}

    def _answers(self, rows: Tensor) -> tuple[list[Answer], list[Tensor]]:
        parts, losses = [], []
        for batch in self.packed.batches(rows, self.size):
            here = batch.to(self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                outputs = outputs_of(self.network, self.task, self.network.embed(here.inputs))
            losses.append(self.task.loss(outputs, here.targets).double().cpu())
            parts.append(self.task.answer(outputs))
        return parts, losses


def validation(
    network: Network,
    task: FittedTask,
    packed: Packed,
    rows: Tensor,
    chosen: str | None,
    device: torch.device,
    precision: str = "float32",
    at_once: int | None = None,
) -> Validation:
    """How the loop judges the network on validation rows: by the metric that was named, otherwise by the loss.

    Answers are computed in the precision of the training; final figures always in float32. On few rows the loss tells better networks apart that a share of right answers cannot.
    """
    names = metric_names(task, chosen)
    answers = _Answers(network, task, packed, rows, names, device, precision, at_once)
    shown = Forecast(names[0], metric(names[0]).better)
    if chosen is None:
        return Validation(answers, answers.seconds, "loss", "lower", shown)
    return Validation(answers, answers.seconds, chosen, metric(chosen).better, shown)


@dataclass(frozen=True)
class _Errors:
    """The mean error of validation rows where nothing is answered, as the objective sees it."""

    network: Network
    objective: BoundObjective
    packed: Packed
    rows: Tensor
    device: torch.device
    at_once: int | None = None

    def seconds(self, rows: int) -> float:
        """What judging all rows takes, from judging at most `rows` of them."""
        some = self.rows[: max(1, min(rows, len(self.rows)))]
        began = time.perf_counter()
        self._mean(some)
        return (time.perf_counter() - began) * len(self.rows) / len(some)

    def __call__(self) -> Mapping[str, float]:
        return {"loss": self._mean(self.rows)}

    def _mean(self, rows: Tensor) -> float:
        size = self.at_once or rows_at_once(self.packed.take(rows[:1]).inputs)
        total, weights = 0.0, 0.0
        for part in rows.split(size):
            batch = self.packed.take(part).to(self.device)
            weight = self.objective.weight(self.objective.players()[0].name, batch).double()
            total += float((self.objective.judge(self.network, batch).double() * weight).sum())
            weights += float(weight.sum())
        return total / weights if weights else 0.0


def self_judged(
    network: Network, objective: BoundObjective, packed: Packed, rows: Tensor, device: torch.device,
    at_once: int | None = None,
) -> Validation | None:  # fmt: skip
    """How the loop judges a network that creates; None where its objective cannot tell, or there are no rows."""
    if not objective.judges or not len(rows):
        return None
    errors = _Errors(network, objective, packed, rows, device, at_once)
    return Validation(errors, errors.seconds, "loss", "lower", Forecast("loss", "lower"))


def answers_and_truth(
    network: Network, task: FittedTask, packed: Packed, rows: Tensor, device: torch.device, at_once: int | None = None
) -> tuple[Answer, Answer, Tensor]:
    """Answers to packed rows with known targets, the truth, and those rows."""
    targets = packed.targets(rows)
    known = known_rows(targets, len(rows))
    rows = rows[known]
    size = at_once or rows_at_once(packed.take(rows[:1]).inputs)
    answer = answer_batches(network, task, (batch.to(device) for batch in packed.batches(rows, size)))
    return answer, task.truth({name: field[known] for name, field in targets.items()}), rows
