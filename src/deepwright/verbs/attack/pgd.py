"""Projected gradient descent: the smallest changes of numbers and pixels that mislead the network most.

Madry et al. 2018, "Towards deep learning models resistant to adversarial attacks", arXiv 1706.06083, section 2.1, in
the L∞ ball of `z`; the step is 2.5 ε / steps as in their experiments. Deviations: it is the task's score of the truth
that is lowered; the worst point met is kept, random noise and the worst point of a smaller ε included, so that harm
never falls as ε grows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field as Setting
from pydantic import field_validator
from torch import Tensor

from deepwright import registries
from deepwright.answering import concat_answers, outputs_of, rows_at_once
from deepwright.contracts import Answer
from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.core.report import Report
from deepwright.core.seeds import derive
from deepwright.core.telling import tell
from deepwright.fields import Batch
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.attack.outcome import Outcome, attack_blocks, verdict
from deepwright.verbs.attack.room import Room, movable, rooms
from deepwright.verbs.attack.target import Points, Target
from deepwright.verbs.figures import judge
from deepwright.verbs.rows import chosen_rows
from deepwright.verbs.validation import metric_names

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["PGD", "SIZES", "descend", "noise"]

SIZES = (0.005, 0.01, 0.02, 0.04, 0.08)
PACE = 2.5  # the way all steps could go, in ε


def noise(target: Target, room: dict[str, Room], generator: torch.Generator) -> Points:
    """Random changes as large as the attack's may be: each coordinate by its whole step up or down."""
    found = {}
    for name, own in room.items():
        signs = torch.randint(0, 2, own.low.shape, generator=generator) * 2.0 - 1
        found[name] = own.clamp(target.z[name].values + own.step * signs)
    return found


@dataclass
class _Worst:
    """The points with the lowest score so far, row by row."""

    points: Points
    score: Tensor

    def offer(self, points: Points, score: Tensor) -> None:
        lower = score < self.score
        self.score = torch.where(lower, score, self.score)
        for name, values in points.items():
            where = lower.view(-1, *([1] * (values.ndim - 1)))
            self.points[name] = torch.where(where, values, self.points[name])


def descend(
    target: Target, room: dict[str, Room], steps: int, restarts: int, starts: list[Points], generator: torch.Generator
) -> Points:
    """The worst points found inside the room. `starts`: points inside it, among which the first is the least bad.

    Leaves no gradient on the network's parameters.
    """
    with frozen_statistics(target.network):
        with torch.no_grad():
            worst = _Worst(dict(starts[0]), target.score(starts[0]))
            for points in starts[1:]:
                worst.offer(points, target.score(points))
        for _ in range(restarts):
            points = {}
            for name, own in room.items():
                spread = torch.rand(own.low.shape, generator=generator) * 2 - 1
                points[name] = own.clamp(target.z[name].values + own.step * spread)
            for _ in range(steps):
                points = _step(target, room, points, worst, steps)
            with torch.no_grad():
                worst.offer(points, target.score(points))
    return worst.points


def _step(target: Target, room: dict[str, Room], points: Points, worst: _Worst, steps: int) -> Points:
    leaves = {name: values.detach().requires_grad_() for name, values in points.items()}
    with torch.enable_grad():
        score = target.score(leaves)
        slopes = torch.autograd.grad(score.sum(), list(leaves.values()), materialize_grads=True)
    worst.offer({name: leaf.detach() for name, leaf in leaves.items()}, score.detach())
    return {
        name: room[name].clamp(values - PACE / steps * room[name].step * slope.sign())
        for (name, values), slope in zip(points.items(), slopes, strict=True)
    }


