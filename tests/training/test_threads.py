"""Threads: what is fastest now is found on real steps, cheaply, and recorded changes are followed exactly."""

import math
import random
from collections.abc import Callable, Iterator

import pytest
import torch

from deepwright.training.threads import LONGEST_GAP, Threads, as_trained, computing, cores, counts


@pytest.fixture(autouse=True)
def number_of_before() -> Iterator[None]:
    with computing(None):
        yield


class Machine:
    """Steps take as long as `cost` says for a number of threads at a time."""

    def __init__(self, cost: Callable[[int, float], float]):
        self.now, self.cost, self.changes = 0.0, cost, []
        self.used: dict[int, float] = {}

    def work(self, threads: Threads, seconds: float) -> None:
        step = 0
        while self.now < seconds:
            took = self.cost(threads.count, self.now)
            self.used[threads.count] = self.used.get(threads.count, 0.0) + took
            self.now, step = self.now + took, step + 1
            count = threads.after(step, took)
            if count is not None:
                self.changes.append((step, count))


def quiet(count: int, now: float) -> float:
    return 0.010 if count == 2 else 0.018


def crowded(count: int, now: float) -> float:
    """A neighbour is busy on both cores from second 20 to second 60."""
    return (0.170 if count == 2 else 0.020) if 20 <= now < 60 else quiet(count, now)


def live(machine: Machine, count: int = 2, **more: object) -> Threads:
    return Threads(count, (1, 2), live=True, clock=lambda: machine.now, **more)


def test_on_a_quiet_machine_tries_are_rare_and_cheap() -> None:
    machine = Machine(quiet)
    threads = live(machine)
    machine.work(threads, 300)
    assert threads.count == 2
    assert machine.used[1] < 0.01 * 300
    assert len(machine.changes) < 2 * (6 + 300 / LONGEST_GAP)


@pytest.mark.parametrize("spread", [0.3, 0.6])
def test_steps_that_are_now_long_now_short_are_not_taken_for_a_neighbour(spread: float) -> None:
    chance = random.Random(0)
    machine = Machine(lambda count, now: (0.050 if count == 2 else 0.060) * math.exp(chance.gauss(0, spread)))
    machine.work(live(machine), 300)
    assert len(machine.changes) < 1.5 * 2 * (6 + 300 / LONGEST_GAP)


def test_short_bursts_of_a_neighbour_cause_no_tries() -> None:
    def bursts(count: int, now: float) -> float:
        slower = 1.0 if now % 5 >= 0.3 else 3.0 if count == 2 else 1.4
        return slower * (0.030 if count == 2 else 0.050)

    machine = Machine(bursts)
    machine.work(live(machine), 300)
    assert len(machine.changes) < 1.5 * 2 * (6 + 300 / LONGEST_GAP)
    assert machine.used[1] < 0.05 * 300


def test_a_neighbour_is_noticed_among_uneven_steps_too() -> None:
    chance = random.Random(0)
    machine = Machine(lambda count, now: crowded(count, now) * chance.uniform(0.7, 1.4))
    threads = live(machine)
    machine.work(threads, 20)
    assert threads.count == 2
    machine.work(threads, 24)
    assert threads.count == 1
    machine.work(threads, 60 + LONGEST_GAP + 1)
    assert threads.count == 2


def test_a_pace_at_which_the_number_was_found_right_is_no_drift_again() -> None:
    def waves(count: int, now: float) -> float:
        return (2 if now % 20 >= 10 else 1) * (0.030 if count == 2 else 0.035)

    machine = Machine(waves)
    machine.work(live(machine), 300)
    assert len(machine.changes) < 1.5 * 2 * (6 + 300 / LONGEST_GAP)


def test_a_neighbour_who_comes_and_goes_is_answered_within_seconds() -> None:
    machine = Machine(crowded)
    threads = live(machine)
    machine.work(threads, 20)
    assert threads.count == 2
    before = machine.used[2]
    machine.work(threads, 60)
    assert machine.used[2] - before < 0.1 * 40, "found out soon, and later tries are cut short"
    machine.work(threads, 60 + LONGEST_GAP + 1)
    assert threads.count == 2


def test_long_steps_are_judged_by_few() -> None:
    machine = Machine(lambda count, now: (17.0 if count == 2 else 1.2) if now >= 30 else (1.0 if count == 2 else 1.2))
    threads = live(machine)
    machine.work(threads, 110)
    assert threads.count == 1


def test_a_change_needs_a_clear_gain() -> None:
    machine = Machine(lambda count, now: 0.010 if count == 2 else 0.0095)
    threads = live(machine)
    machine.work(threads, 60)
    assert threads.count == 2


def test_several_numbers_are_climbed_down_one_by_one() -> None:
    machine = Machine(lambda count, now: 0.01 * (1 + abs(count - 2)))
    threads = Threads(16, (1, 2, 4, 8, 16), live=True, clock=lambda: machine.now)
    machine.work(threads, 60)
    assert threads.count == 2


def test_where_it_must_not_change_the_slow_down_is_told_and_nothing_else() -> None:
    machine, told = Machine(crowded), []
    threads = Threads(2, (1, 2), slow=told.append, clock=lambda: machine.now)
    machine.work(threads, 59)
    assert machine.changes == []
    assert len(told) == 1
    assert told[0] == pytest.approx(17, rel=0.1)


def test_recorded_changes_are_followed_and_nothing_is_tried_before_the_last() -> None:
    machine = Machine(crowded)
    threads = live(machine)
    machine.work(threads, 40)
    recorded = list(machine.changes)
    assert recorded
    again = Machine(lambda count, now: 0.001)
    last = recorded[-1][0]
    follower = live(again, recorded=recorded)
    again.work(follower, 0.001 * (last - 0.5))
    assert again.changes == recorded
    assert follower.count == recorded[-1][1]


def test_a_closed_number_follows_records_only() -> None:
    machine = Machine(crowded)
    threads = live(machine, recorded=[(7, 1), (9, 2)], closed=True)
    machine.work(threads, 60)
    assert machine.changes == [(7, 1), (9, 2)]


def test_with_one_core_nothing_is_tried() -> None:
    machine = Machine(lambda count, now: 0.01 if now < 10 else 0.2)
    told: list[float] = []
    threads = Threads(1, (1,), live=True, slow=told.append, clock=lambda: machine.now)
    machine.work(threads, 60)
    assert (machine.changes, told) == ([], [])


def test_the_number_computes_and_the_one_of_before_comes_back() -> None:
    with computing(2):
        assert torch.get_num_threads() == 2
        Threads(1)
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() != 2
    with pytest.raises(KeyError), computing(2):
        raise KeyError
    assert torch.get_num_threads() != 2


def test_numbers_worth_trying() -> None:
    assert [counts(most) for most in (1, 2, 6, 8)] == [(1,), (1, 2), (1, 2, 4, 6), (1, 2, 4, 8)]


def test_cores_are_shared_by_the_processes_of_a_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert cores() == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert cores() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1


def test_answers_are_computed_as_in_training_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepwright.training.threads.cores", lambda: 4)
    assert [as_trained(trained, wanted) for trained, wanted in ((2, None), (2, "auto"), (2, 3), (8, None), (None, None))] == [
        2, 2, 3, 4, None,
    ]  # fmt: skip
