"""Pace: turns a budget into a number of steps and a fraction done, and keeps a wall-clock promise.

The schedule runs on the *fraction* of the budget. With epochs or steps that is step / total. With a wall-clock budget a
probe gives the first total; when measured time drifts from the plan by more than a tenth of what is left, the rest is
planned anew: from the step of the re-plan the fraction runs straight from where it is to 1 at the new total. Re-plans
are recorded, and a resumed run follows the recorded ones before it measures again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from deepwright.training.budget import Budget

__all__ = ["Pace", "Segment"]

DRIFT = 0.10  # of the time left
PATIENCE = 0.05  # of the budget between two looks at the clock
FEW_STEPS = 8  # that a pace is not judged by, unless they take long


End = Literal["interrupted", "deadline"]


@dataclass(frozen=True)
class Segment:
    """From `step` on, the fraction runs from `fraction` to 1 at `total`."""

    step: int
    fraction: float
    total: int


@dataclass
class Pace:
    """The plan of one training.

    Args:
        budget: what the person gave.
        steps_per_epoch: to turn epochs into steps.
        clock: seconds used so far, time before the training included, time while stopped not.
        most: steps at most, whatever time is left.
        recorded: re-plans of an earlier life of this run, to be followed.
        closed: nothing but the recorded happens: the clock is not looked at (a run that is done again).
        ends: the step at which the clock or a person ended a run that is done again, and which of them.
    """

    budget: Budget
    steps_per_epoch: float
    clock: Callable[[], float]
    segments: list[Segment] = field(default_factory=list)
    most: int | None = None
    recorded: Sequence[Segment] = ()
    closed: bool = False
    ends: tuple[int, End] | None = None
    _looked: tuple[int, float] = (0, 0.0)
    _began: tuple[int, float] = (0, 0.0)
    _aside: float = 0.0

    @property
    def timed(self) -> bool:
        return self.budget.unit == "seconds"

    @property
    def total(self) -> int:
        return self.segments[-1].total

    def plan(self, step_seconds: float = 0.0, reserve: float = 0.0) -> None:
        """The first plan. A wall-clock budget needs the probed seconds of a step and what to keep for the end."""
        if self.timed:
            left = self.budget.amount - self.clock() - reserve
            total = self._capped(max(1, int(left / max(step_seconds, 1e-6))))
        elif self.budget.unit == "epochs":
            total = max(1, round(self.budget.amount * self.steps_per_epoch))
        else:
            total = max(1, round(self.budget.amount))
        self.segments = [Segment(0, 0.0, total)]
        self.start(0)

    def start(self, step: int) -> None:
        """Measure from here on."""
        self._looked = self._began = (step, self.clock())
        self._aside = 0.0

    def set_aside(self, seconds: float) -> None:
        """Time that went into something else than steps (validation, checkpoints): it says nothing about their pace."""
        self._aside += seconds

    @property
    def began(self) -> tuple[int, float]:
        """Step and clock when measuring began in this process."""
        return self._began

    def fraction(self, step: int) -> float:
        """The share of the budget used before `step`, 0 to 1."""
        segment = next(s for s in reversed(self.segments) if s.step <= step)
        if segment.total <= segment.step:
            return 1.0
        return min(
            1.0, segment.fraction + (1 - segment.fraction) * (step - segment.step) / (segment.total - segment.step)
        )

    def replan(self, step: int, reserve: float) -> Segment | None:
        """Look at the clock after `step` steps; the new segment if the rest had to be planned anew.

        Args:
            reserve: seconds of the budget that steps must leave.
        """
        if not self.timed:
            return None
        for segment in self.recorded:
            if segment.step >= step:
                if segment.step == step:
                    self.segments.append(segment)
                    return segment
                return None  # a recorded one lies ahead: until then, no measuring
        if self.closed:
            return None
        since, looked = self._looked
        clock = self.clock()
        now = clock - self._aside  # steps alone
        waited = (now - looked) / self.budget.amount
        if (
            waited < PATIENCE
            or step == since
            or step >= self.total
            or (step - since < FEW_STEPS and waited < 4 * PATIENCE)
        ):
            return None
        first, began = self._began
        recent, whole = (now - looked) / (step - since), (now - began) / max(1, step - first)
        pace = (recent + whole) / 2
        left = self.budget.amount - clock - reserve
        drift = pace * (self.total - step) - left
        self._looked = (step, now)
        if abs(drift) <= DRIFT * max(left, 0.0):
            return None
        total = self._capped(step + max(1, int(left / pace)))
        return None if total == self.total else self.follow(step, total)

    def _capped(self, total: int) -> int:
        return total if self.most is None else min(total, self.most)

    def follow(self, step: int, total: int) -> Segment:
        """Plan anew: from `step` on, run to 1 at `total`."""
        segment = Segment(step, self.fraction(step), total)
        self.segments.append(segment)
        return segment

    def overdue(self, reserve: float) -> bool:
        """Whether the deadline of a wall-clock budget has come."""
        return self.timed and not self.closed and self.clock() > self.budget.amount - reserve

    def ended(self, step: int) -> End | None:
        """Why training is over after `step` steps because it was so then."""
        return None if self.ends is None or step < self.ends[0] else self.ends[1]

    def state(self) -> dict[str, Any]:
        return {"segments": [[s.step, s.fraction, s.total] for s in self.segments], "seconds": self.clock()}

    def load(self, state: dict[str, Any]) -> None:
        self.segments = [Segment(*one) for one in state["segments"]]
