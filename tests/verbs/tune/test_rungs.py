"""Rungs: the best of all that came to one go on, however early they came; nobody goes on twice, and the search comes to an end."""

import random
from dataclasses import replace

import pytest

from deepwright.verbs.tune.prunings import Halving, Hyperband, NoPruning
from deepwright.verbs.tune.rungs import Climber, Rungs

RUNGS = Rungs((1, 3), 3)


def waiting(*costs: float, rung: int = 1) -> list[Climber]:
    return [Climber(number, {rung: cost}, rung) for number, cost in enumerate(costs)]


@pytest.mark.parametrize(("looks", "expected"), [(27, (3, 9)), (18, (2, 6)), (9, (1, 3)), (2, (1,)), (1, ())])
def test_rungs_lie_a_factor_apart_before_the_end(looks: int, expected: tuple[int, ...]) -> None:
    assert Halving().rungs(looks).looks == expected
    assert NoPruning().rungs(looks).looks == Hyperband().rungs(looks).looks == ()


def test_the_newest_rung_of_a_look() -> None:
    assert [RUNGS.at(look) for look in range(6)] == [0, 1, 1, 3, 3, 3]


def test_one_in_so_many_goes_on_and_the_best_of_them_first() -> None:
    assert RUNGS.next_up(waiting(2.0, 1.0)) is None, "there is nobody yet to be better than"
    found = RUNGS.next_up(waiting(2.0, 1.0, 3.0))
    assert found is not None
    assert found.number == 1
    gone = [replace(one, paused=0) if one.number == 1 else one for one in waiting(2.0, 1.0, 3.0, 1.5, 9.0)]
    assert RUNGS.next_up(gone) is None, "one of five goes on and has gone"
    late = RUNGS.next_up([*gone, Climber(5, {1: 0.5}, 1)])
    assert late is not None
    assert late.number == 5, "two of six go on, the best of those that wait first"


def test_the_lowest_rung_comes_first_until_nobody_else_will_come() -> None:
    high = [Climber(number, {1: 0.0, 3: float(number)}, 3) for number in range(10, 13)]
    found, last = RUNGS.next_up([*waiting(-1.0, 1.0), *high]), RUNGS.last_up([*waiting(-1.0, 1.0), *high])
    assert found is not None
    assert last is not None
    assert (found.number, last.number) == (0, 10)


def test_who_waits_elsewhere_keeps_its_place_but_does_not_go_on_here() -> None:
    there = [replace(one, mine=one.number != 1) for one in waiting(2.0, 1.0, 3.0)]
    assert RUNGS.next_up(there) is None
    last = RUNGS.last_up(there)
    assert last is not None
    assert last.number == 0, "nobody knows whether that machine comes back"


def test_a_figure_that_came_late_counts_for_the_rung_before() -> None:
    assert Climber(0, {2: 5.0, 3: 1.0}).cost(1) == 5.0
    assert Climber(0, {2: 5.0}).cost(3) is None


def test_who_can_never_go_on_is_known() -> None:
    climbers = waiting(5.0, 1.0, 4.0, 2.0, 3.0)
    assert [one.number for one in RUNGS.hopeless(climbers, 6)] == [2, 0], "two of six go on, one place is spare"
    assert RUNGS.hopeless(climbers, 30) == []
    assert [one.number for one in RUNGS.hopeless(waiting(1.0, 2.0, 3.0, rung=3), 9)] == [2], "one of nine gets beyond"


@pytest.mark.parametrize(("total", "work"), [(9, 3 * 2 / 9 + 6 / 9), (50, 16 * 2 / 9 + 5 * 6 / 9), (1, 8 / 9)])
def test_what_the_best_still_take_is_counted_in_trials(total: int, work: float) -> None:
    assert RUNGS.climb(total, 9) == pytest.approx(work)
    assert Rungs().climb(total, 9) == 0.0


@pytest.mark.parametrize("count", [1, 2, 5, 9, 20, 50])
@pytest.mark.parametrize("seed", range(3))
def test_a_search_comes_to_its_end_with_the_best_of_each_rung(count: int, seed: int) -> None:
    """In whatever order they come, the best is trained to its end, and the work is what was planned."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    climbers = {number: Climber(number, {1: float(number)}, 1) for number in order}
    ends, work = [], count
    while True:
        there = list(climbers.values())
        found = RUNGS.next_up(there) or RUNGS.last_up(there)
        if found is None:
            break
        if found.paused == 3:
            ends.append(found.number)
            climbers[found.number] = replace(found, paused=0)
            work += 6
        else:
            climbers[found.number] = replace(found, costs={**found.costs, 3: float(found.number)}, paused=3)
            work += 2
        assert not {one.number for one in RUNGS.hopeless(list(climbers.values()), count)} & {0}
    assert ends == list(range(max(1, count // 9)))
    assert work / 9 == pytest.approx(count / 9 + RUNGS.climb(count, 9))
    assert work <= 9 * max(count * Halving.share, count / 9 + 8 / 9)
