"""Grids made and judged: the generator and the discriminator of pictures, at a size for CPUs.

Both follow R3GAN (Huang et al. 2024, arXiv 2501.05441): no normalisation, residual blocks whose last convolution starts at
nothing, a learnt coarse grid to start from. Full 3×3 convolutions take the place of grouped ones, which are slow on CPUs.
Labels are wished for by an embedding beside the latent numbers, and judged by projection (Miyato & Koyama 2018, arXiv
1802.05637, eq. 4). Shapes: B rows, H × W cells, C channels, K condition columns.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.contracts import FittedFeature
from deepwright.fields import Field, Fields
from deepwright.models.inputs import Embed
from deepwright.models.layers.judging import Judging
from deepwright.models.layers.spectral import SpectralConv2d, SpectralLinear
from deepwright.models.layers.wishes import Wish
from deepwright.spaces import Box

__all__ = [
    "SLOPE",
    "Block",
    "GridDiscriminator",
    "GridGenerator",
    "GridUnits",
    "Plan",
    "convolution",
    "doubling",
    "halving",
]

SLOPE = 0.2  # of leaky ReLUs
_GAIN = math.sqrt(2 / (1 + SLOPE**2))
_COARSE = 12  # sides are halved while they are at least this
_WIDEST = 256
_WISH = 32  # width of what is known of a wish


class GridUnits(nn.Module):
    """One column of pictures as (B, C, H, W) from -1 to 1 whatever the training rows' mean, and back inside the bounds."""

    def __init__(self, name: str, feature: FittedFeature):
        super().__init__()
        self._name, space = name, feature.space
        assert isinstance(space, Box)
        self.inputs, self.shape = Embed({name: feature}, 1), space.shape
        middle, reach = (space.high + space.low) / 2, (space.high - space.low) / 2
        self.register_buffer("middle", middle.clone(), persistent=False)  # of the space, hence with the features
        self.register_buffer("reach", reach.clone(), persistent=False)

    middle: Tensor
    reach: Tensor

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return self.inputs(inputs)

    def unit(self, z: Fields) -> Tensor:
        return ((z[self._name].values - self.middle) / self.reach).permute(0, 3, 1, 2)

    def back(self, unbounded: Tensor) -> dict[str, Field]:
        """While it learns the discriminator sees what lies beyond the bounds, and corrects it: a bend would swallow gradients."""
        unit = unbounded.permute(0, 2, 3, 1)
        if not self.training:
            unit = unit + (unit.clamp(-1, 1) - unit).detach()
        return {self._name: Field(unit * self.reach + self.middle)}


class Plan:
    """How the sides of a picture are halved.

    Args:
        height, width, channels: of the picture. widths: channels from the coarsest grid to the finest.
        grid: (h, w) of the coarsest one; h · 2ⁿ ≥ H, what stands over is cut off (generator) or filled up (discriminator).
    """

    def __init__(self, shape: tuple[int, int, int], widths: tuple[int, ...]):
        self.height, self.width, self.channels = shape
        self.widths = widths
        times = 2 ** (len(widths) - 1)
        self.grid = (-(-self.height // times), -(-self.width // times))
        self.over = (self.grid[0] * times - self.height, self.grid[1] * times - self.width)

    @classmethod
    def of(cls, shape: tuple[int, ...], width: int) -> "Plan":
        """At least one halving, and as many as leave a coarse grid of 6 or more."""
        side, halvings = min(shape[:2]), 1
        while side / 2**halvings >= _COARSE:
            halvings += 1
        return cls((shape[0], shape[1], shape[2]), tuple(min(_WIDEST, width * 2**n) for n in range(halvings, -1, -1)))

    def cut(self, x: Tensor) -> Tensor:
        """(B, C, h · 2ⁿ, w · 2ⁿ) → (B, C, H, W)."""
        top, left = self.over[0] // 2, self.over[1] // 2
        return x[:, :, top : top + self.height, left : left + self.width]


def convolution(size: int, width: int, zero: bool = False, spectral: bool = False) -> nn.Conv2d:
    """3 × 3, with weights that keep the spread of what comes in, or at nothing."""
    layer = (SpectralConv2d if spectral else nn.Conv2d)(size, width, 3, padding=1)
    nn.init.normal_(layer.weight, std=0.0 if zero else _GAIN / math.sqrt(9 * size))
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _started(layer: nn.Conv2d | nn.ConvTranspose2d, taps: int) -> nn.Module:
    """With weights that keep the spread of what comes in, where so many taps of each channel make a pixel."""
    nn.init.normal_(layer.weight, std=_GAIN / math.sqrt(taps * layer.in_channels))
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def doubling(size: int, width: int) -> nn.Module:
    """Grids of twice the sides."""
    return _started(nn.ConvTranspose2d(size, width, 4, 2, 1), 4)


def halving(size: int, width: int, spectral: bool = False) -> nn.Module:
    """Grids of half the sides."""
    return _started((SpectralConv2d if spectral else nn.Conv2d)(size, width, 4, 2, 1), 16)


class Block(nn.Module):
    """x + convolution(convolution(x)): starts as identity."""

    def __init__(self, width: int, spectral: bool = False):
        super().__init__()
        self.first = convolution(width, width, spectral=spectral)
        self.second = convolution(width, width, zero=True, spectral=spectral)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(F.leaky_relu(x, SLOPE)), SLOPE))


