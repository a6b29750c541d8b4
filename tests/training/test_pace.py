"""Budgets: what people write, and how a wall-clock promise is kept."""

import pytest

from deepwright.training.budget import Budget
from deepwright.training.pace import Pace


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [("60s", 60, "seconds"), ("5min", 300, "seconds"), ("1h30m", 5400, "seconds"), ("20 epochs", 20, "epochs"), ("2_000steps", 2000, "steps")],
)  # fmt: skip
def test_budgets_as_people_write_them(text, amount, unit):
    budget = Budget.parse(text)
    assert (budget.amount, budget.unit) == (amount, unit)
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["", "5", "fast", "5 parsecs", "0s", "-3min", "5min3epochs"])
def test_other_words_get_a_sentence(text):
    with pytest.raises(ValueError, match="budget"):
        Budget.parse(text)


class Machine:
    """A clock that only moves when steps are made, at a pace that changes."""

    def __init__(self):
        self.now = 0.0

    def work(self, pace, seconds_a_step, recorded=()):
        step, plans = 0, []
        while step < pace.total and not pace.overdue(0) and pace.ended(step) is None:
            self.now += seconds_a_step(step)
            step += 1
            plan = pace.replan(step, reserve=0.0)
            plans += [plan] if plan else []
        return step, plans


def timed(machine, **more):
    pace = Pace(Budget(100.0, "seconds"), 10.0, lambda: machine.now, **more)
    pace.plan(step_seconds=0.1)
    pace.start(0)
    return pace


def test_a_steady_machine_keeps_the_first_plan():
    machine = Machine()
    assert machine.work(timed(machine), lambda step: 0.1) == (1000, [])


@pytest.mark.parametrize("factor", [0.5, 1.5, 4.0])
def test_drift_is_planned_away_and_the_schedule_still_reaches_its_end(factor):
    machine = Machine()
    pace = timed(machine)
    steps, plans = machine.work(pace, lambda step: 0.1 if step < 100 else 0.1 * factor)
    assert plans
    assert machine.now == pytest.approx(100, rel=0.03)
    assert pace.fraction(steps) == pytest.approx(1.0)
    fractions = [pace.fraction(step) for step in range(steps + 1)]
    assert fractions == sorted(fractions)


def test_a_resumed_plan_follows_what_was_recorded():
    machine = Machine()
    _, plans = machine.work(timed(machine), lambda step: 0.1 if step < 100 else 0.2)
    other = Machine()
    pace = timed(other, recorded=plans)
    _, follow = other.work(pace, lambda step: 0.01)  # a much faster machine, but the plan is the plan
    assert follow[: len(plans)] == plans


def test_time_set_aside_says_nothing_about_the_pace():
    machine = Machine()
    pace = timed(machine)

    def seconds(step):
        if step % 100 == 50:  # a validation now and then, for which the caller keeps time
            machine.now += 1.0
            pace.set_aside(1.0)
        return 0.1

    step = 0
    while step < pace.total and not pace.overdue(0):
        machine.now += seconds(step)
        step += 1
        pace.replan(step, reserve=max(0.0, 9.0 - step // 100))
    assert len(pace.segments) <= 2  # the first plan knew of no validations
    assert machine.now == pytest.approx(100, rel=0.02)


def test_what_is_done_again_follows_the_record_whatever_the_clock_says():
    machine = Machine()
    pace = timed(machine)
    steps, plans = machine.work(pace, lambda step: 0.1 if step < 100 else 0.3)
    again = timed(Machine(), recorded=plans, closed=True, ends=(steps, "deadline"))
    slow = Machine()
    again.clock = lambda: slow.now
    assert slow.work(again, lambda step: 5.0) == (steps, plans)
    assert again.segments == pace.segments
    assert (again.ended(steps - 1), again.ended(steps), pace.ended(steps)) == (None, "deadline", None)
