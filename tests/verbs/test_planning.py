"""A budget that leaves no time for steps is told of in a sentence."""

import pytest

from deepwright.training.budget import Budget
from deepwright.training.pace import Pace
from deepwright.verbs.planning import too_short


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