class GridGenerator(nn.Module):
    """(B, latent), ids (B, K) → (B, C, H, W), unbounded.

    Args:
        sizes: of the condition columns.
    """

    def __init__(self, plan: Plan, latent: int, blocks: int, sizes: Sequence[int]):
        super().__init__()
        self._plan = plan
        coarse = plan.widths[0]
        self.wish = Wish(sizes, _WISH) if sizes else None
        size = latent + (_WISH if sizes else 0)
        self.start = nn.Linear(size, coarse * plan.grid[0] * plan.grid[1])
        nn.init.normal_(self.start.weight, std=size**-0.5)
        nn.init.zeros_(self.start.bias)
        self.blocks = nn.Sequential(*(Block(coarse) for _ in range(blocks)))
        self.up = nn.ModuleList(doubling(a, b) for a, b in pairwise(plan.widths))
        self.out = convolution(plan.widths[-1], plan.channels)

    def forward(self, latent: Tensor, ids: Tensor | None = None) -> Tensor:
        plan = self._plan
        if self.wish is not None and ids is not None:
            latent = torch.cat([latent, self.wish(ids)], 1)
        x = self.start(latent).view(-1, *plan.grid, plan.widths[0]).permute(0, 3, 1, 2)
        x = self.blocks(x)
        for layer in self.up:
            x = layer(F.leaky_relu(x, SLOPE))
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 rounds by a shade of grey
            x = self.out(F.leaky_relu(x, SLOPE).float())
        return plan.cut(x)


class GridDiscriminator(Judging):
    """(B, C, H, W) from -1 to 1, ids (B, K) → (B, 1): features along a direction.

    Args:
        sizes: of the condition columns. spectral: no layer stretches anything.
    """

    def __init__(self, plan: Plan, blocks: int, sizes: Sequence[int], spectral: bool = False):
        super().__init__()
        top, left = plan.over[0] // 2, plan.over[1] // 2
        self._fill = (left, plan.over[1] - left, top, plan.over[0] - top)
        widths = (plan.channels, *reversed(plan.widths[:-1]))
        self.down = nn.ModuleList(halving(a, b, spectral) for a, b in pairwise(widths))
        coarse = widths[-1]
        self.blocks = nn.Sequential(*(Block(coarse, spectral) for _ in range(blocks)))
        self.score = (SpectralLinear if spectral else nn.Linear)(coarse * plan.grid[0] * plan.grid[1], 1)
        nn.init.normal_(self.score.weight, std=self.score.in_features**-0.5)
        nn.init.zeros_(self.score.bias)
        self.heed(sizes, _WISH)

    def features(self, x: Tensor) -> Tensor:
        """(B, F): what the score is taken from."""
        x = F.pad(x, self._fill, mode="replicate") if any(self._fill) else x
        for place, layer in enumerate(self.down):
            x = layer(F.leaky_relu(x, SLOPE) if place else x)
        x = F.leaky_relu(self.blocks(x), SLOPE)
        return x.permute(0, 2, 3, 1).flatten(1)
