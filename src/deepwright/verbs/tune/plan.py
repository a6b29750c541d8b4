"""The plan of a tune: how its time is divided, and how many steps that leaves for a trial.

A whole tune is: what was used so far, the trials, two trainings at the end (winner and default recipe), figures and report.
All trials get the same number of steps, so that they can be compared, also tomorrow and on another machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from deepwright.training.budget import Budget

__all__ = ["SAFETY", "Cost", "Plan", "Room", "division", "mean_of", "planned", "reserve"]

LOOKS = (27, 18, 9)  # validations of a trial; halving by three divides them
LOOKING = 0.2  # of a trial's time at most, where that is possible
FEWEST = 10  # steps
FEWEST_ROWS = 500  # of a look
SHARES = (
    0.80,
    0.15,
    0.05,
)  # of the budget: trials, last two trainings, figures and report; said before anything is measured
SAFETY = 1.15  # of a training's measured time
LEAST, MOST = 2.5, 60.0  # seconds for figures and report


@dataclass(frozen=True)
class Cost:
    """Measured seconds of a step, of a look at all validation rows, and of building a trial; in which precision."""

    step: float
    look: float
    build: float
    precision: str = "float32"

    def trial(self, steps: int, looks: int) -> float:
        """Seconds of a whole trial."""
        return self.build + steps * self.step + looks * self.look


MEASURED = ("step", "look", "build")


def mean_of(costs: Sequence[Cost]) -> Cost:
    """The mean of each part, in the precision of the first."""
    return Cost(*(sum(getattr(cost, name) for cost in costs) / len(costs) for name in MEASURED), costs[0].precision)


@dataclass(frozen=True)
class Plan:
    """What all trials share.

    Args:
        budget: of a trial, as in a recipe. steps: that it comes to with the default recipe's batch. looks: validations.
        rows: validation rows of each look. seconds: of a whole trial on average. longest: of the most costly one measured.
        precision: of all trainings. usual: settings that suit so many steps, where neither person nor search says
            something: path and value.
    """

    budget: Budget
    steps: int
    looks: int
    rows: int
    seconds: float
    longest: float
    precision: str = "float32"
    usual: tuple[tuple[tuple[str, ...], Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "budget": str(self.budget), "usual": [[list(path), value] for path, value in self.usual]}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Plan":
        usual = tuple((tuple(path), value) for path, value in stored["usual"])
        return cls(**{**stored, "budget": Budget.parse(stored["budget"]), "usual": usual})


def reserve(budget: float) -> float:
    """Seconds kept for figures, baselines and the report."""
    return min(MOST, max(LEAST, SHARES[2] * budget))


def division(budget: float) -> str:
    """How the time is divided, said before anything is measured."""
    trials, last, _ = (f"{100 * share:.0f} %" for share in SHARES)
    return (
        f"about {trials} for the trials, up to {last} to train the winner and the default recipe at the end, "
        f"{reserve(budget):.0f} s for figures and the report"
    )


@dataclass(frozen=True)
class Room:
    """What there is to be divided.

    Args:
        left: seconds of the whole `budget` that are left. share: of a full trial's work that trials take on average.
        per_epoch: steps an epoch. longest: epochs at most. rows: for validation.
        given: a trial's own budget, if the person has fixed one in steps or epochs. looks: the same for the looks.
    """

    left: float
    budget: float
    trials: int
    jobs: int
    share: float
    per_epoch: float
    longest: int | None
    rows: int
    given: Budget | None = None
    looks: int | None = None

    def steps(self, mean: Cost, high: Cost, looks: int) -> int:
        """Steps a trial may take, with so many looks."""
        if self.given is not None:
            return max(1, round(self.given.amount * (self.per_epoch if self.given.unit == "epochs" else 1)))
        rounds, last = max(1.0, self.trials / self.jobs), 1 if self.jobs > 1 else 2
        free = max(0.0, self.left - reserve(self.budget)) / SAFETY
        free -= rounds * (mean.build + self.share * looks * mean.look) + last * (high.build + looks * high.look)
        steps = int(free / (rounds * self.share * mean.step + last * high.step))
        return max(FEWEST, steps if self.longest is None else min(steps, round(self.longest * self.per_epoch)))


def planned(costs: list[Cost], room: Room) -> Plan:
    """As many looks as are cheap; where even the fewest are not, at fewer rows.

    Args:
        costs: of the default recipe, then of others of the space; their looks are at all rows.
    """
    mean, high = mean_of(costs), Cost(*(max(getattr(cost, name) for cost in costs) for name in MEASURED))
    if room.looks is not None:
        return _plan(room, mean, high, room.steps(mean, high, room.looks), room.looks, room.rows)
    for looks in LOOKS:
        steps = room.steps(mean, high, looks)
        if looks <= steps and looks * mean.look <= LOOKING * mean.trial(steps, looks):
            return _plan(room, mean, high, steps, looks, room.rows)
    looks, rows = LOOKS[-1], room.rows
    free = room.steps(mean, high, 0) * mean.step * LOOKING / looks  # seconds for a look
    if free < mean.look:
        rows = min(rows, max(FEWEST_ROWS, int(rows * free / mean.look)))
        mean, high = (replace(cost, look=cost.look * rows / room.rows) for cost in (mean, high))
    return _plan(room, mean, high, room.steps(mean, high, looks), looks, rows)


def _plan(room: Room, mean: Cost, high: Cost, steps: int, looks: int, rows: int) -> Plan:
    amount = room.given or Budget(float(steps), "steps")
    return Plan(amount, steps, looks, rows, mean.trial(steps, looks), high.trial(steps, looks), mean.precision)
