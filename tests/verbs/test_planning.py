"""A budget that leaves no time for steps is told of in a sentence."""

from typing import Any

import pytest

from deepwright.training.budget import Budget
from deepwright.training.distributed import Ranks
from deepwright.training.pace import Pace
from deepwright.training.settings import Train
from deepwright.verbs.planning import decide, too_short


def planned(budget: str, now: float, step: float, **more: int) -> Pace:
    pace = Pace(Budget.parse(budget), 10.0, lambda: now, **more)
    pace.plan(step, reserve=0.5)
    return pace


@pytest.mark.parametrize("now", [4.4, 6.1])
def test_a_budget_that_is_over_before_the_first_step(now: float) -> None:
    told = too_short(planned("5s", now, 0.2))
    assert told is not None
    assert f"The budget of 5s is too short: starting, reading the data and measuring the pace took {now} s" in told
    assert f"Give at least {10 if now < 5 else 15}s" in told


def test_steps_that_fit_are_no_reason_for_words() -> None:
    assert too_short(planned("5s", 4.0, 0.1)) is None
    assert too_short(planned("1steps", 100.0, 0.1)) is None
    assert too_short(planned("60s", 3.0, 0.1, most=1)) is None, "one step was wanted"


@pytest.mark.parametrize("now", [8.2, 14.0])
def test_nothing_is_measured_when_hardly_any_time_is_left(now: float) -> None:
    def copies(precision: str) -> Any:
        raise AssertionError("a copy was made to measure")

    sized: list[float] = []
    settings = Train.model_validate({"budget": "10s"})
    pace = Pace(settings.budget, 10.0, lambda: now)
    choices, planned = decide(settings, True, 5000, pace, Ranks(), copies, lambda epochs: sized.append(epochs) is None)
    assert (planned.total, planned.step_seconds, sized) == (1, 0.0, [0.0])
    assert (choices["threads"], choices["precision"], choices["validation_rows"]) == (1, "float32", 1000)
