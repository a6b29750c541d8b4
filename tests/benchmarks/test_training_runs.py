"""Watched trainings: steps are timed without what lies between them; late budgets are counted and drawn."""

import subprocess
import sys

import pytest
from benchmarks.budget import allowed, histogram
from benchmarks.training_runs import Neighbour, Trained, step_seconds


def stepped(step, seconds):
    return {"event": "stepped", "step": step, "seconds": seconds}


def test_validations_and_checkpoints_do_not_count_as_steps():
    events = [stepped(10, 1.0), stepped(20, 2.0), {"event": "validated"}, stepped(30, 9.0), stepped(40, 10.0),
              {"event": "saved"}, stepped(50, 30.0)]  # fmt: skip
    assert step_seconds(events) == pytest.approx(0.1)
    assert step_seconds([stepped(10, 1.0)]) != step_seconds([stepped(10, 1.0)]), "not a number: nothing is known"


def test_numbers_of_threads_in_the_order_of_use():
    changes = [{"event": "rethreaded", "threads": count} for count in (1, 1, 2)]
    assert Trained([{"event": "started", "choices": {"threads": 2}}, *changes], 1.0).threads == "2 1 2"


def test_a_histogram_has_a_bar_a_bin():
    assert [line.split("s")[-1].strip() for line in histogram([-0.2, 0.1, 0.3, 1.2])] == ["█ 1", "██ 2", "", "█ 1"]
    assert (allowed(10.0), allowed(60.0)) == (2.0, 3.0)


def test_a_neighbour_ends_with_its_block_and_by_itself():
    with Neighbour(1, 60.0) as neighbour:
        (process,) = neighbour._running
        assert process.poll() is None
    assert process.poll() is not None
    with Neighbour(1, 0.05) as neighbour:
        assert neighbour._running[0].wait(30) == 0


def test_the_benchmarks_say_what_they_take():
    for name in ("neighbour", "budget"):
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", "--help"], capture_output=True, text=True)
        assert "--smoke" in done.stdout
