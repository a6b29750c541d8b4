"""The memory that training on a large CSV takes: 1,000,000 rows, 40 columns.

    python -m benchmarks.memory [--smoke] [--rows 1000000] [--seconds 60]

Peak of the training process, reading included, above what a process has right after `import torch`. To reach: at most
twice the packed size + 300 MB. The baselines run in a child and are shown on a line of their own.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from benchmarks.harness import CACHE, PeerError, limited, options, print_machine, print_table

MB = 1e6
ALLOWED = 300.0  # MB beside twice the packed data
AFTER_TORCH = "import torch, psutil; print(psutil.Process().memory_info().rss)"
PACKED = """
import sys
from pathlib import Path
from deepwright.run import Run
run = Run.load(Path(sys.argv[1]))
print(run.pack(run.training_data().table).bytes)
"""


def write_csv(rows: int) -> Path:
    """A table of 40 columns: 30 numbers (some with gaps), 8 categories, a date, and a target that follows from them."""
    path = CACHE / "memory" / f"rows-{rows}.csv"
    if path.exists():
        return path
    chance = np.random.default_rng(0)
    numbers = chance.normal(size=(rows, 30)).round(4)
    words = [f"kind {letter}" for letter in "abcdefghijkl"]
    groups = chance.integers(0, len(words), (rows, 8))
    target = numbers[:, :5].sum(1) + np.sin(numbers[:, 5]) + 0.3 * groups[:, 0] + 0.1 * chance.normal(size=rows)
    frame = pl.DataFrame({f"number_{place}": numbers[:, place] for place in range(30)})
    gaps = pl.Series(chance.random(rows) < 0.05)
    frame = frame.with_columns(
        pl.when(gaps).then(None).otherwise(pl.col(f"number_{k}")).alias(f"number_{k}") for k in (3, 9)
    )
    names = pl.Series(words)
    frame = frame.with_columns(
        *(names.gather(groups[:, place]).alias(f"group_{place}") for place in range(8)),
        pl.Series("day", np.datetime64("2015-01-01") + chance.integers(0, 3650, rows)),
        pl.Series("target", target.round(4)),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    frame.write_csv(part)
    part.replace(path)
    return path


def resident(process: psutil.Process) -> int:
    """Resident bytes; 0 when the process has ended."""
    try:
        return process.memory_info().rss
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


def high_water(pid: int) -> int:
    """The kernel's own record of the peak (Linux), which no sampling can miss; 0 elsewhere."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def watch(command: list[str], threads: int, cwd: Path) -> tuple[int, int, float]:
    """Run a command; the peak bytes of its process, of its children together, and its seconds.

    Raises:
        PeerError: it failed.
    """
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as words:
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=words, env=limited(threads), cwd=cwd)
        process, peak, children = psutil.Process(running.pid), 0, 0
        while running.poll() is None:
            peak = max(peak, resident(process), high_water(running.pid))
            children = max(children, sum(resident(child) for child in _children(process)))
            time.sleep(0.05)
        words.seek(0)
        if running.returncode:
            raise PeerError(f"{' '.join(command[:2])}: {words.read().strip()[-400:]}")
    return peak, children, time.perf_counter() - began


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def said(code: str, *arguments: object) -> int:
    """The integer that a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise PeerError(done.stderr.strip()[-400:])
    return int(done.stdout.split()[-1])


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    rows, seconds = (10_000, 4.0) if given.smoke else (given.rows, given.seconds)
    table = write_csv(rows)
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).parent / "deepwright"), "train", str(table), "--target", "target",
                   "--budget", f"{seconds:g}s"]  # fmt: skip
        try:
            start = said(AFTER_TORCH)
            peak, children, taken = watch(command, given.threads, Path(folder))
            (recipe,) = Path(folder).glob("runs/*/recipe.yaml")
            packed = said(PACKED, recipe.parent)
        except PeerError as error:
            print(error, file=sys.stderr)
            return 1
    print_machine()
    print(
        f"{rows:,} rows, 40 columns, {table.stat().st_size / MB:.0f} MB of CSV; {seconds:g} s of training, {taken:.0f} s in all"
    )
    print_table([
        {"what": "after import torch", "MB": start / MB},
        {"what": "packed data", "MB": packed / MB},
        {"what": "peak of the training process", "MB": peak / MB},
        {"what": "peak above import torch", "MB": (peak - start) / MB, "to reach": 2 * packed / MB + ALLOWED},
        {"what": "peak of the children (baselines)", "MB": children / MB},
    ])  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
