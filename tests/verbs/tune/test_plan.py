"""Plans: a tune that goes as measured ends in its time, and trials are long enough to be compared."""

from dataclasses import replace

import pytest

from deepwright.training.budget import Budget
from deepwright.verbs.tune.plan import LOOKING, Cost, Plan, Room, planned, reserve

ROOM = Room(left=590.0, budget=600.0, trials=40, jobs=2, share=0.5, per_epoch=100.0, longest=None, rows=2000)
CHEAP = Cost(step=0.01, look=0.005, build=0.3)


def whole(plan: Plan, room: Room, cost: Cost) -> float:
    """Seconds of everything if each trial costs its share."""
    looks = cost.look * plan.rows / room.rows
    work = plan.steps * cost.step + plan.looks * looks
    rounds, last = max(1.0, room.trials / room.jobs), 1 if room.jobs > 1 else 2
    return rounds * (cost.build + room.share * work) + last * (cost.build + work) + reserve(room.budget)


@pytest.mark.parametrize("jobs", [1, 2, 8])
@pytest.mark.parametrize("share", [0.4, 1.0])
@pytest.mark.parametrize("cost", [CHEAP, Cost(0.2, 3.0, 1.0), Cost(0.001, 0.5, 0.1)], ids=str)
def test_everything_fits_and_most_of_the_time_is_used(jobs: int, share: float, cost: Cost) -> None:
    room = replace(ROOM, jobs=jobs, share=share)
    plan = planned([cost], room)
    assert 0.7 * room.left < whole(plan, room, cost) <= room.left
    assert Plan.from_dict(plan.to_dict()) == plan


def test_looks_are_many_where_they_are_cheap_and_at_few_rows_where_they_are_not() -> None:
    assert planned([CHEAP], ROOM).looks == 27
    dear = planned([Cost(0.01, 5.0, 0.1)], ROOM)
    assert (dear.looks, dear.rows) == (9, 500)
    some = planned([Cost(0.01, 4.0, 0.1)], replace(ROOM, rows=20_000))
    looking = 9 * 4.0 * some.rows / 20_000
    assert looking < 1.3 * LOOKING * some.seconds
    assert 500 < some.rows < 20_000


def test_trials_are_no_longer_than_useful_and_never_shorter_than_the_fewest() -> None:
    assert planned([CHEAP], replace(ROOM, longest=3)).steps == 300
    assert planned([Cost(9.0, 1.0, 1.0)], ROOM).steps == 10
    assert planned([CHEAP], replace(ROOM, left=1.0)).steps == 10


def test_the_last_trainings_are_planned_for_the_most_costly_settings() -> None:
    one, both = planned([CHEAP], ROOM), planned([CHEAP, replace(CHEAP, step=0.05)], ROOM)
    assert both.longest > both.seconds
    assert both.steps < one.steps


@pytest.mark.parametrize(("given", "steps"), [(Budget(5, "epochs"), 500), (Budget(77, "steps"), 77)])
def test_a_budget_the_person_has_fixed_is_kept(given: Budget, steps: int) -> None:
    plan = planned([CHEAP], replace(ROOM, given=given))
    assert (plan.budget, plan.steps) == (given, steps)


def test_looks_the_person_has_fixed_are_kept() -> None:
    assert planned([CHEAP], replace(ROOM, looks=5)).looks == 5
