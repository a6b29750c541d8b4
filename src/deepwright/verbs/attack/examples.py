"""Rows that the smallest changes misled: pictures before and after, and what moved in plain columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from deepwright.core.report import Block, Grid, Pictures
from deepwright.core.wording import percent
from deepwright.doctor import looks_personal
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.attack.target import Points, Target
from deepwright.verbs.heatmaps import pixels_of, stacked
from deepwright.verbs.rows import said, truths
from deepwright.verbs.worst import MASK

if TYPE_CHECKING:
    from deepwright.run import Run
    from deepwright.verbs.attack.outcome import Outcome

__all__ = ["examples"]

ROWS = 12
PICTURES = 8
TOP = 3  # columns a row
LOUDER = 10  # how much differences of pictures are enlarged


@dataclass(frozen=True)
class _Example:
    """A misled row: its place, the size that did it, the answers before and after, the truth."""

    place: int
    epsilon: float
    before: str
    after: str
    truth: str


def examples(run: "Run", target: Target, outcome: "Outcome") -> list[Block]:
    """Pictures and a table of misled rows; empty where none was."""
    found = _misled(run, target, outcome)
    columns = next(iter(outcome.points.values()))
    blocks: list[Block] = []
    for name in columns if found else ():
        if outcome.z[name].values.ndim == 4:
            blocks.append(_pictures(run, outcome, name, found[:PICTURES]))
    plain = [name for name in columns if outcome.z[name].values.ndim == 2]
    if plain and found:
        blocks.append(_moved(run, target, outcome, plain, found))
    return blocks


def _misled(run: "Run", target: Target, outcome: "Outcome") -> list[_Example]:
    """Rows whose answer changed, by the smallest size that changed it, the hardest hit first; right answers before others.

    Where answers are numbers, which always change a little: the rows whose score fell most at the middle size.
    """
    assert run.task is not None
    clean, known = said(run.task, outcome.clean), truths(run.task, outcome.chosen)
    after = {size: said(run.task, answer) for size, answer in outcome.attacked.items()}
    sizes: Sequence[float] = outcome.sizes
    if any(dtype.is_float() for dtype in run.task.decode(outcome.clean).dtypes[:1]):
        sizes = (outcome.sizes[len(outcome.sizes) // 2],)
    picked: dict[int, float] = {}
    for size in sizes:
        fall = _fall(target, outcome.points[size])
        for place in fall.argsort(descending=True).tolist():
            if after[size][place] != clean[place]:
                picked.setdefault(place, size)
    order = sorted(picked, key=lambda place: clean[place] != known[place])[:ROWS]
    return [_Example(p, picked[p], clean[p], after[picked[p]][p], known[p]) for p in order]


def _fall(target: Target, points: Points) -> torch.Tensor:
    with frozen_statistics(target.network), torch.no_grad():
        return target.score({}) - target.score(points)


def _pictures(run: "Run", outcome: "Outcome", name: str, found: Sequence[_Example]) -> Block:
    """Each example's picture, what the attack made of it, and the difference."""
    feature, z = run.features[name], outcome.z[name]
    images, captions, alts = [], [], []
    for one in found:
        rows = slice(one.place, one.place + 1)
        size = (z.values.shape[1], z.values.shape[2])
        moved = z[rows].with_values(outcome.points[one.epsilon][name][rows])
        pair = [feature.show(feature.decode(field))[0] for field in (z[rows], moved)]
        before, after = (pixels_of(text, size) for text in pair)
        if before is None or after is None:
            continue
        difference = np.clip(128 + LOUDER * (after.astype(int) - before.astype(int)), 0, 255).astype(np.uint8)
        row = int(outcome.chosen.rows[one.place]) + 1
        images.append(stacked([before, after, difference]))
        captions.append(f"row {row}: {one.before} → {one.after} by {percent(one.epsilon)} (truth: {one.truth})")
        alts.append(
            f"The {name} of row {row}, answered as {one.before}; below it attacked by {percent(one.epsilon)} and answered as "
            f"{one.after}; below that the difference, {LOUDER} times as strong."
        )
    note = f"From top to bottom: the picture, the attacked one, their difference × {LOUDER} (grey is no change)."
    return Pictures(f"Misled: {name}", tuple(images), tuple(captions), tuple(alts), note, raw=True)


def _moved(run: "Run", target: Target, outcome: "Outcome", plain: list[str], found: Sequence[_Example]) -> Block:
    """Each example's columns whose change lowered the score of the truth most."""
    frame = outcome.chosen.frame(plain)
    hidden = {name: looks_personal(name, frame[name]) for name in plain}
    harm = {size: _harm(run, target, outcome.points[size]) for size in {one.epsilon for one in found}}
    table = []
    for one in found:
        rows = slice(one.place, one.place + 1)
        told = []
        for name in sorted(plain, key=lambda n: -float(harm[one.epsilon][n][one.place]))[:TOP]:
            feature, field = run.features[name], outcome.z[name][rows]
            if bool((outcome.points[one.epsilon][name][rows] == field.values).all()):
                continue
            moved = field.with_values(outcome.points[one.epsilon][name][rows])
            cells = [MASK if hidden[name] else feature.show(feature.decode(side))[0] for side in (field, moved)]
            told.append(f"{name} {cells[0]} → {cells[1]}")
        told += ["–"] * (min(TOP, len(plain)) - len(told))
        row = int(outcome.chosen.rows[one.place]) + 1
        table.append((row, one.truth, one.before, one.after, percent(one.epsilon), *told))
    heads = ("moved most", "second", "third")[: min(TOP, len(plain))]
    return Grid(
        "Misled by the smallest changes", ("row", "truth", "answer", "answer attacked", "largest change", *heads), tuple(table),
        "The columns whose change counted most, before and after. Whole numbers and days are shown rounded.", raw=True,
    )  # fmt: skip


def _harm(run: "Run", target: Target, points: Points) -> dict[str, torch.Tensor]:
    """Column → (B,) how much its change lowered the score: minus the slope halfway times the change."""
    halfway = {n: ((v + target.z[n].values) / 2).detach().requires_grad_() for n, v in points.items()}
    with frozen_statistics(target.network), torch.enable_grad():
        slopes = torch.autograd.grad(target.score(halfway).sum(), list(halfway.values()), materialize_grads=True)
    found = {}
    for (name, values), slope in zip(points.items(), slopes, strict=True):
        folded = run.features[name].per_unit(-slope * (values - target.z[name].values))
        found[name] = folded.flatten(1).sum(1) if folded.ndim > 1 else folded
    return found
