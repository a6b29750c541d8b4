"""What looks at made digits: the 84 columns before the last layer of a small LeNet, taught by the benchmark itself.

Extractors of other seeds give other figures, so a figure is read as a ratio to what blurred real digits get from the same
extractor. Shapes: n pictures of 28 × 28 bytes.
"""

import hashlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.metrics.likeness import frechet_distance

__all__ = ["LeNet", "anchors", "digits", "distance", "extractor"]

FLOOR, BLURRED, NOISE = "real from real", "blurred", "noise"
EPOCHS, BATCH, RATE = 4, 128, 2e-3


def digits(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """(n, 28, 28) uint8 and (n,) labels of "train" or "t10k"."""
    pixels = np.fromfile(folder / f"{part}-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 28, 28)
    labels = np.fromfile(folder / f"{part}-labels-idx1-ubyte", np.uint8)[8:]
    order = np.random.default_rng(0).permutation(len(labels))  # the first half of the test digits was written by others
    return torch.from_numpy(pixels[order]), torch.from_numpy(labels[order].astype(np.int64))


class LeNet(nn.Module):
    """LeCun et al. 1998, "Gradient-based learning applied to document recognition", figure 2, with ReLUs and maxima."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.third, self.fourth, self.last = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def features(self, pictures: Tensor) -> Tensor:
        """(n, 84)."""
        x = F.max_pool2d(F.relu(self.first(pictures[:, None].float() / 255)), 2)
        x = F.max_pool2d(F.relu(self.second(x)), 2).flatten(1)
        return F.relu(self.fourth(F.relu(self.third(x))))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.last(self.features(pictures))

    @property
    def hash(self) -> str:
        digest = hashlib.sha256()
        for value in self.state_dict().values():
            digest.update(value.numpy().tobytes())
        return digest.hexdigest()[:12]


def extractor(pictures: Tensor, labels: Tensor, seed: int, epochs: float = EPOCHS) -> LeNet:
    """A LeNet taught to tell the digits apart; 98.8 % right after four epochs."""
    torch.manual_seed(seed)
    net = LeNet()
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    steps = max(1, round(epochs * len(pictures) / BATCH))
    for step in range(steps):
        rows = torch.randint(0, len(pictures), (BATCH,))
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / steps)
        loss = F.cross_entropy(net(pictures[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


@torch.no_grad()
def seen(net: LeNet, pictures: Tensor) -> Tensor:
    return torch.cat([net.features(part) for part in pictures.split(1000)]).double()


def distance(net: LeNet, made: Tensor, real: Tensor) -> float:
    """The Fréchet distance of digits as the net sees them."""
    return frechet_distance(seen(net, made), seen(net, real))


def anchors(net: LeNet, others: Tensor, real: Tensor) -> dict[str, float]:
    """Distances from `real` of as many other real digits, of these blurred (mean of 3 × 3), and of noise."""
    edge = F.pad(others[:, None].float(), (1, 1, 1, 1), mode="replicate")
    blurred = F.avg_pool2d(edge, 3, 1)[:, 0]
    noise = torch.randint(0, 256, others.shape, generator=torch.Generator().manual_seed(0))
    return {
        FLOOR: distance(net, others, real),
        BLURRED: distance(net, blurred, real),
        NOISE: distance(net, noise, real),
    }
