"""Planning: a budget becomes steps, and what is fastest now is chosen: threads and precision. All of it goes into the run."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from deepwright.training.distributed import Ranks
from deepwright.training.events import Planned
from deepwright.training.loop import Trainer
from deepwright.training.pace import Pace, Segment
from deepwright.training.settings import Train
from deepwright.training.threads import counts
from deepwright.verbs.probe import FEW_STEPS, FEWEST_ROWS, SECONDS, SHARE, Probed, probe, threads_by_work

__all__ = ["decide", "precisions_of", "too_short"]

SCARCE, LITTLE = (
    2.0,
    0.2,
)  # seconds, and share of a wall-clock budget, that comparing threads and precisions would use up

Copies = Callable[[str], Trainer]


def decide(
    settings: Train, half: bool, rows: int, pace: Pace, ranks: Ranks, copies: Copies, resized: Callable[[float], bool]
) -> tuple[dict[str, Any], Planned]:
    """The choices that every later life of the run obeys, and the event that tells of the plan; `pace` is planned.

    Args:
        half: the network and the device suit bfloat16. rows: to validate on.
        copies: for a precision, a trainer that shares nothing with the real one.
        resized: told how many epochs a wall-clock budget affords, may change the network; then its copies are others.
    """
    precisions = precisions_of(settings, half)
    numbers = counts() if settings.threads is None else (settings.threads,)
    if pace.timed:
        left = ranks.agree(pace.budget.amount - pace.clock())
        if left <= min(SCARCE, LITTLE * pace.budget.amount):  # comparing settings would use it up
            precisions, numbers = precisions[:1], (min(numbers),)
        if left <= 0:
            step_seconds, choices = 0.0, _over(numbers[0], precisions[0], rows, pace, resized)
        else:
            probed, choices = _timed(settings, rows, pace, ranks, resized, partial(probe, copies, precisions, numbers))
            step_seconds = probed.step_seconds
    else:
        choices, step_seconds = _counted(settings, precisions, numbers, pace, copies)
        choices |= {name: ranks.same(choices[name]) for name in ("threads", "precision")}
    choices["threads_given"] = settings.threads is not None
    return choices, Planned(0, pace.total, pace.clock(), step_seconds, choices)


def too_short(pace: Pace) -> str | None:
    """The sentence for a wall-clock budget of which nothing is left for steps; one step is done all the same."""
    if not pace.timed or pace.total > 1 or pace.most == 1:
        return None
    taken, budget = pace.clock(), pace.budget
    enough = 5 * math.ceil(max(2 * taken, 2 * budget.amount) / 5)
    return (
        f"The budget of {budget} is too short: starting, reading the data and measuring the pace took {taken:.1f} s, which leaves "
        f"one step, and that teaches next to nothing. Give at least {enough}s, or a number of steps (--budget 200steps)."
    )


def precisions_of(settings: Train, half: bool) -> tuple[str, ...]:
    """Those that may be chosen, float32 first."""
    given = settings.precision
    return (given,) if given != "auto" else ("float32", "bfloat16") if half else ("float32",)


def _timed(
    settings: Train, rows: int, pace: Pace, ranks: Ranks, resized: Any, probe: Any
) -> tuple[Probed, dict[str, Any]]:
    """A wall-clock budget: what is fastest now; the steps that fit into what is left."""
    amount = settings.budget.amount
    seconds = min(SECONDS, SHARE * amount)
    probed: Probed = probe(seconds, judge=True)
    left = max(0.0, amount - pace.clock()) / probed.step_seconds / pace.steps_per_epoch
    if resized(ranks.agree(left)):
        probed = probe(seconds, judge=True)
    measured = probed.choices(amount, rows, settings.validations, settings.longest)
    choices = {name: ranks.same(value) for name, value in measured.items()}
    pace.plan(probed.step_seconds, choices["reserve"] + choices["validations"] * choices["validation_seconds"])
    pace.segments = [Segment(0, 0.0, int(ranks.agree(float(pace.total))))]
    choices["epochs"] = pace.total / pace.steps_per_epoch
    return probed, choices


def _over(threads: int, precision: str, rows: int, pace: Pace, resized: Callable[[float], bool]) -> dict[str, Any]:
    """A wall-clock budget that is over before the first step: one step of the smallest network, without a measurement."""
    resized(0.0)
    pace.plan(pace.budget.amount)
    return {
        "threads": threads, "precision": precision, "validations": 1, "validation_rows": min(rows, FEWEST_ROWS),
        "validation_seconds": 0.0, "reserve": 0.0, "epochs": pace.total / pace.steps_per_epoch,
    }  # fmt: skip


def _counted(
    settings: Train, precisions: Sequence[str], numbers: Sequence[int], pace: Pace, copies: Copies
) -> tuple[dict[str, Any], float]:
    """Steps or epochs: the number of threads that the work suggests, so that most runs agree, unless it is slow now."""
    pace.plan()
    epochs = max(1, int(pace.total / pace.steps_per_epoch))
    looks = settings.validations if settings.inside_epochs else min(settings.validations, epochs)
    choices: dict[str, Any] = {"validations": looks, "epochs": epochs}
    if settings.validation_rows is not None:
        choices["validation_rows"] = settings.validation_rows
    usual = numbers[0] if len(numbers) == 1 else threads_by_work(copies("float32"))
    if len(numbers) * len(precisions) == 1 or pace.total < FEW_STEPS:
        return {**choices, "threads": usual, "precision": precisions[0]}, 0.0
    probed = probe(copies, precisions, numbers, SECONDS, usual)
    return {**choices, "threads": probed.threads, "precision": probed.precision}, probed.step_seconds
