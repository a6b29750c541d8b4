"""Searches: what they promise, and that the same trials come again whatever was killed on the way."""

from collections.abc import Callable

import pytest

from deepwright.core.errors import Refused
from deepwright.ranges import Choice, Range, Real, Whole
from deepwright.verbs.tune.points import Point, Tried, to_unit
from deepwright.verbs.tune.searches import CMAES, Grid

RANGES: dict[str, Range] = {
    "a": Choice((1, 2, 4)),
    "b": Choice(("x", "y")),
    "c": Whole(1, 2),
    "d": Real(0.1, 10.0, True),
}


def test_a_grid_has_every_combination_once_and_both_ends() -> None:
    grid = Grid(points=3)
    total = grid.most(RANGES)
    assert total == 3 * 2 * 2 * 3
    points = [grid.propose(RANGES, number, [], 5, None).point for number in range(total)]  # pyright: ignore
    assert len({tuple(point.values()) for point in points}) == total
    assert sorted({point["d"] for point in points}) == pytest.approx([0.1, 1.0, 10.0])
    assert {point["a"] for point in points} == {0, 1, 2}
    other = [grid.propose(RANGES, number, [], 6, None).point for number in range(total)]  # pyright: ignore
    assert other != points


def test_a_grid_too_large_to_be_ordered_still_repeats_nothing() -> None:
    ranges: dict[str, Range] = {str(k): Real(0.0, 1.0) for k in range(9)}
    grid = Grid(points=4)
    points = [grid.propose(ranges, number, [], 0, None).point for number in range(40)]  # pyright: ignore
    assert len({tuple(point.values()) for point in points}) == 40


def searched(search: CMAES, cost: Callable[[Point], float], trials: int, lost: int = -1) -> list[Tried]:
    """Trials in their order; trial `lost` is asked for twice, as after a kill."""
    tried: list[Tried] = []
    for number in range(trials):
        proposal = search.propose(NUMBERS, number, tried, 3, None)
        assert proposal is not None
        if number == lost:
            again = search.propose(NUMBERS, number, tried, 3, None)
            assert again == proposal
        tried.append(Tried(number, "done", cost(proposal.point), proposal.point, proposal.note))
    return tried


NUMBERS: dict[str, Range] = {"x": Real(-5.0, 5.0), "y": Real(1e-4, 1.0, True), "word": Choice(("p", "q"))}


def cost(point: Point) -> float:
    return (to_unit(NUMBERS["x"], point["x"]) - 0.8) ** 2 + (to_unit(NUMBERS["y"], point["y"]) - 0.3) ** 2


def test_the_cloud_moves_to_what_is_good_and_repeats_itself() -> None:
    tried = searched(CMAES(), cost, 80)
    first, last = (sum(one.cost or 0.0 for one in part) / len(part) for part in (tried[:12], tried[-12:]))
    assert last < first / 5
    assert {one.point["word"] for one in tried} == {"p", "q"}
    assert searched(CMAES(), cost, 80, lost=41) == tried


def test_the_cloud_starts_at_the_default_and_survives_failed_trials() -> None:
    search, start = CMAES(sigma=0.01), {"x": 2.0, "y": 0.1, "word": "p"}
    tried: list[Tried] = []
    for number in range(20):
        proposal = search.propose(NUMBERS, number, tried, 0, start)
        assert proposal is not None
        assert abs(float(proposal.point["x"]) - 2.0) < 1.5
        state = "failed" if number % 3 else "pruned"
        tried.append(Tried(number, state, None if state == "failed" else 1.0, proposal.point, proposal.note))
    assert {one.note[0] for one in tried if one.note} == {0, 1, 2, 3}


def test_running_trials_do_not_end_a_generation() -> None:
    search, tried = CMAES(population=4), []
    for number in range(8):
        proposal = search.propose(NUMBERS, number, tried, 0, None)
        assert proposal is not None
        assert proposal.note == (0, number)
        tried.append(Tried(number, "running", None, proposal.point, proposal.note))
    assert len({one.point["x"] for one in tried}) == 8


def test_a_cloud_needs_two_numbers() -> None:
    with pytest.raises(Refused, match=r"at least two settings that are numbers; here are 1\. Use --search tpe\."):
        CMAES().check({"a": Choice(("x", "y")), "b": Whole(1, 2)})
    CMAES().check(NUMBERS)