@registries.verbs.register
class PGD(Config):
    """How the figures fall when numbers and pixels are changed on purpose, beside random changes of the same size.

    Args:
        on: labelled data to attack; None takes the run's own test rows (validation rows where there are none).
        rows: so many of them, drawn by `seed`. steps: gradients a row and restart. restarts: random starts.
        epsilon: the largest change of a coordinate, as a share of its range in the training rows (pictures: black to
            white, so that 8 pixel values are 8 / 255); one size or several, None for five from 0.5 % to 8 %.
    """

    kind: Literal["attack"] = "attack"
    method: Literal["pgd"] = "pgd"
    on: Any = None
    rows: int = Setting(256, ge=2)
    steps: int = Setting(20, ge=1)
    restarts: int = Setting(1, ge=1)
    epsilon: float | tuple[float, ...] | None = None
    seed: int = 0

    @field_validator("epsilon")
    @classmethod
    def _shares(cls, value: float | tuple[float, ...] | None) -> float | tuple[float, ...] | None:
        for size in value if isinstance(value, tuple) else () if value is None else (value,):
            if not 0 <= size <= 1:
                raise ValueError("expected a share of the range, from 0 to 1")
        return value

    @property
    def sizes(self) -> tuple[float, ...]:
        """All ε, ascending."""
        given = SIZES if self.epsilon is None else self.epsilon
        return tuple(sorted(set(given))) if isinstance(given, tuple) else (given,)

    def check(self, run: "Run") -> None:
        """Raises Refused: no target to mislead the network about, or nothing that could be changed a little."""
        if run.task is None:
            raise Refused(f"The run {run.name} has no target, so there is nothing an attack could mislead it about.")
        if all(movable(feature.space) is None for feature in run.features.values()):
            raise Refused(
                f"No input of the run {run.name} can be changed a little: {', '.join(list(run.features)[:5])} hold labels "
                "or flags only. This attack moves numbers, dates and pixels."
            )

    def __call__(self, run: "Run") -> Report:
        """Raises RunError, DataError: the data is gone, changed, or lacks columns or known targets."""
        self.check(run)
        assert run.task is not None
        chosen = chosen_rows(run, self.on, self.rows, self.seed, labelled=True)
        with frozen_statistics(run.network), torch.no_grad():
            z = run.network.embed(chosen.batch.inputs)
        z = {name: z[name] for name in run.features}
        target = Target(run.network, run.task, z, chosen.batch.targets)
        outcome = Outcome(chosen, target.z, _answer(target, {}), run.task.truth(chosen.batch.targets), self.sizes)
        for epsilon, random, points in self._search(run, target):
            outcome.points[epsilon] = points
            outcome.random[epsilon] = _answer(target, random)
            outcome.attacked[epsilon] = _answer(target, points)
            outcome.written[epsilon] = _written(run, chosen.batch, target, points)
        name = metric_names(run.task, run.recipe.evaluate.metric)[0]
        outcome.judged = judge([name], outcome.competitors(), outcome.truth, run.recipe.seed)
        text, found = verdict(name, outcome)
        data = {
            "version": 1, "run": run.name, "method": self.method, "split": chosen.split, "n": len(chosen.rows),
            "primary": name, "steps": self.steps, "restarts": self.restarts,
            "clean": outcome.judged["clean"].figures[name].to_dict(),
            "sizes": outcome.sizes_data(name),
            "harmful_from": found, "verdict": text,
        }  # fmt: skip
        return Report("attack", "What misleads it", data, tuple(attack_blocks(run, target, outcome, name)))

    def _search(self, run: "Run", target: Target) -> Iterator[tuple[float, Points, Points]]:
        """(ε, random points, worst points) of each size, ascending."""
        generator = torch.Generator().manual_seed(derive(self.seed, "attack"))
        size = rows_at_once(target.z)
        best: list[Points] = []
        for place, epsilon in enumerate(self.sizes):
            room = rooms(run.features, target.z, epsilon)
            random = noise(target, room, generator)
            starts = [{name: target.z[name].values for name in room}, *best, random]
            parts = []
            for start in range(0, len(target), size):
                rows = slice(start, start + size)
                own = [{name: values[rows] for name, values in points.items()} for points in starts]
                cut = {name: one[rows] for name, one in room.items()}
                parts.append(descend(target[rows], cut, self.steps, self.restarts, own, generator))
                done = place * len(target) + min(start + size, len(target))
                tell("attacking", done, len(self.sizes) * len(target))
            points = {name: torch.cat([part[name] for part in parts]) for name in room}
            best = [points]
            yield epsilon, random, points


def _answer(target: Target, points: Points) -> Answer:
    size, parts = rows_at_once(target.z), []
    with frozen_statistics(target.network), torch.no_grad():
        for start in range(0, len(target), size):
            rows = slice(start, start + size)
            z = target[rows].moved({name: values[rows] for name, values in points.items()})
            parts.append(target.task.answer(outputs_of(target.network, target.task, z)))
    return concat_answers(parts)


def _written(run: "Run", batch: Batch, target: Target, points: Points) -> Answer:
    """The answers when the attacked values are written down as raw cells and read again: whole numbers, days, bytes."""
    inputs = dict(batch.inputs)
    for name, values in points.items():
        feature, clean, stored = run.features[name], target.z[name], batch.inputs[name]
        again = feature.encode(feature.decode(clean.with_values(values))).values
        moved = (values != clean.values).flatten(1).any(1).view(-1, *([1] * (again.ndim - 1)))
        inputs[name] = stored.with_values(torch.where(moved, again, stored.values))
    return run.answer(replace(batch, inputs=inputs).split(rows_at_once(inputs)))
