"""What a task's answers promise: members combined, words and figures for people, and nothing lost on the way back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

import deepwright.metrics  # noqa: F401  tasks name metrics
from deepwright import registries
from deepwright.contracts import Answer, FittedTask
from deepwright.core.report import Report
from deepwright.fields import Field
from deepwright.testing.fields import check_same, expect
from deepwright.testing.settings import json_round

if TYPE_CHECKING:
    from deepwright.testing.tasks import Case

__all__ = [
    "answers_are_for_people", "figure_of", "figures_can_be_told", "members_are_combined", "one_answer_a_row", "some_rows",
    "true_answers_are_the_targets",
]  # fmt: skip

_PARTS = ("predicted", "probability_", "quantile_", "low", "high", "set", "unlike_training")


def members_are_combined(case: "Case") -> None:
    """Equal members answer as one does, their order does not matter, and probabilities are averaged."""
    one = case.outputs(seed=2)
    same = case.task.combine({n: Field(f.values[:, None].expand(-1, 3, -1)) for n, f in one.items()})
    for name, field in one.items():
        expect(same[name].values.shape == field.values.shape, f"{case}: combine must give (B, D).")
    for name, value in case.task.answer(one).items():
        near = torch.allclose(case.task.answer(same)[name].double(), value.double(), atol=1e-4, rtol=1e-4)
        expect(near, f"{case}: three equal members must answer '{name}' as one does.")
    members = [case.outputs(seed=seed, size=3.0) for seed in range(3)]
    stacked = {name: torch.stack([m[name].values for m in members], 1) for name in members[0]}
    answers = [case.task.answer(case.task.combine({n: Field(v[:, order]) for n, v in stacked.items()}))
               for order in ([0, 1, 2], [2, 0, 1])]  # fmt: skip
    for name, value in answers[0].items():
        expect(
            torch.allclose(answers[1][name].double(), value.double(), atol=1e-4),
            f"{case}: the order of members matters.",
        )
    if "probability" in answers[0]:
        mean = torch.stack([case.task.answer(m)["probability"] for m in members]).mean(0)
        expect(
            torch.allclose(answers[0]["probability"], mean, atol=1e-5),
            f"{case}: members' probabilities must be averaged.",
        )


def answers_are_for_people(case: "Case") -> None:
    """Decoded answers: one row an example, named by the contract, in range; the constant answer too."""
    for answer in (
        case.task.answer(case.outputs()),
        case.task.answer(case.outputs(size=200.0)),
        case.task.constant(case.targets),
    ):
        frame = case.task.decode(answer)
        expect(frame.height == case.frame.height, f"{case}: decode must give one row an example.")
        expect(
            frame.columns[0].endswith("_predicted"),
            f"{case}: the first column must be <target>_predicted: {frame.columns}.",
        )
        for name, column in zip(frame.columns, frame, strict=True):
            known = any(f"_{part}" in name for part in _PARTS)
            expect(
                known,
                f"{case}: '{name}' is no name for a column of answers (<target>_predicted, …_probability_<label>).",
            )
            expect(column.null_count() == 0, f"{case}: the column '{name}' has holes.")
            numeric = column.dtype.is_float()
            expect(
                not numeric or bool(column.is_finite().all()),
                f"{case}: the column '{name}' has values that are not finite.",
            )
            if "_probability_" in name:
                expect(bool(column.is_between(0, 1).all()), f"{case}: '{name}' must lie between 0 and 1.")
    for rows in (0, 1):
        frame = case.task.decode(case.task.answer(case.outputs(rows=rows)))
        expect(frame.height == rows, f"{case}: {rows} rows must be decoded to {rows}.")
    expect(bool(case.task.score_name), f"{case}: score_name must say what the score is.")


def one_answer_a_row(case: "Case") -> None:
    """Answering pieces of a batch gives the pieces of the answer."""
    outputs: Mapping[str, Field] = case.outputs(seed=7)
    whole = case.task.answer(outputs)
    part = case.task.answer({name: field[5:9] for name, field in outputs.items()})
    for name, value in whole.items():
        row_wise = len(value) == case.frame.height
        expect(row_wise or name == "level", f"{case}: '{name}' must have one row an example.")
        same = torch.equal(part[name], value[5:9] if row_wise else value)
        expect(same, f"{case}: the answer '{name}' to a row depends on other rows.")


def figures_can_be_told(case: "Case") -> None:
    """Every metric is registered and finite; answers that know the truth are best; blocks can be stored and shown."""
    truth = case.task.truth(case.targets)
    expect(
        all(len(value) == case.frame.height for value in truth.values()), f"{case}: truth must have one row an example."
    )
    expect(len(set(case.task.metrics)) == len(case.task.metrics) > 0, f"{case}: metrics must be different names.")
    kind, table = case.task.table(case.targets)
    expect(kind in ("labels", "numbers") and table.ndim == 2, f"{case}: table must be labels or numbers, (B, T).")
    perfect = case.task.from_table(_perfect(case.task, kind, table))
    others = {
        "the constant answer": case.task.constant(case.targets),
        "a random one": case.task.answer(case.outputs(seed=5)),
    }
    for name in case.task.metrics:
        expect(name in registries.metrics, f"{case}: the metric '{name}' is not registered.")
        higher = registries.metrics.get(name).better == "higher"  # type: ignore[attr-defined]
        best = figure_of(case, perfect, name)
        expect(np.isfinite(best), f"{case}: {name} of the truth itself is {best}.")
        for who, answer in others.items():
            value = figure_of(case, answer, name)
            good = value <= best + 1e-6 if higher else value >= best - 1e-6
            expect(np.isfinite(value) and good, f"{case}: {name} is {value} for {who}, {best} for the truth.")
    for answer in (perfect, *others.values()):
        for rows in (case.known, case.known & (case.known.cumsum(0) == 1)):  # all, one
            blocks = case.task.blocks(some_rows(answer, rows), some_rows(truth, rows))
            stored = json_round(Report("test", "test", {"version": 1}, tuple(blocks)).to_dict())
            expect(
                json_round(Report.from_dict(stored).to_dict()) == stored, f"{case}: blocks change when they are stored."
            )


def true_answers_are_the_targets(case: "Case") -> None:
    """The decoded answer of someone who knows the truth, read as targets again, is the truth: labels, units and all."""
    kind, table = case.task.table(case.targets)
    said = case.task.decode(case.task.from_table(_perfect(case.task, kind, table)))
    if not all(f"{name}_predicted" in said.columns for name in case.frame.columns):
        return  # several columns answered as one
    again = case.task.encode(pl.DataFrame({name: said[f"{name}_predicted"] for name in case.frame.columns}))
    for name, field in case.targets.items():
        there = torch.ones(len(field), dtype=torch.bool) if field.present is None else field.present
        back = again[name].present
        there = there if back is None else there & back
        expect(bool(there.any()), f"{case}: none of the decoded answers can be read as a target.")
        check_same(Field(again[name].values[there]), Field(field.values[there]),
                   f"{case}: the true answer, decoded and read again, is another one.", tolerance=1e-4)  # fmt: skip


def figure_of(case: "Case", answer: Answer, name: str | None = None) -> float:
    metric: Any = registries.metrics.get(name or case.task.metrics[0])()
    truth = case.task.truth(case.targets)
    return metric.value(metric.rows(some_rows(answer, case.known), some_rows(truth, case.known)))


def some_rows(answer: Answer, rows: Tensor) -> dict[str, Tensor]:
    """The rows of an answer; what has no row axis stays."""
    return {name: value[rows] if len(value) == len(rows) else value for name, value in answer.items()}


def _perfect(task: FittedTask, kind: str, table: Tensor) -> Tensor:
    """What a plain estimator that knows the truth would say: (B, T, K) probabilities, or (B, T, 1) numbers."""
    if kind == "numbers":
        return table.double()[:, :, None]
    classes = max(2, *task.heads.values()) if table.shape[1] == 1 else 2
    return torch.nn.functional.one_hot(table.long(), classes).double()
