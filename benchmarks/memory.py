"""The memory that training on a large CSV takes: 1,000,000 rows, 40 columns.

    python -m benchmarks.memory [--smoke] [--rows 1000000] [--steps 100] [--source csv|parquet|words|pictures] [--memory 1GB]

`words`: 20 of the 40 columns hold 5,000 different words each. `pictures`: a folder of `--rows` pictures (PNG, 48 × 48).

Peak of the training process, reading included, above what a process has right after `import torch`. To reach: at most
twice the packed size + 300 MB. The baselines run in a child and are shown on a line of their own.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.harness import PeerError, limited, options, print_machine, print_table
from benchmarks.memory_sources import write_csv, write_parquet, write_pictures, write_words
from deepwright.core.size import Size

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


SOURCES = {"csv": write_csv, "parquet": write_parquet, "words": write_words, "pictures": write_pictures}


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


def given_size(text: str | None) -> float | None:
    """MB of a limit."""
    return None if text is None else Size.parse(text).bytes / MB


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--source", choices=SOURCES, default="csv")
    parser.add_argument("--memory", help="a limit to be kept to, such as 1GB")
    given = parser.parse_args()
    rows, steps = (10_000, 20) if given.smoke else (given.rows, given.steps)
    rows = min(rows, 1000) if given.smoke and given.source == "pictures" else rows
    table = SOURCES[given.source](rows)
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).parent / "deepwright"), "train", str(table), "--budget", f"{steps}steps",
                   "--target", "label" if given.source == "pictures" else "target",
                   *(["--memory", given.memory] if given.memory else [])]  # fmt: skip
        try:
            start = said(AFTER_TORCH)
            peak, children, taken = watch(command, given.threads, Path(folder))
            (recipe,) = Path(folder).glob("runs/*/recipe.yaml")
            packed = said(PACKED, recipe.parent)
        except PeerError as error:
            print(error, file=sys.stderr)
            return 1
    print_machine()
    files = [table] if table.is_file() else [path for path in table.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / MB
    print(f"{rows:,} rows of {given.source}, {size:.0f} MB; {steps} steps of training, {taken:.0f} s in all")
    print_table([
        {"what": "after import torch", "MB": start / MB},
        {"what": "packed data", "MB": packed / MB},
        {"what": "peak of the training process", "MB": peak / MB, "to reach": given_size(given.memory)},
        {"what": "peak above import torch", "MB": (peak - start) / MB, "to reach": 2 * packed / MB + ALLOWED},
        {"what": "peak of the children (baselines)", "MB": children / MB},
    ])  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
