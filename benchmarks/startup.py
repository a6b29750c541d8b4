"""How long a person waits before anything happens: --help, import, and the answer for one row from a cold start.

    python -m benchmarks.startup [--smoke] [--rounds 7]

Each figure is the median of fresh processes, which contestants take in turns. To reach: --help 0.15 s; import 0.2 s;
one-row predict at most 0.5 s more than Python takes to import torch.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gallery.demo import write_table

from benchmarks.harness import PeerError, deepwright, limited, options, print_machine, print_table

COMMAND = str(Path(sys.executable).parent / "deepwright")


def seconds(command: list[str], threads: int, cwd: Path) -> float:
    """Wall-clock of one process.

    Raises:
        PeerError: it failed.
    """
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=limited(threads), cwd=cwd)
    taken = time.perf_counter() - began
    if done.returncode:
        raise PeerError(f"{' '.join(command[:4])}: {done.stderr.strip()[-300:]}")
    return taken


def a_run(work: Path, budget: str, threads: int) -> tuple[Path, Path]:
    """A trained run on scikit-learn's tumour table, and a table with one new row."""
    table, row = work / "tumours.csv", work / "row.csv"
    write_table(table)
    header, first, *_ = table.read_text(encoding="utf-8").splitlines()
    row.write_text(f"{header}\n{first}\n", encoding="utf-8")
    deepwright("train", table, "--target", "diagnosis", "--budget", budget, threads=threads, cwd=work)
    (recipe,) = work.glob("runs/*/recipe.yaml")
    return recipe.parent, row


def main() -> int:
    parser = options(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    rounds = 1 if given.smoke else given.rounds
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        python = [sys.executable, "-c"]
        try:
            run, row = a_run(work, "20steps", given.threads)
            commands = {
                "python -c pass": [*python, "pass"],
                "import deepwright": [*python, "import deepwright"],
                "deepwright --help": [COMMAND, "--help"],
                "import torch": [*python, "import torch"],
                "predict, one row": [COMMAND, "predict", str(run), str(row), "--quiet", "-o"],
            }
            taken: dict[str, list[float]] = {name: [] for name in commands}
            for number in range(rounds + 1):  # the first round only warms the disk cache
                for name, command in commands.items():
                    more = [f"answers-{number}.csv"] if command[-1] == "-o" else []
                    taken[name].append(seconds([*command, *more], given.threads, work))
        except PeerError as error:
            print(error, file=sys.stderr)
            return 1
    middle = {name: statistics.median(times[1:]) for name, times in taken.items()}
    reach = {"import deepwright": 0.2, "deepwright --help": 0.15, "predict, one row": middle["import torch"] + 0.5}
    print_machine()
    print_table([{"what": name, "seconds": value, "to reach": reach.get(name)} for name, value in middle.items()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
