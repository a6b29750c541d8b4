"""Test accuracy on Fashion-MNIST with untouched defaults after 60 s and after 5 min of wall-clock, from file to weights.

    python -m benchmarks.images [--smoke] [--budgets 60 300]

The four IDX files are given as they are; the 10,000 test pictures are used only to evaluate. To reach: 92.0 % and 94.0 % on
two cores. Beside it: published nets of two convolutions 91.6-92.5 %, ResNet-18 94.9 %, neither with a budget (the list in
the README of Fashion-MNIST, Xiao et al. 2017, arXiv 1708.07747).
"""

import gzip
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gallery.fetch import FetchError, cached, fashion_mnist

from benchmarks.harness import (
    ROOT,
    Cells,
    PeerError,
    deepwright,
    describe_machine,
    files_hash,
    options,
    print_machine,
    print_table,
)

REACH = {60.0: 0.92, 300.0: 0.94}
SMOKE = {"train": 1000, "t10k": 200}


def first_rows(source: Path, target: Path) -> Path:
    """Small copies of the four files: the first rows only."""
    for part, rows in SMOKE.items():
        for name, header, size in (("images-idx3", 16, 28 * 28), ("labels-idx1", 8, 1)):
            data = gzip.decompress((source / f"{part}-{name}-ubyte.gz").read_bytes())
            short = data[:4] + rows.to_bytes(4, "big") + data[8 : header + rows * size]
            (target / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(short, 1))
    return target


def measure(folder: Path, seconds: float, threads: int, seed: int) -> dict[str, Any]:
    """Train and evaluate by the command line; nothing is set but the budget and the seed."""
    train, test = (folder / f"{part}-images-idx3-ubyte.gz" for part in ("train", "t10k"))
    with tempfile.TemporaryDirectory() as work:
        began = time.perf_counter()
        deepwright("train", train, "--target", "label", "--test", test, "--budget", f"{seconds:g}s", "--seed", seed,
                   threads=threads, cwd=Path(work))  # fmt: skip
        taken = time.perf_counter() - began
        (recipe,) = Path(work).glob("runs/*/recipe.yaml")
        events = (recipe.parent / "events.jsonl").read_text(encoding="utf-8").splitlines()
        report = json.loads(
            deepwright("evaluate", recipe.parent, "--no-baselines", "--json", threads=threads, cwd=Path(work))
        )
    if report["split"] != "test":
        raise PeerError(f"evaluated on '{report['split']}', not on the test pictures")
    stopped = next(event for line in reversed(events) if (event := json.loads(line))["event"] == "stopped")
    accuracy = report["metrics"]["accuracy"]
    return {
        "accuracy": accuracy["value"], "low": accuracy["low"], "high": accuracy["high"], "n": report["n"],
        "steps": stopped.get("step"), "training_seconds": stopped.get("seconds"), "whole_command_seconds": taken,
    }  # fmt: skip


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--budgets", nargs="*", type=float, default=list(REACH), help="in seconds")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    given = parser.parse_args()
    if given.smoke and cached("fashion-mnist") is None:
        print("Fashion-MNIST is not here. Fetch it with: python gallery/fetch.py fashion-mnist", file=sys.stderr)
        return 2
    machine = describe_machine()
    cells, rows = Cells("images", given.fresh or given.smoke), []
    with tempfile.TemporaryDirectory() as small:
        try:
            folder = first_rows(fashion_mnist(), Path(small)) if given.smoke else fashion_mnist()
            for seconds in [4.0] if given.smoke else given.budgets:
                for seed in given.seeds:
                    key = {
                        "peer": "deepwright", "seconds": seconds, "seed": seed, "threads": given.threads,
                        "smoke": given.smoke, "source": files_hash(ROOT / "src" / "deepwright"),
                        **{part: machine[part] for part in ("processor", "cores", "torch")},
                    }  # fmt: skip
                    cell = cells.get(key, lambda f=folder, s=seconds, e=seed: measure(f, s, given.threads, e))
                    rows.append({"budget": f"{seconds:g} s", "seed": seed, "to reach": REACH.get(seconds), **cell})
                    print(f"{seconds:g} s, seed {seed}: {cell['accuracy']:.4f}", file=sys.stderr, flush=True)
        except (PeerError, FetchError) as error:
            print(error, file=sys.stderr)
            return 1
    print_machine()
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
