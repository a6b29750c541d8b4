"""What safety costs: the wait from `deepwright resume` to the first new step, and the share of a training that checkpoints take.

    python -m benchmarks.resume [--smoke] [--rounds 5] [--seconds 120]

A training is killed (SIGKILL) after a checkpoint; copies of its run are resumed in fresh processes, in turns with one that
only imports torch. The share is that of a training with default settings. To reach: torch's import + 2 s; at most 2 %.
--smoke uses a small table, otherwise Fashion-MNIST.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gallery.demo import write_table
from gallery.fetch import cached

from benchmarks.harness import PeerError, deepwright, limited, options, print_machine, print_table
from benchmarks.startup import COMMAND, seconds

PATIENCE = 600.0


def events(folder: Path) -> list[dict[str, Any]]:
    """The events of a run so far."""
    path = folder / "events.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def until(words: list[str], threads: int, work: Path, reached: Callable[[], bool]) -> float:
    """Start a command, kill it once something is reached; the seconds that took.

    Raises:
        PeerError: it ended before, or took too long.
    """
    began = time.perf_counter()
    with open(work / "err", "w+", encoding="utf-8") as err:
        child = subprocess.Popen(
            [COMMAND, *words], stdout=subprocess.DEVNULL, stderr=err, env=limited(threads), cwd=work
        )
        try:
            while not reached():
                if child.poll() is not None or time.perf_counter() - began > PATIENCE:
                    err.seek(0)
                    raise PeerError(f"deepwright {words[0]} did not come far enough: {err.read()[-300:]}")
                time.sleep(0.002)
            return time.perf_counter() - began
        finally:
            child.kill()
            child.wait()


def told(work: Path, name: str, after: str | None = None) -> bool:
    """Whether the run tells of an event (after another one)."""
    for folder in work.glob("runs/*"):
        names = [event["event"] for event in events(folder)]
        if after is None or after in names:
            return name in names[0 if after is None else names.index(after) :]
    return False


def waits(source: Path, words: list[str], threads: int, rounds: int, work: Path) -> dict[str, float]:
    """Medians: torch's import, and `resume` up to the first new step."""
    first = work / "first"
    first.mkdir()
    settings = ["--set", "train.checkpoint_seconds=0.5", "--set", "train.early_stopping=null", "--budget", "200steps"]
    until(["train", str(source), *words, *settings, "--quiet"], threads, first, lambda: told(first, "saved"))
    (run,) = first.glob("runs/*")
    taken: dict[str, list[float]] = {"import torch": [], "resume to the first new step": []}
    for number in range(rounds + 1):  # the first round only warms the disk cache
        here = work / f"round-{number}"
        shutil.copytree(first, here)
        resuming = ["resume", f"runs/{run.name}", "--quiet"]
        values = (
            seconds([sys.executable, "-c", "import torch"], threads, work),
            until(resuming, threads, here, lambda here=here: told(here, "stepped", "resumed")),
        )
        for times, value in zip(taken.values(), values, strict=True):
            times.append(value)
        shutil.rmtree(here)
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def share(source: Path, words: list[str], budget: str, threads: int, work: Path) -> dict[str, Any]:
    """What checkpoints take of a training with default settings."""
    deepwright("train", source, *words, "--budget", budget, "--quiet", threads=threads, cwd=work)
    (run,) = work.glob("runs/*")
    found = events(run)
    saved = [event["took"] for event in found if event["event"] == "saved"]
    stopped = next(event for event in found if event["event"] == "stopped")
    began = next(event for event in found if event["event"] == "started")
    size = max(path.stat().st_size for path in run.glob("checkpoints/*")) / 2**20
    whole = stopped["seconds"] - began["seconds"]
    return {"checkpoints": len(saved), "MiB each": size, "seconds each": statistics.mean(saved), "training": whole,
            "share %": 100 * sum(saved) / whole, "to reach": 2.0}  # fmt: skip


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=120.0, help="of the training whose checkpoints are counted")
    given = parser.parse_args()
    pictures = cached("fashion-mnist")
    if pictures is None and not given.smoke:
        print("Fashion-MNIST is not here. Fetch it with: python gallery/fetch.py fashion-mnist", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        table = work / "tumours.csv"
        write_table(table)
        tumours = (table, ["--target", "diagnosis"])
        source, words = tumours if given.smoke or pictures is None else (pictures, ["--target", "label"])
        try:
            taken = waits(source, words, given.threads, 1 if given.smoke else given.rounds, work)
            shares = {}
            for name, data, asked in (("table", *tumours), ("pictures", source, words)):
                if name == "table" or not given.smoke:
                    place = work / name
                    place.mkdir()
                    budget = "40steps" if given.smoke else f"{given.seconds:g}s"
                    shares[name] = share(data, asked, budget, given.threads, place)
        except PeerError as error:
            print(error, file=sys.stderr)
            return 1
    print_machine()
    reach = {"resume to the first new step": taken["import torch"] + 2.0}
    print_table([{"what": name, "seconds": value, "to reach": reach.get(name)} for name, value in taken.items()])
    print()
    print_table([{"training on": name, **row} for name, row in shares.items()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
