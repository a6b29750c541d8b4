"""What every task promises.

    tasks.suite(Rank, [pl.DataFrame({"place": ["1", "2", None, ...]})])

Frames hold target columns only, at least 24 rows, a few of them empty.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deepwright import registries
from deepwright.contracts import FittedTask, Suits
from deepwright.core.errors import DataError
from deepwright.fields import Field, Fields
from deepwright.testing.answers import (
    answers_are_for_people,
    figure_of,
    figures_can_be_told,
    members_are_combined,
    one_answer_a_row,
    some_rows,
    true_answers_are_the_targets,
)
from deepwright.testing.fields import check_same, check_states, expect
from deepwright.testing.samples import foreign
from deepwright.testing.settings import check_sentence, check_settings, json_round, variants

__all__ = ["CHECKS", "Case", "cases", "check_suits", "suite"]

LIKELY = 0.3


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
    finished = case.task.finish(some_rows(answer, case.known), some_rows(truth, case.known))
    for task in (case.task, finished, finished.finish(some_rows(answer, case.known), some_rows(truth, case.known))):
        state = json_round(task.to_state())
        again = type(task).from_state(state)
        check_states(json_round(again.to_state()), state, f"{case}: from_state gives another state.")
        expect(again.heads == case.task.heads, f"{case}: the heads must stay as they are.")
        ours, theirs = (one.decode(one.answer(case.outputs())) for one in (task, again))
        expect(ours.equals(theirs), f"{case}: answers differ after from_state.")


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
    ours, plain = figure_of(case, learnt), figure_of(case, case.task.constant(case.targets))
    name = case.task.metrics[0]
    better = ours > plain if registries.metrics.get(name).better == "higher" else ours < plain  # type: ignore[attr-defined]
    expect(better, f"{case}: what was learnt has {name} {ours}, the constant answer {plain}.")


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
    true_answers_are_the_targets,
    one_answer_a_row,
)
