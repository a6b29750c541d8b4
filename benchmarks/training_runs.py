"""Trainings that are watched from outside: what other programs do meanwhile, and when the final weights were there."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import PeerError, limited

__all__ = ["Neighbour", "Trained", "step_seconds", "train"]

SPIN = """
import os, sys, time
parent, end = os.getppid(), time.monotonic() + float(sys.argv[1])
while time.monotonic() < end and os.getppid() == parent:
    sum(range(20_000))
"""
PATIENCE = 120.0  # seconds after a budget for training to end


class Neighbour:
    """Programs that keep processors busy, one each, until the block ends (or `most` seconds have passed, whatever happens)."""

    def __init__(self, processors: int, most: float):
        self._count, self._most = processors, most
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Neighbour":
        command = [sys.executable, "-c", SPIN, str(self._most)]
        self._running = [subprocess.Popen(command) for _ in range(self._count)]
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait()


class Trained:
    """A training that was watched: its events, and the seconds from the start of its process to its final weights."""

    def __init__(self, events: Sequence[Mapping[str, Any]], seconds: float):
        self.events, self.seconds = events, seconds

    @property
    def threads(self) -> str:
        """The numbers of threads in the order of use."""
        (started,) = [event for event in self.events if event["event"] == "started"][:1]
        numbers = [started["choices"]["threads"]]
        numbers += [event["threads"] for event in self.events if event["event"] == "rethreaded"]
        return " ".join(
            str(number) for place, number in enumerate(numbers) if place == 0 or numbers[place - 1] != number
        )


def train(
    words: Sequence[object], threads: int, cwd: Path, budget: float, environment: Mapping[str, str] | None = None
) -> Trained:
    """Run `deepwright train` until the final weights are written; what would follow (figures, a report) is not waited for.

    Args:
        threads: that its process may use. environment: variables beside the person's own.

    Raises:
        PeerError: it failed, or wrote no weights.
    """
    command = [
        str(Path(sys.executable).parent / "deepwright"),
        "train",
        *map(str, words),
        "--budget",
        f"{budget:g}s",
        "-o",
        "runs",
    ]
    began = time.time()
    with (cwd / "words.txt").open("w+", encoding="utf-8") as said:
        own = {**limited(threads), **(environment or {})}
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=own, cwd=cwd)
        try:
            while running.poll() is None and not _done(cwd) and time.time() - began < budget + PATIENCE:
                time.sleep(0.05)
        finally:
            running.terminate()
            running.wait()
        said.seek(0)
        words_ = said.read().strip()[-300:]
    weights = next(iter(cwd.glob("runs/*/weights.safetensors")), None)
    if weights is None:
        raise PeerError(f"no weights after {time.time() - began:.0f} s: {words_}")
    lines = (weights.parent / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return Trained([json.loads(line) for line in lines], weights.stat().st_mtime - began)


def _done(cwd: Path) -> bool:
    return any(cwd.glob("runs/*/weights.safetensors")) and any(cwd.glob("runs/*/events.jsonl"))


def step_seconds(events: Sequence[Mapping[str, Any]]) -> float:
    """Mean seconds of a step, over stretches without a validation or a checkpoint."""
    steps, seconds, last = 0, 0.0, None
    for event in events:
        if event["event"] in ("validated", "saved"):
            last = None
        elif event["event"] == "stepped":
            if last is not None:
                steps += event["step"] - last["step"]
                seconds += event["seconds"] - last["seconds"]
            last = event
    return seconds / steps if steps else float("nan")


def processors() -> int:
    """Processors this machine lets us use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
