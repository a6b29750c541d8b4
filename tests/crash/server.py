"""The fork server: imports everything once, with one thread, and forks a child for each command.

Started as a process of its own (`python -m tests.crash.server`), since a process that has threads cannot be forked safely.
It reads requests from standard input and answers on standard output, a JSON object a line. `Server` is its client.
"""

import dataclasses
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.crash.disk import Plan
from tests.crash.phases import Marks

__all__ = ["Harm", "Lived", "Server"]

HANGS = 1800.0  # seconds after which a child is given up; a busy machine may stop it for a while
GLANCE = 0.0005  # seconds between two looks at a child that is to be stopped in a phase
ROOT = Path(__file__).resolve().parents[2]
QUIET = {  # no library starts threads of its own accord
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1",
    "_RJEM_MALLOC_CONF": "background_thread:false",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Harm:
    """Signals that a child gets.

    Args:
        after: seconds, from the start, or from the moment in which a phase is entered.
        phase: its name; entry: the how many-th time counts.
        signals: one after the other, `apart` seconds between them.
    """

    after: float
    phase: str | None = None
    entry: int = 1
    signals: Sequence[int] = (signal.SIGKILL,)
    apart: float = 0.0


@dataclasses.dataclass(frozen=True)
class Lived:
    """A child's end.

    Args:
        code: its exit code, negative the signal that ended it. cpu: seconds it computed.
        phase: in which it was when it was harmed, "" where it was not.
        phases: how often each was entered, and its seconds.
    """

    code: int
    seconds: float
    cpu: float
    out: str
    err: str
    phase: str
    phases: Mapping[str, tuple[int, float]]

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Server:
    """Runs commands in forked children. Use as a context."""

    cpu = 0.0  # seconds that all children computed

    def __enter__(self) -> Self:
        environment = {**os.environ, **QUIET, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
        command = [sys.executable, "-W", "ignore", "-m", "tests.crash.server"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def run(
        self, words: list[str], folder: Path, harm: Harm | None = None, plan: Plan | None = None,
        largest: int | None = None, situation: str = "", checkpoints: bool = True,
    ) -> Lived:  # fmt: skip
        """One command, `deepwright WORDS` in a folder.

        Args:
            harm: signals it gets. plan: what happens to the disk. largest: bytes a file may have.
            situation: the name of one that is brought about. checkpoints: after every step.
        """
        request = {
            "words": words, "folder": str(folder), "harm": harm and dataclasses.asdict(harm),
            "plan": plan and dataclasses.asdict(plan), "largest": largest, "situation": situation,
            "checkpoints": checkpoints,
        }  # fmt: skip
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the fork server ended")
        lived = Lived(**json.loads(answer))
        self.cpu += lived.cpu
        return lived


def main() -> None:
    from tests.crash.child import live

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed here must not look like an answer
    known, marks = set(sys.modules), Marks()
    for line in sys.stdin:
        assert threading.active_count() == 1, "a thread would not survive the fork"
        request = json.loads(line)
        gc.freeze()  # a collection in a child would touch, and so copy, every page
        print(json.dumps(_lived(live, request, known, marks)), file=answers, flush=True)


def _lived(live: Callable[..., None], request: dict[str, Any], known: set[str], marks: Marks) -> dict[str, Any]:
    folder = Path(request["folder"])
    marks.clear()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        live(request, folder, marks)  # does not come back
    code, cpu, phase = _watched(pid, request["harm"] and Harm(**request["harm"]), marks)
    seconds = time.monotonic() - began
    for name in (folder / "modules").read_text().split() if (folder / "modules").exists() else ():
        if name not in known:  # the next child finds it loaded
            known.add(name)
            __import__(name)
    texts = {name: (folder / name).read_text(errors="replace") for name in ("out", "err")}
    return {"code": code, "seconds": seconds, "cpu": cpu, **texts, "phase": phase, "phases": marks.all()}


def _watched(pid: int, harm: Harm | None, marks: Marks) -> tuple[int, float, str]:
    """Harm a child when its time has come, and wait for its end: its code, the seconds it computed, where it was harmed."""
    phase, left = "", list(harm.signals) if harm else []
    now = time.monotonic()
    given_up = now + HANGS
    due = None if harm is None or harm.phase is not None else now + harm.after
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return code, used.ru_utime + used.ru_stime, phase or (marks.phase if code < 0 else "")
        now = time.monotonic()
        if harm and left and due is None and harm.phase and marks.entered(harm.phase) >= harm.entry:
            due = now + harm.after
        if harm and left and due is not None and now >= due:
            phase = phase or marks.phase
            os.kill(pid, left.pop(0))
            due = now + harm.apart
        elif now >= given_up:
            os.kill(pid, signal.SIGKILL)
        else:
            near = due is None and left
            time.sleep(GLANCE if near else min(0.002, max(0.0, (due or now + 1) - now) if left else 0.002))


if __name__ == "__main__":
    main()
