"""What the contestants of speed.py share: pictures, the network in plain torch, the arguments and the closing line.

Imports nothing of Deepwright: it runs in the peers' environments.
"""

import argparse
import gzip
import json
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

BATCH, RATE, SEED = 128, 1e-3, 0
WIDTHS = (32, 64, 128)
MEAN, DEVIATION = 0.2860, 0.3530  # of the training pictures, in shares of 255


def arguments() -> argparse.Namespace:
    """--data FOLDER with the four IDX files, --steps N (0: a whole epoch), --threads N."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(SEED)
    return given


def pictures(folder: Path, part: str, steps: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(N, 28, 28) uint8 and (N,) int64 of "train" or "t10k"; only as many rows as `steps` batches need."""
    names = [folder / f"{part}-{name}-ubyte.gz" for name in ("images-idx3", "labels-idx1")]
    read = [gzip.decompress(name.read_bytes()) for name in names]
    x = np.frombuffer(read[0], np.uint8, offset=16).reshape(-1, 28, 28)
    y = np.frombuffer(read[1], np.uint8, offset=8).astype(np.int64)
    rows = steps * BATCH if steps else len(x)
    return x[:rows].copy(), y[:rows].copy()


def normalised(x: np.ndarray) -> Tensor:
    """(N, 1, 28, 28) float32 with mean 0 and deviation 1."""
    return ((torch.from_numpy(x).float() / 255 - MEAN) / DEVIATION)[:, None]


def network() -> nn.Sequential:
    """3 × [convolution 3×3, norm, ReLU], two 2×2 max-pools, global pooling, ten outputs."""
    layers: list[nn.Module] = []
    size = 1
    for place, width in enumerate(WIDTHS):
        layers += [nn.MaxPool2d(2)] if place else []
        layers += [nn.Conv2d(size, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        size = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(size, 10))


class Timer:
    """Wall-clock seconds between `start` and `stop`."""

    def start(self) -> None:
        self._began = time.perf_counter()

    def stop(self) -> None:
        self.seconds = time.perf_counter() - self._began


@torch.inference_mode()
def accuracy(answer: Any, folder: Path, rows: int = 10_000) -> float:
    """Share of test pictures that `answer` ((B, 1, 28, 28) float → (B, 10)) gets right: shows that it did learn."""
    x, y = pictures(folder, "t10k")
    x, y = x[:rows], y[:rows]
    right = 0
    for start in range(0, len(x), 500):
        scores = answer(normalised(x[start : start + 500]))
        right += int((scores.argmax(1) == torch.from_numpy(y[start : start + 500])).sum())
    return right / len(x)


def finish(timer: Timer, steps: int, right: float, *packages: str, **more: Any) -> None:
    """The closing line: JSON with seconds, steps, accuracy and versions."""
    versions = {name: metadata.version(name) for name in ("torch", *packages)}
    print(json.dumps({"seconds": timer.seconds, "steps": steps, "accuracy": right, "versions": versions, **more}))


def faster_precision(step: Any, tries: int = 8) -> torch.dtype:
    """bfloat16 or float32, whichever makes `step(dtype)` faster here; the first two tries warm up."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        times = []
        for _ in range(tries):
            began = time.perf_counter()
            step(dtype)
            times.append(time.perf_counter() - began)
        seconds[dtype] = min(times[2:])
    return min(seconds, key=seconds.__getitem__)
