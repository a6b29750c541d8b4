"""What a busy neighbour costs: seconds a step with the threads Deepwright chooses, beside each fixed number and PyTorch's default.

    python -m benchmarks.neighbour [--smoke] [--seconds 30] [--rounds 3]

A program that keeps every processor busy runs all the time, comes and goes in the middle, or is not there. All contestants
train the same network on the same data for the same time, in turns. PyTorch's default is all processors, with threads that
spin while they wait for each other. To reach: at most 1.3 × the best fixed number, in each situation.
"""

import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gallery.demo import write_table
from gallery.fetch import FetchError, cached, fashion_mnist

from benchmarks.harness import PeerError, options, print_machine, print_table
from benchmarks.training_runs import Neighbour, processors, step_seconds, train

REACH = 1.3
OURS, DEFAULT = "deepwright", "PyTorch's default"
SPINNING = {"GOMP_SPINCOUNT": "300000"}  # what libgomp does by itself; Deepwright leaves it alone where it is set
PLAIN = ("--set", "train.early_stopping=null", "--set", "train.longest=null")


@contextmanager
def alone(seconds: float) -> Iterator[None]:
    """Nobody else."""
    yield


@contextmanager
def beside(seconds: float) -> Iterator[None]:
    """A neighbour all the time."""
    with Neighbour(processors(), 2 * seconds + 60):
        yield


@contextmanager
def visited(seconds: float) -> Iterator[None]:
    """A neighbour in the middle third of the budget."""
    over = threading.Event()

    def visit() -> None:
        if not over.wait(seconds / 3):
            with Neighbour(processors(), seconds / 3):
                over.wait(seconds / 3)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield
    finally:
        over.set()
        visitor.join()


SITUATIONS: dict[str, Callable[[float], Any]] = {"alone": alone, "beside a neighbour": beside, "a visit": visited}


def contestants(most: int) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Flags and environment of each."""
    fixed = sorted({1, most, *(count for count in (2, 4, 8, 16, 32) if count < most)})
    made: dict[str, tuple[list[str], dict[str, str]]] = {OURS: ([], {})}
    made |= {f"{count} thread{'s' * (count > 1)}": (["--threads", str(count)], {}) for count in fixed}
    return made | {DEFAULT: (["--threads", str(most)], SPINNING)}


def workloads(folder: Path, smoke: bool) -> dict[str, list[object]]:
    """What is trained, as words of the command line."""
    table = folder / "tumours.csv"
    write_table(table)
    found: dict[str, list[object]] = {"table, mlp": [table, "--target", "diagnosis", *PLAIN]}
    if not smoke:
        pictures = (cached("fashion-mnist") or fashion_mnist()) / "train-images-idx3-ubyte.gz"
        found["pictures, cnn"] = [
            pictures,
            "--target",
            "label",
            "--set",
            "model.kind=cnn",
            "--set",
            "model.scale=0.5",
            *PLAIN,
        ]
    return found


def measure(
    words: list[object], seconds: float, rounds: int, situation: str, chosen: list[str]
) -> list[dict[str, Any]]:
    """A row a contestant: the median of its rounds."""
    most = processors()
    entered = {name: how for name, how in contestants(most).items() if name in chosen}
    taken: dict[str, list[float]] = {name: [] for name in entered}
    used = dict.fromkeys(entered, "")
    for _ in range(rounds):
        for name, (flags, environment) in entered.items():
            with tempfile.TemporaryDirectory() as work, SITUATIONS[situation](seconds):
                trained = train([*words, *flags], most, Path(work), seconds, environment)
            taken[name].append(step_seconds(trained.events))
            used[name] = trained.threads
    middle = {name: statistics.median(times) for name, times in taken.items()}
    fixed = [value for name, value in middle.items() if name not in (OURS, DEFAULT)]
    return [
        {"who": name, "ms a step": 1000 * value, "× best fixed": value / min(fixed) if fixed else None,
         "to reach": REACH if name == OURS else None, "threads used": used[name]}
        for name, value in middle.items()
    ]  # fmt: skip


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--situations", nargs="*", choices=list(SITUATIONS), default=list(SITUATIONS))
    given = parser.parse_args()
    seconds, rounds, situations = (
        (4.0, 1, ["beside a neighbour"]) if given.smoke else (given.seconds, given.rounds, given.situations)
    )
    chosen = given.peers or ([OURS, "1 thread"] if given.smoke else list(contestants(processors())))
    print_machine()
    with tempfile.TemporaryDirectory() as folder:
        try:
            for workload, words in workloads(Path(folder), given.smoke).items():
                for situation in situations:
                    print(f"\n{workload}, {situation}; {seconds:g} s each")
                    print_table(measure(words, seconds, rounds, situation, chosen))
        except (PeerError, FetchError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
