"""Emoji from a GAN: how many kinds of held-out ones it covers after ten minutes.

    python -m benchmarks.emoji [--smoke] [--budget 600] [--seeds 1] [--sheet FILE] [--set KEY=VALUE …]

Fluent emoji (npm `@lobehub/fluent-emoji-3d`), 1,891 learnt and 1,500 held out, no family on both sides (gallery/emoji.py), at the
size that the recipe chooses, over white. Coverage (k = 5) of the held-out ones as EfficientNet-Lite0 sees them, by as many creations;
beside it by as many training emoji, and by those under a mean of 8 × 8 pixels. All are seen at the size of the creations. The budget is
in processor-seconds of the training (user + system; starting, reading data and judging aside); a short probe turns it into steps.
"""

import argparse
import io
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from gallery.fetch import FetchError, efficientnet_lite0, fluent_emoji
from PIL import Image
from torch import Tensor

from benchmarks.efficientnet import EfficientNet
from benchmarks.harness import ROOT, Cells, describe_machine, files_hash, options, print_machine, print_table
from benchmarks.processor import afforded, trained
from deepwright.metrics.likeness import manifold
from deepwright.models.gan import GAN

K, JUDGED, BLUR = 5, 1500, 8
SMOKE = {"train": 80, "test": 30}


def few(folder: Path, out: Path) -> Path:
    """A folder with some of the emoji."""
    for side, count in SMOKE.items():
        (out / side).mkdir(parents=True)
        for path in sorted((folder / side).iterdir())[:: max(1, 1400 // count)][:count]:
            (out / side / path.name).symlink_to(path)
    return out


def created(run: Any, count: int) -> list[bytes]:
    """PNG files of creations."""
    from deepwright.verbs.creation.making import create, decode

    cells: list[bytes] = []
    for start in range(0, count, 256):
        cells += decode(run, create(run.network, 1, start, min(256, count - start)))["image"].to_list()
    return cells


def real(run: Any, folder: Path, count: int) -> list[bytes]:
    """PNG files of emoji of a folder, as the run sees them; some of them where there are more."""
    paths = sorted(str(path) for path in folder.iterdir())
    chosen = np.sort(np.random.default_rng(0).permutation(len(paths))[:count])
    feature = run.features["image"]
    field = feature.encode(pl.Series("image", [paths[place] for place in chosen]))
    return feature.decode(field.with_values(feature.embedder()(field.values))).to_list()


def pixels(cells: Sequence[bytes]) -> Tensor:
    """(n, H, W, 3) from 0 to 1, over white."""
    found = []
    for cell in cells:
        with Image.open(io.BytesIO(cell)) as picture:
            whole = picture.convert("RGBA")
            ground = Image.new("RGBA", whole.size, (255, 255, 255, 255))
            found.append(np.asarray(Image.alpha_composite(ground, whole).convert("RGB")))
    return torch.from_numpy(np.stack(found)).float() / 255


def blurred(pictures: Tensor) -> Tensor:
    """Under a mean of 8 × 8 pixels."""
    before, after = (BLUR - 1) // 2, BLUR // 2
    planes = F.pad(pictures.permute(0, 3, 1, 2), (before, after, before, after), mode="replicate")
    return F.avg_pool2d(planes, BLUR, 1).permute(0, 2, 3, 1)


def measure(folder: Path, seed: int, net: EfficientNet, asked: argparse.Namespace) -> dict[str, Any]:
    """Coverage of one training and of what it is read beside."""
    from deepwright.verbs.creation.pictures import sheet

    settings = (f"train.threads={asked.threads}", *asked.set)
    with tempfile.TemporaryDirectory() as place:
        source = few(folder, Path(place) / "few") if asked.smoke else folder
        steps = 10 if asked.smoke else 0
        if not steps:
            steps = afforded(source, Path(place) / "probe", asked.budget, seed, settings)
            if not any(one.startswith("model") for one in asked.set):  # as a wall-clock budget would choose
                settings = (*settings, f"model={{kind: gan, width: {GAN().sized_for(steps, grid=True).width}}}")
                steps = afforded(source, Path(place) / "probe", asked.budget, seed, settings)
        print(f"{steps} steps, {' '.join(settings)}", flush=True)
        run, used = trained(source, Path(place) / "runs", steps, seed, settings)
        held = real(run, source / "test", JUDGED)
        cells = created(run, len(held))
        known = pixels(real(run, source / "train", len(held)))
        if asked.sheet:
            Path(asked.sheet).write_bytes(sheet(cells[: 16 * 8]))
        truth, found = net(pixels(held)), {}
        for name, pictures in (("made", pixels(cells)), ("real", known), ("blurred", blurred(known))):
            found[name] = vars(manifold(truth, net(pictures), K))
    return {"steps": steps, "processor": used, "size": list(known.shape[1:3]), "n": len(held), "sets": found}


def main() -> int:
    parser = options(__doc__ or "", threads=1)
    parser.add_argument("--budget", type=float, default=600, help="processor-seconds")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--sheet", metavar="FILE", help="keep 128 creations as a picture")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    try:
        folder, net = fluent_emoji(), EfficientNet(efficientnet_lite0())
    except FetchError as error:
        print(error, file=sys.stderr)
        return 2
    print_machine()
    cells, machine = Cells("emoji", asked.fresh or asked.smoke), describe_machine()
    code, rows, all_found = files_hash(ROOT / "src", Path(__file__)), [], []
    for seed in range(1 if asked.smoke else asked.seeds):
        key = {"peer": "gan", "code": code, "seed": seed, "budget": asked.budget, "set": asked.set, "extractor": net.hash,
               "threads": asked.threads, "processor": machine["processor"], "sheet": asked.sheet}  # fmt: skip
        cell = cells.get(key, lambda seed=seed: measure(folder, seed, net, asked))  # type: ignore[misc]
        all_found.append(cell)
        for name, figures in cell["sets"].items():
            rows.append({"seed": seed, "against held-out": name, **{figure: f"{value:.3f}" for figure, value in figures.items()},
                         "steps": cell["steps"] if name == "made" else "", "processor s": f"{cell['processor']:.0f}" if name == "made" else ""})  # fmt: skip
    print_table(rows)
    made, floor, blur = (statistics.median(cell["sets"][name]["coverage"] for cell in all_found) for name in ("made", "real", "blurred"))  # fmt: skip
    size, n = all_found[0]["size"], all_found[0]["n"]
    print(f"Coverage of {n} held-out emoji at {size[1]} × {size[0]} (k = {K}, EfficientNet-Lite0 {net.hash}): made {made:.3f}, real {floor:.3f}, blurred {blur:.3f}.")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
