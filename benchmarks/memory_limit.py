"""Whether `--memory` is kept to: many sources under several limits, each training in a process of its own.

    python -m benchmarks.memory_limit [--smoke] [--cases csv parquet …] [--limits 500MB 1GB]

The peak is the kernel's own record (VmHWM), so this needs Linux. To reach: every peak within its limit, also that of a
training that is refused; where one is accepted, what was expected is within 25 % of the peak.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.harness import limited, options, print_machine, print_table
from benchmarks.memory import MB, high_water
from benchmarks.memory_sources import (
    write_arrow,
    write_csv,
    write_jsonl,
    write_many,
    write_parquet,
    write_pictures,
    write_sentences,
    write_wide,
)
from deepwright.core.size import Size

NEAR = 0.25  # of the peak that the estimate may be off
COMMAND = str(Path(sys.executable).parent / "deepwright")
ROWS = ("--task", "generate", "--ignore", "day")


@dataclass(frozen=True)
class Case:
    """A training.

    Args:
        make: writes the data of so many rows. rows, few: in earnest, and to show that it runs.
        flags: of `train`. resumed: it is killed after a while without a limit, and goes on with one.
    """

    make: Callable[[int], Path]
    rows: int
    few: int
    flags: tuple[str, ...] = ("--target", "target")
    limits: tuple[str, ...] = ("680MB", "750MB", "900MB", "1200MB")
    resumed: bool = False
    steps: int = 100


CASES = {
    "csv": Case(write_csv, 300_000, 3000),
    "parquet": Case(write_parquet, 300_000, 3000),
    "arrow": Case(write_arrow, 300_000, 3000),
    "jsonl": Case(write_jsonl, 100_000, 3000),
    "many words": Case(write_many, 300_000, 3000),
    "wide": Case(write_wide, 3000, 300),
    "sentences": Case(write_sentences, 100_000, 3000),
    "gan rows": Case(write_csv, 100_000, 3000, (*ROWS, "--model", "gan")),
    "flow rows": Case(write_csv, 100_000, 3000, (*ROWS, "--model", "flow")),
    "pictures": Case(lambda count: write_pictures(count, 128), 2000, 100, ("--target", "label"), steps=20),
    "resumed": Case(write_csv, 300_000, 3000, resumed=True),
}


@dataclass(frozen=True)
class Went:
    """How a training went.

    Args:
        code: of its end. peak: bytes. printed, said: its standard output and error.
    """

    code: int
    peak: int
    printed: str
    said: str
    seconds: float


def run(arguments: Sequence[str], cwd: Path, threads: int, until: Callable[[], bool] = lambda: False) -> Went:
    """Run a command of deepwright; it is killed once `until` says so."""
    began, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen([COMMAND, *arguments], stdout=out, stderr=err, env=limited(threads), cwd=cwd)
        while child.poll() is None:
            peak = max(peak, high_water(child.pid))
            if until():
                os.kill(child.pid, signal.SIGKILL)
                child.wait()
                break
            time.sleep(0.02)
        out.seek(0)
        err.seek(0)
        return Went(child.returncode, peak, out.read(), err.read(), time.perf_counter() - began)


def train(case: Case, rows: int, limit: str, threads: int) -> Went:
    """The training of a case under a limit."""
    path = case.make(rows)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        command = ["train", str(path), *case.flags, "--json", "--budget", f"{case.steps}steps"]
        if not case.resumed:
            return run([*command, "--memory", limit], place, threads)
        begun = run([*command, "--set", "train.checkpoint_seconds=0.001"], place, threads, lambda: _saved(place))
        if begun.code >= 0:
            return begun
        return run(["resume", str(next(place.glob("runs/*"))), "--json", "--memory", limit], place, threads)


def _saved(place: Path) -> bool:
    return any(place.glob("runs/*/checkpoints/*.safetensors"))


def told(went: Went, limit: str) -> dict[str, Any]:
    """What the table shows of it."""
    row: dict[str, Any] = {"limit": Size.parse(limit).bytes / MB}
    if went.code == 0:
        memory = json.loads(went.printed)["memory"]
        row |= {"went": "accepted", "expected": memory["estimated"] / MB, "peak": went.peak / MB}
    else:
        refused = went.code == 2 and "--memory" in went.said
        row |= {"went": "refused" if refused else f"FAILED ({went.code})", "expected": _estimate(went.said), "peak": went.peak / MB}  # fmt: skip
    kept = went.peak <= Size.parse(limit).bytes
    row["kept"] = "yes" if kept else "NO"
    near = went.code != 0 or abs(row["expected"] / row["peak"] - 1) <= NEAR
    return {**row, "near": "yes" if near else "NO", "s": round(went.seconds)}


def _estimate(said: str) -> float | None:
    """MB that a refusal names."""
    found = re.search(r"about ([\d.,]+) (GB|MB)", said)
    return None if found is None else float(found[1].replace(",", "")) * (1000 if found[2] == "GB" else 1)


def main() -> int:
    parser = options(__doc__ or "", threads=1)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--limits", nargs="+")
    parser.add_argument("--rows", type=int, help="instead of each case's own")
    parser.add_argument("--steps", type=int, help="instead of each case's own")
    parser.add_argument("--verbose", action="store_true", help="what refused trainings say")
    given = parser.parse_args()
    print_machine()
    cases = ["csv"] if given.smoke else given.cases
    rows = []
    for name in cases:
        case = CASES[name]
        for limit in given.limits or (("700MB", "900MB") if given.smoke else case.limits):
            rows_ = case.few if given.smoke else given.rows or case.rows
            went = train(replace(case, steps=given.steps or case.steps), rows_, limit, given.threads)
            rows.append({"data": name, **told(went, limit)})
            if given.verbose or "FAILED" in rows[-1]["went"]:
                print(f"{name}, {limit}: {went.said.strip()[-1500:]}", file=sys.stderr, flush=True)
            print(f"{name}, {limit}: {rows[-1]}", file=sys.stderr, flush=True)
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
