"""Jobs: processes that die are told of and replaced, and none outlives the one that decides."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from deepwright.core.errors import RunError
from deepwright.verbs.jobs.jobs import Jobs

pytestmark = pytest.mark.slow
WORKER = "deepwright.verbs.tune.worker"


def test_a_process_that_dies_is_replaced(tmp_path: Path) -> None:
    with Jobs(WORKER, 1, 1, tmp_path / "jobs.log") as jobs:
        jobs.send(0, do="train", folder=str(tmp_path / "no"), base=str(tmp_path / "no"), seconds=1.0)
        told = jobs.next(120.0)
        assert told is not None
        assert told[1]["told"] == "failed"
        assert "There is no run" in told[1]["reason"]
        first = jobs._jobs[0].process.pid
        os.kill(first, signal.SIGKILL)
        gone = jobs.next(60.0)
        assert gone == (
            0,
            {
                "told": "gone",
                "reason": "Its process was killed (signal 9); often the memory was not enough. Try fewer --jobs.",
            },
        )
        second = jobs._jobs[0].process.pid
        assert second != first
        jobs.send(0, do="train", folder=str(tmp_path / "no"), base=str(tmp_path / "no"), seconds=1.0)
        again = jobs.next(120.0)
        assert again is not None
        assert again[1]["told"] == "failed"
    assert not psutil.pid_exists(second)


def test_processes_that_never_start_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))  # no Python starts here
    with Jobs(WORKER, 1, 1, tmp_path / "jobs.log") as jobs:
        words = iter(lambda: jobs.next(60.0), None)
        with pytest.raises(RunError, match=r"do not start: .*jobs\.log"):
            list(words)
    assert (tmp_path / "jobs.log").read_text(encoding="utf-8")
