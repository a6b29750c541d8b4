"""What every task promises.

    tasks.suite(Rank, [pl.DataFrame({"place": ["1", "2", None, ...]})])

Frames hold target columns only, at least 24 rows, a few of them empty.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

import deepwright.metrics  # noqa: F401  tasks name metrics
from deepwright import registries
from deepwright.contracts import Answer, FittedTask, Suits
from deepwright.core.errors import DataError
from deepwright.core.report import Report
from deepwright.fields import Field, Fields
from deepwright.testing.fields import check_same, check_states, expect
from deepwright.testing.samples import foreign
from deepwright.testing.settings import check_sentence, check_settings, json_round, variants

__all__ = ["CHECKS", "Case", "cases", "check_suits", "suite"]

LIKELY = 0.3
_PARTS = ("predicted", "probability_", "quantile_", "low", "high", "set", "unlike_training")


@dataclass(frozen=True)
class Case:
    """A kind's settings with target columns of training rows."""

    settings: Any
    frame: pl.DataFrame

    @cached_property
    def task(self) -> FittedTask:
        return self.settings.fit(self.settings.summarise(self.frame), self.frame.columns)

    @cached_property
    def targets(self) -> dict[str, Field]:
        return self.task.encode(self.frame)

    @cached_property
    def known(self) -> Tensor:
        """(B,) rows whose targets are all there."""
        here = torch.ones(self.frame.height, dtype=torch.bool)
        for field in self.targets.values():
            here &= here if field.present is None else field.present
        return here

    def outputs(self, seed: int = 0, size: float = 1.0, rows: int | None = None) -> dict[str, Field]:
        """Random outputs of a network, (B, D)."""
        generator = torch.Generator().manual_seed(seed)
        rows = self.frame.height if rows is None else rows
        heads = self.task.heads.items()
        return {name: Field(size * torch.randn(rows, width, generator=generator)) for name, width in heads}

    def __str__(self) -> str:
        changed = {n: v for n, v in self.settings if n != "kind" and v != type(self.settings).model_fields[n].default}
        return f"{self.settings.kind} {'+'.join(self.frame.columns)}" + "".join(f" {n}={v}" for n, v in changed.items())


def cases(kind: type[Any], frames: Sequence[pl.DataFrame]) -> Iterator[Case]:
    """Each frame of targets that suits a kind, with the proposed settings and every option of them."""
    for frame in frames:
        suits = kind.suits(frame)
        if suits is None or suits.score < LIKELY:
            continue
        for settings in (suits.settings, *variants(suits.settings)):
            try:
                case = Case(settings, frame)
                case.task  # noqa: B018  fitted now
            except DataError as error:  # an option these targets have no room for: no logarithm of negative numbers
                check_sentence(error)
                expect(
                    settings != suits.settings, f"{case}: the settings that `suits` proposes cannot be fitted: {error}"
                )
                continue
            yield case


def suite(kind: type[Any], frames: Sequence[pl.DataFrame]) -> None:
    """All checks on all frames of targets that suit; at least one has to.

    Raises:
        AssertionError: a promise is broken.
    """
    check_settings(kind)
    check_suits(kind, frames)
    found = list(cases(kind, frames))
    expect(found, f"None of the targets given suits '{kind.__name__}'; its `suits` must give {LIKELY} or more for one.")
    for case in found:
        for check in CHECKS:
            check(case)


def check_suits(kind: type[Any], frames: Sequence[pl.DataFrame]) -> None:
    """`suits` looks at any columns without failing; targets that teach nothing are refused in a sentence."""
    odd = [column.to_frame() for column in foreign().values()]
    for frame in (*frames, *odd, *(one.clear() for one in odd), pl.concat(odd, how="horizontal")):
        suits = kind.suits(frame)
        if suits is not None:
            expect(isinstance(suits, Suits) and 0 <= suits.score <= 1, f"{kind.__name__}.suits must score from 0 to 1.")
            expect(suits.reason, f"{kind.__name__}.suits must give its reason.")
        settings = kind() if suits is None else suits.settings
        try:
            settings.fit(settings.summarise(frame), frame.columns)
        except DataError as error:
            check_sentence(error)
    for frame in frames:
        if kind.suits(frame) is None:
            continue
        settings = kind.suits(frame).settings
        for poor in (
            frame.clear(),
            frame.head(1),
            frame.select(pl.lit(None, pl.String).alias(n) for n in frame.columns),
        ):
            try:
                settings.fit(settings.summarise(poor), frame.columns)
            except DataError as error:
                check_sentence(error)
                continue
            expect(
                poor.height and poor.height != frame.height, f"{kind.__name__} learns from targets that are all empty."
            )


def _rows(fields: Fields, rows: Any) -> dict[str, Field]:
    return {name: field[rows] for name, field in fields.items()}


