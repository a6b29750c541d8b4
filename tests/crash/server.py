"""The fork server: imports everything once, with one thread, and forks a child for each command.

Started as a process of its own (`python -m tests.crash.server`), since a process that has threads cannot be forked safely.
It reads requests from standard input and answers on standard output, a JSON object a line. `Server` is its client.
"""

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.crash.disk import Plan, watch

__all__ = ["Lived", "Server"]

Run = Callable[[list[str]], None]
HANGS = 300.0  # seconds after which a child is given up
ROOT = Path(__file__).resolve().parents[2]
QUIET = {  # no library starts threads of its own accord
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1",
    "_RJEM_MALLOC_CONF": "background_thread:false",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Lived:
    """A child's end: `code` is its exit code, negative the signal that ended it."""

    code: int
    seconds: float
    out: str
    err: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Server:
    """Runs commands in forked children. Use as a context."""

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

    def run(self, words: list[str], folder: Path, kill_after: float | None = None, plan: Plan | None = None,
            largest: int | None = None) -> Lived:  # fmt: skip
        """One command, `deepwright WORDS` in a folder.

        Args:
            kill_after: seconds until SIGKILL. plan: what happens to the disk. largest: bytes a file may have.
        """
        disk = None if plan is None else dataclasses.asdict(plan)
        request = {"words": words, "folder": str(folder), "kill_after": kill_after, "plan": disk, "largest": largest}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the fork server ended")
        return Lived(**json.loads(answer))


def main() -> None:
    from deepwright.cli.main import run
    from deepwright.verbs import baselines, complete, kinds, train  # noqa: F401  what children need

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed here must not look like an answer
    known = set(sys.modules)
    for line in sys.stdin:
        assert threading.active_count() == 1, "a thread would not survive the fork"
        request = json.loads(line)
        print(json.dumps(_lived(run, request, known)), file=answers, flush=True)


def _lived(run: Run, request: dict[str, Any], known: set[str]) -> dict[str, Any]:
    folder = Path(request["folder"])
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _child(run, request, folder)
    deadline = began + (HANGS if request["kill_after"] is None else request["kill_after"])
    status = None
    while status is None:
        done, found = os.waitpid(pid, os.WNOHANG)
        if done:
            status = found
        elif time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
        else:
            time.sleep(min(0.002, max(0.0, deadline - time.monotonic())))
    seconds = time.monotonic() - began
    for name in (folder / "modules").read_text().split() if (folder / "modules").exists() else ():
        if name not in known:  # the next child finds it loaded
            known.add(name)
            __import__(name)
    texts = {name: (folder / name).read_text(errors="replace") for name in ("out", "err")}
    return {"code": os.waitstatus_to_exitcode(status), "seconds": seconds, **texts}


def _child(run: Run, request: dict[str, Any], folder: Path) -> None:
    """Never returns."""
    code = 99
    try:
        os.chdir(folder)
        for handle, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), handle)
        os.environ["TMPDIR"] = str(folder)
        _hasten()
        if request["largest"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest"], request["largest"]))
        if request["plan"] is not None:
            watch(Plan(**request["plan"]))
        try:
            run(request["words"])
        except SystemExit as stop:
            code = int(stop.code or 0)
        if code == 0:
            ours = [
                name for name in sys.modules if name.split(".")[0] in ("deepwright", "torch", "rich", "PIL", "yaml")
            ]
            (folder / "modules").write_text("\n".join(ours))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _hasten() -> None:
    """A checkpoint after every step; no baselines, which learn for seconds in a process of their own."""
    from deepwright.training import loop
    from deepwright.verbs import baselines

    loop.SAVE_SHARE = 0
    baselines._run = lambda place, seconds: {}


if __name__ == "__main__":
    main()
