"""Jobs: the processes that train, seen from the one that decides. Lines of JSON both ways; never an object."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from deepwright.core.errors import RunError

__all__ = ["Jobs", "Told"]

PATIENCE = 3.0  # seconds for a process to end by itself
DEATHS = 2  # of processes before their first word after which it is given up
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")

Told = dict[str, Any]


class _Job:
    """One process."""

    def __init__(
        self, module: str, place: int, life: int, threads: int, log: Path, inbox: "queue.Queue[tuple[int, int, Told]]"
    ):
        self.place, self.life, self.ready = place, life, False
        environment = {**os.environ, **dict.fromkeys(_THREADS, str(threads)), "PYTHONUTF8": "1"}
        own_group: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )  # Ctrl-C reaches the one that decides, not the ones that train
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, text=True, encoding="utf-8", env=environment, **own_group,
            )  # fmt: skip
        self._inbox = inbox
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._inbox.put((self.place, self.life, json.loads(line)))
        self._inbox.put((self.place, self.life, {"told": "gone"}))

    def send(self, order: Told) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # it is gone; its reader says so
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()

    def close(self, patience: float) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stdout.close()


class Jobs:
    """So many processes, numbered from 0; one that dies is replaced. Use as a context.

    Args:
        module: what they run, one that calls `serve`. threads: of each process. log: the file that gets what they print.
    """

    def __init__(self, module: str, count: int, threads: int, log: Path):
        self._module, self._threads, self._log = module, threads, log
        self._inbox: queue.Queue[tuple[int, int, Told]] = queue.Queue()
        self._deaths = 0
        self._jobs = [self._start(place, 0) for place in range(count)]

    def __enter__(self) -> "Jobs":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._jobs)

    def _start(self, place: int, life: int) -> _Job:
        return _Job(self._module, place, life, self._threads, self._log, self._inbox)

    def settle(self, seconds: float) -> None:
        """Wait until all of them have begun, so long at most; before any order.

        Raises:
            RunError: they die before they say a word.
        """
        until = time.monotonic() + seconds
        while not all(job.ready for job in self._jobs) and time.monotonic() < until:
            self.next(0.05)

    def send(self, place: int, **order: Any) -> None:
        self._jobs[place].send(order)

    def next(self, seconds: float) -> tuple[int, Told] | None:
        """The next word of any of them, with its place; None after so many seconds without one.

        "gone" with a "reason": the process has died; another one is in its place already.

        Raises:
            RunError: they die before they say a word.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 or seconds == 0:
            try:
                place, life, told = self._inbox.get(timeout=max(left, 0.001))
            except queue.Empty:
                return None
            job = self._jobs[place]
            if life != job.life:
                continue  # the last words of one that was replaced
            if told["told"] == "ready":
                job.ready = True
                continue
            if told["told"] == "gone":
                return place, {"told": "gone", "reason": self._replaced(job)}
            return place, told
        return None

    def _replaced(self, job: _Job) -> str:
        job.close(PATIENCE)
        reason = _death(job.process.returncode)
        self._deaths = 0 if job.ready else self._deaths + 1
        if self._deaths > DEATHS:
            raise RunError(f"The processes that train do not start: {reason} Their last words are in {self._log}.")
        self._jobs[job.place] = self._start(job.place, job.life + 1)
        return reason

    def kill(self, place: int) -> None:
        """End a process that does not listen, and put another one in its place."""
        job = self._jobs[place]
        job.process.kill()
        job.close(PATIENCE)
        self._jobs[place] = self._start(place, job.life + 1)

    def close(self) -> None:
        """End all of them."""
        for job in self._jobs:
            assert job.process.stdin is not None
            with contextlib.suppress(OSError):
                job.process.stdin.close()
        for job in self._jobs:
            job.close(PATIENCE)


def _death(code: int) -> str:
    if code in (-9, 137):
        return "Its process was killed (signal 9); often the memory was not enough. Try fewer --jobs."
    if code < 0:
        return f"Its process was ended by signal {-code}."
    return f"Its process ended with exit code {code}."