def summaries_add_up(case: Case) -> None:
    """However the training rows are cut and in whatever order the pieces are merged, the same task is learnt."""
    wanted, rows = json_round(case.task.to_state()), case.frame.height
    for cuts in ([rows // 2], [rows // 4, rows // 3], list(range(1, rows))):
        parts = [case.frame[a:b] for a, b in pairwise([0, *cuts, rows])]
        summaries = [case.settings.summarise(part) for part in (parts[0], case.frame.clear(), *parts[1:])]
        left, right, back = summaries[0], summaries[-1], summaries[-1]
        for one in summaries[1:]:
            left = left.merge(one)
        for one in reversed(summaries[:-1]):
            right, back = one.merge(right), back.merge(one)
        for merged in (left, right, back):
            state = json_round(case.settings.fit(merged, case.frame.columns).to_state())
            check_states(state, wanted, f"{case}: merged summaries of {len(parts)} pieces teach something else.")


def state_survives_json(case: Case) -> None:
    expect(case.task.kind == case.settings.kind, f"{case}: the fitted task must carry the kind.")
    expect(type(case.settings).fitted is type(case.task), f"{case}: `fitted` must name the class that `fit` gives.")
    expect(tuple(case.task.targets) == tuple(case.frame.columns), f"{case}: `targets` must be the columns given.")
    answer, truth = case.task.answer(case.outputs()), case.task.truth(case.targets)
    finished = case.task.finish(_some(answer, case.known), _some(truth, case.known))
    for task in (case.task, finished, finished.finish(_some(answer, case.known), _some(truth, case.known))):
        state = json_round(task.to_state())
        again = type(task).from_state(state)
        check_states(json_round(again.to_state()), state, f"{case}: from_state gives another state.")
        expect(again.heads == case.task.heads, f"{case}: the heads must stay as they are.")
        ours, theirs = (one.decode(one.answer(case.outputs())) for one in (task, again))
        expect(ours.equals(theirs), f"{case}: answers differ after from_state.")


def _some(answer: Answer, rows: Tensor) -> dict[str, Tensor]:
    """The rows of an answer; what has no row axis stays."""
    return {name: value[rows] if len(value) == len(rows) else value for name, value in answer.items()}


def targets_are_encoded_row_by_row(case: Case) -> None:
    order = np.random.default_rng(0).permutation(case.frame.height)
    again = case.task.encode(case.frame[order])
    for name, field in case.targets.items():
        expect(len(field) == case.frame.height, f"{case}: targets must have one row an example.")
        expect(
            bool(field.values.isfinite().all()), f"{case}: encoded targets must be finite, also where they are missing."
        )
        check_same(again[name], field[torch.from_numpy(order)], f"{case}: encoding depends on the order of rows.")
        for row in range(case.frame.height):
            alone = case.task.encode(case.frame[row : row + 1])[name]
            check_same(alone, field[row : row + 1], f"{case}: {case.frame.row(row)} is encoded otherwise alone.")


def missing_targets_count_nothing(case: Case) -> None:
    """Weight 0 where no target is known: cells that are empty, or were never seen."""
    weight = case.task.weight(case.targets)
    expect(
        weight.shape == (case.frame.height,) and bool((weight >= 0).all()), f"{case}: weight must be (B,), 0 or more."
    )
    expect(float(weight.sum()) > 0, f"{case}: no training row counts anything.")
    gone = case.frame.head(4).select(pl.lit(None).cast(dtype).alias(name) for name, dtype in case.frame.schema.items())
    gone = case.frame.head(4).with_columns(gone) if gone.height == 4 else pl.concat([gone] * 4)
    fields = case.task.encode(gone)
    expect(not bool(case.task.weight(fields).any()), f"{case}: a missing target must have weight 0.")
    told = all(field.present is not None and not bool(field.present.any()) for field in fields.values())
    expect(told, f"{case}: a missing target must have present = False.")
    loss = case.task.loss(case.outputs(rows=4), fields)
    expect(bool(loss.isfinite().all()), f"{case}: the loss of a missing target must be finite (it counts 0).")
    clear = case.task.encode(case.frame.clear())
    expect(all(len(field) == 0 for field in clear.values()), f"{case}: no rows must give no targets.")


def losses_are_of_rows(case: Case) -> None:
    """(B,), finite with finite slopes for mild and for extreme outputs; no row feels another."""
    for size in (0.0, 1.0, 100.0):
        outputs = {n: Field(f.values.requires_grad_()) for n, f in case.outputs(size=size).items()}
        for name, value in (
            ("loss", case.task.loss(outputs, case.targets)),
            ("score", case.task.score(outputs, case.targets)),
            ("score of the own answer", case.task.score(outputs, None)),
        ):
            expect(value.shape == (case.frame.height,), f"{case}: {name} must be (B,), got {tuple(value.shape)}.")
            expect(bool(value.isfinite().all()), f"{case}: {name} must be finite for outputs of size {size}.")
            slopes = torch.autograd.grad(value.sum(), [f.values for f in outputs.values()], allow_unused=True)
            fine = all(slope is None or bool(slope.isfinite().all()) for slope in slopes)
            expect(fine, f"{case}: the slopes of the {name} must be finite for outputs of size {size}.")
    if case.task.coupled:
        return
    outputs, rows = case.outputs(), torch.tensor([4, 0, 9])
    whole = (
        case.task.loss(outputs, case.targets),
        case.task.score(outputs, case.targets),
        case.task.score(outputs, None),
    )
    some, own = _rows(outputs, rows), _rows(case.targets, rows)
    parts = (case.task.loss(some, own), case.task.score(some, own), case.task.score(some, None))
    for name, one, part in zip(("loss", "score", "score of the own answer"), whole, parts, strict=True):
        expect(torch.allclose(one[rows], part, atol=1e-5), f"{case}: the {name} of a row depends on other rows.")


def learning_lowers_the_loss(case: Case) -> None:
    """Downhill on the weighted loss, from the start values: figures get better than those of the constant answer."""
    start = case.task.bias(case.targets)
    for name, width in case.task.heads.items():
        fine = name in start and start[name].shape == (width,) and bool(start[name].isfinite().all())
        expect(fine, f"{case}: bias must give ({width},) finite start values of '{name}'.")
    values = {name: part.float().repeat(case.frame.height, 1).requires_grad_() for name, part in start.items()}
    optimizer = torch.optim.Adam(list(values.values()), lr=0.1)
    weight, losses = case.task.weight(case.targets), []
    for _ in range(60):
        loss = (case.task.loss({n: Field(v) for n, v in values.items()}, case.targets) * weight).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    expect(
        losses[-1] < losses[0],
        f"{case}: going down the slope of the loss does not lower it: {losses[0]}, {losses[-1]}.",
    )
    learnt = case.task.answer({name: Field(value.detach()) for name, value in values.items()})
    ours, plain = _figure(case, learnt), _figure(case, case.task.constant(case.targets))
    name = case.task.metrics[0]
    better = ours > plain if registries.metrics.get(name).better == "higher" else ours < plain  # type: ignore[attr-defined]
    expect(better, f"{case}: what was learnt has {name} {ours}, the constant answer {plain}.")


def _figure(case: Case, answer: Answer, name: str | None = None) -> float:
    metric: Any = registries.metrics.get(name or case.task.metrics[0])()
    truth = case.task.truth(case.targets)
    return metric.value(metric.rows(_some(answer, case.known), _some(truth, case.known)))


def members_are_combined(case: Case) -> None:
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


def answers_are_for_people(case: Case) -> None:
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


def own_answers_are_targets(case: Case) -> None:
    """`own` holds the question `score` asks about the network's answer fixed."""
    outputs = case.outputs()
    own = case.task.own(outputs)
    if own is None:
        return
    ours, theirs = case.task.score(outputs, own), case.task.score(outputs, None)
    expect(
        torch.allclose(ours, theirs, atol=1e-5), f"{case}: the score of the own answers must be that without targets."
    )


def figures_can_be_told(case: Case) -> None:
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
        best = _figure(case, perfect, name)
        expect(np.isfinite(best), f"{case}: {name} of the truth itself is {best}.")
        for who, answer in others.items():
            value = _figure(case, answer, name)
            good = value <= best + 1e-6 if higher else value >= best - 1e-6
            expect(np.isfinite(value) and good, f"{case}: {name} is {value} for {who}, {best} for the truth.")
    for answer in (perfect, *others.values()):
        for rows in (case.known, case.known & (case.known.cumsum(0) == 1)):  # all, one
            blocks = case.task.blocks(_some(answer, rows), _some(truth, rows))
            stored = json_round(Report("test", "test", {"version": 1}, tuple(blocks)).to_dict())
            expect(
                json_round(Report.from_dict(stored).to_dict()) == stored, f"{case}: blocks change when they are stored."
            )


def _perfect(task: FittedTask, kind: str, table: Tensor) -> Tensor:
    """What a plain estimator that knows the truth would say: (B, T, K) probabilities, or (B, T, 1) numbers."""
    if kind == "numbers":
        return table.double()[:, :, None]
    classes = max(2, *task.heads.values()) if table.shape[1] == 1 else 2
    return torch.nn.functional.one_hot(table.long(), classes).double()


def one_answer_a_row(case: Case) -> None:
    """Answering pieces of a batch gives the pieces of the answer."""
    outputs: Mapping[str, Field] = case.outputs(seed=7)
    whole = case.task.answer(outputs)
    part = case.task.answer(_rows(outputs, slice(5, 9)))
    for name, value in whole.items():
        row_wise = len(value) == case.frame.height
        expect(row_wise or name == "level", f"{case}: '{name}' must have one row an example.")
        same = torch.equal(part[name], value[5:9] if row_wise else value)
        expect(same, f"{case}: the answer '{name}' to a row depends on other rows.")


CHECKS: tuple[Callable[[Case], None], ...] = (
    summaries_add_up,
    state_survives_json,
    targets_are_encoded_row_by_row,
    missing_targets_count_nothing,
    losses_are_of_rows,
    learning_lowers_the_loss,
    members_are_combined,
    answers_are_for_people,
    own_answers_are_targets,
    figures_can_be_told,
    one_answer_a_row,
)
