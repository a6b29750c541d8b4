"""What a journal says about how a run went."""

import pytest

from deepwright.core.sealed import canonical_hash
from deepwright.training.pace import Segment
from deepwright.training.recorded import Recorded, told

CHOICES = {"threads": 1, "precision": "float32", "epochs": 3.0, "validations": 4, "reserve": 0.3}
PLANNED = {"event": "planned", "step": 0, "total": 30, "seconds": 1.0, "step_seconds": 0.1, "choices": CHOICES}
STOPPED = {"event": "stopped", "step": 30, "total": 30, "seconds": 9.0, "reason": "budget"}


def rethreaded(step: int, threads: int) -> dict:
    return {"event": "rethreaded", "step": step, "threads": threads, "seconds": 2.0}


def test_the_course_of_a_run() -> None:
    replanned = {"event": "replanned", "step": 10, "fraction": 0.3, "total": 40, "seconds": 3.0}
    events = [PLANNED, replanned, rethreaded(10, 2), rethreaded(12, 1), {**STOPPED, "step": 35, "reason": "deadline"}]
    found = Recorded.of(events)
    assert found is not None
    assert (found.segments, found.changes) == ((Segment(10, 0.3, 40),), ((10, 2), (12, 1)))
    assert found.ends == (35, "deadline")


@pytest.mark.parametrize("reason", ["budget", "early stopping", "diverged"])
def test_what_training_itself_decides_is_decided_again(reason: str) -> None:
    found = Recorded.of([PLANNED, {**STOPPED, "reason": reason}])
    assert found is not None
    assert found.ends is None


def test_a_course_without_plan_or_end_is_none_and_a_plan_that_is_not_whole_is_wrong() -> None:
    assert Recorded.of([PLANNED]) is None
    assert Recorded.of([STOPPED]) is None
    with pytest.raises(ValueError, match="plan is not whole"):
        Recorded.of([{**PLANNED, "choices": {"threads": 1}}, STOPPED])


def test_clock_and_lives_leave_no_trace() -> None:
    step = {"event": "stepped", "step": 5, "total": 30, "seconds": 2.0, "eta_seconds": 7.0, "loss": 0.5, "logs": {}}
    resumed = {"event": "resumed", "step": 5, "total": 30, "seconds": 3.0, "broken": []}
    saved = {"event": "saved", "step": 5, "seconds": 2.5, "took": 0.1}
    one = [PLANNED, step, STOPPED, {"event": "kept", "step": 30, "seconds": 9.5}]
    other = [
        {**PLANNED, "seconds": 8.0, "choices": {**CHOICES, "reserve": 0.9}},
        {**step, "seconds": 4.0},
        saved,
        resumed,
        STOPPED,
    ]
    assert told(one) == told(other)
    assert told(one) != told([PLANNED, {**step, "loss": 0.5000001}, STOPPED])


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ([(5, 2)], [(5, 1), (5, 2)]),
        ([], [(5, 2), (5, 1)]),
        ([], [(5, 1)]),
        ([(5, 2), (9, 1)], [(5, 2), (7, 2), (9, 1)]),
    ],
)
def test_of_changes_of_threads_only_those_count_that_change_something(changes: list, same: list) -> None:
    one, other = ([PLANNED, *(rethreaded(*change) for change in each), STOPPED] for each in (changes, same))
    assert told(one) == told(other)


def test_a_hash_does_not_depend_on_the_order_of_keys() -> None:
    assert (
        canonical_hash({"a": 1, "b": [0.1]})
        == canonical_hash({"b": [0.1], "a": 1})
        != canonical_hash({"a": 1, "b": [0.2]})
    )
