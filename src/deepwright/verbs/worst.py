"""The worst errors, as rows and pictures: what to look at first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deepwright.core.report import Block, Cell, Grid, Pictures
from deepwright.core.wording import number, percent
from deepwright.doctor import looks_personal
from deepwright.metrics.families import Share
from deepwright.verbs.validation import metric

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["MASK", "worst"]

ROWS = 12
COLUMNS = 8
MASK = "••••"


@dataclass(frozen=True)
class _Rows:
    """Rows of the table.

    Args:
        places: (n,) in the table. said: the task's columns for them. frame: their raw inputs and targets.
    """

    places: np.ndarray
    said: pl.DataFrame
    frame: pl.DataFrame
    targets: Sequence[str]

    @cached_property
    def answers(self) -> dict[str, list[Cell]]:
        """The answer to each target; one for all where the task has one word for them all."""
        named = [target for target in self.targets if f"{target}_predicted" in self.said.columns]
        if not named:
            return {"": self.said.to_series(0).to_list()}
        return {target: self.said[f"{target}_predicted"].to_list() for target in named}

    @cached_property
    def truths(self) -> dict[str, list[Cell]]:
        """The truth as it was written; as numbers where the answers are numbers."""
        columns = {target: self.frame[target].to_list() for target in self.targets}
        real = {target: isinstance((self.answers.get(target) or [""])[0], float) for target in columns}
        return {t: [_real(cell) if real[t] else _written(cell) for cell in cells] for t, cells in columns.items()}

    def sure(self, target: str) -> list[Cell]:
        """How probable each answer was, where probabilities of the labels are there."""
        names = [f"{target}_probability_{answer}" for answer in self.answers[target]]
        if not set(names) <= set(self.said.columns):
            return []
        return [percent(self.said[name][place]) for place, name in enumerate(names)]

    def error(self, target: str) -> list[Cell]:
        """Answer minus truth, where both are numbers."""
        pairs = list(zip(self.answers[target], self.truths.get(target, ()), strict=False))
        known = [a - t for a, t in pairs if isinstance(a, float) and isinstance(t, float)]
        return list(known) if pairs and len(known) == len(pairs) else []

    def captions(self) -> list[str]:
        """ "cat, 97 % sure (truth: dog)" of each row."""
        told = []
        for target, answers in self.answers.items():
            words, sure = [_text(answer) for answer in answers], self.sure(target)
            told.append([f"{word}, {much} sure" for word, much in zip(words, sure, strict=True)] if sure else words)
        truths = [[_text(cell) for cell in cells] for cells in self.truths.values()]
        pairs = zip(zip(*told, strict=True), zip(*truths, strict=True), strict=True)
        return [f"{' / '.join(said)} (truth: {' / '.join(truth)})" for said, truth in pairs]


def worst(run: "Run", answered: Any) -> list[Block]:
    """The rows with the highest loss: the answer, the truth, and the inputs. Columns that look personal are masked.

    Where the task counts right answers, errors only; without any the answers that were least sure.
    """
    assert run.task is not None
    order = answered.loss.argsort(descending=True)
    wrong, title = order[~_right(run, answered)[order]], "Worst errors"
    if not len(wrong):
        wrong, title = order, "Least sure answers, all of them right"
    rows = _those(run, answered, wrong[:ROWS])
    captions, blocks, plain = rows.captions(), [], []
    for name, feature in run.features.items():
        cells = feature.show(rows.frame[name])
        kept = [place for place, cell in enumerate(cells) if cell.startswith("data:image/")]
        if not kept:
            plain.append(name)
            continue
        below = tuple(captions[place] for place in kept)
        alts = tuple(f"Picture answered as {caption}" for caption in below)
        blocks.append(Pictures(f"{title}: {name}", tuple(cells[p] for p in kept), below, alts, raw=True))
    if plain or not blocks:
        blocks.append(_table(run, rows, plain, title, answered.table.origin))
    return blocks


def _right(run: "Run", answered: Any) -> Tensor:
    """(n,) true where a metric that counts right answers counts the row."""
    assert run.task is not None
    counting = [one for one in map(metric, run.task.metrics) if isinstance(one, Share)]
    if not counting:
        return torch.zeros(len(answered.loss), dtype=torch.bool)
    return counting[0].rows(answered.answer, answered.truth)[:, 0] == 1


def _those(run: "Run", answered: Any, order: Tensor) -> _Rows:
    assert run.task is not None
    places = answered.rows[order.numpy()]
    said = {name: value if name == "level" else value[order] for name, value in answered.answer.items()}
    frame = answered.table.take(places, [*run.features, *run.task.targets])
    return _Rows(places, run.task.decode(said), frame, run.task.targets)


def _table(run: "Run", rows: _Rows, plain: Sequence[str], title: str, origin: str) -> Grid:
    columns: dict[str, list[Cell]] = {"row": [int(place) + 1 for place in rows.places]}
    several = len(rows.targets) > 1

    def add(what: str, target: str, cells: list[Cell]) -> None:
        if cells:
            columns[f"{what}: {target}" if several and target else what] = cells

    for target, answers in rows.answers.items():
        add("answer", target, answers)
        add("sure", target, rows.sure(target))
    for target, truths in rows.truths.items():
        add("truth", target, truths)
    for target in rows.answers:
        add("error", target, rows.error(target))
    for name in plain[:COLUMNS]:
        shown = run.features[name].show(rows.frame[name])
        columns[_free(name, columns)] = [MASK if looks_personal(name, rows.frame[name]) else cell for cell in shown]
    note = f"The row: its place in {origin}, from 1, a header not counted."
    note += f" The first {COLUMNS} of {len(plain)} inputs." if len(plain) > COLUMNS else ""
    return Grid(title, tuple(columns), tuple(zip(*columns.values(), strict=True)), note, raw=True)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """An input may be called "answer" itself."""
    return name if name not in taken else f"input: {name}"


def _text(cell: Cell) -> str:
    return number(cell) if isinstance(cell, float) else _written(cell)


def _written(cell: Any) -> str:
    return "–" if cell is None else str(cell)


def _real(cell: Any) -> Cell:
    """A cell as a number, where it is one."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return _written(cell)
