"""The network that guesses which picture lies ahead of a point: a small U-Net on patches of pixels, told the time.

Ronneberger et al. 2015, arXiv 1505.04597, with the blocks of Ho et al. 2020, arXiv 2006.11239, appendix B, at a size for CPUs:
pixels of a patch are channels, what was seen on the way down is added on the way up. Shapes: B rows, C channels, H × W pixels.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.draw import Draw
from deepwright.models.layers.dropout import dropout
from deepwright.models.layers.time_waves import TOLD, Waves

__all__ = ["Denoiser"]

_COARSE = 40  # sides up to this are cut into patches of 2 × 2, longer ones of 4 × 4
_SMALLEST = 8  # grids are halved while they are at least this
_GROUP = 8  # channels that are normalised together


def _norm(width: int) -> nn.GroupNorm:
    """Groups of eight channels where they fit: CPUs, with channels last, take four times as long for groups of four."""
    return nn.GroupNorm(width // _GROUP if width % _GROUP == 0 else math.gcd(width, 4), width)


class _Block(nn.Module):
    """x + convolution(silu(film(norm(convolution(silu(norm(x))))))): starts as identity."""

    def __init__(self, width: int, name: str, drop: float):
        super().__init__()
        self.norm, self.second_norm = _norm(width), _norm(width)
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.film = nn.Linear(TOLD, 2 * width)
        nn.init.zeros_(self.second.weight)
        if self.second.bias is not None:
            nn.init.zeros_(self.second.bias)
        self._name, self._drop = name, drop

    def forward(self, x: Tensor, told: Tensor, draw: Draw | None) -> Tensor:
        scale, shift = self.film(told)[:, :, None, None].chunk(2, 1)
        inner = torch.addcmul(shift, self.second_norm(self.first(F.silu(self.norm(x)))), 1 + scale)
        return x + self.second(dropout(F.silu(inner), self._drop, draw, self._name))


class Denoiser(nn.Module):
    """(B, C, H, W) points and (B,) times → (B, C, H, W) pictures that lie ahead.

    Args:
        shape: (C, H, W). width: channels of the finest grid; doubled once. blocks: at each grid, on each way.
    """

    def __init__(self, shape: tuple[int, int, int], width: int, blocks: int, drop: float):
        super().__init__()
        channels, height, side = shape
        self._patch = 2 if min(height, side) <= _COARSE else 4
        shortest, levels = math.ceil(min(height, side) / self._patch), 1
        while shortest / 2 ** (levels - 1) >= _SMALLEST:
            levels += 1
        step = self._patch * 2 ** (levels - 1)
        self._over = (-side % step, -height % step)
        widths = [width * 2 ** min(1, level) for level in range(levels)]
        pixels = channels * self._patch**2
        self.time = Waves()
        self.first = nn.Conv2d(pixels, width, 3, padding=1)

        def stage(level: int, way: str) -> nn.ModuleList:
            return nn.ModuleList(_Block(widths[level], f"{way} {level} {k}", drop) for k in range(blocks))

        self.down = nn.ModuleList(stage(level, "down") for level in range(levels))
        self.coarser = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(stage(level, "up") for level in range(levels))
        self.finer = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.norm = _norm(width)
        self.out = nn.Conv2d(width, pixels, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        if self.out.bias is not None:
            nn.init.zeros_(self.out.bias)

    def forward(self, point: Tensor, time: Tensor, wish: Tensor | None = None, draw: Draw | None = None) -> Tensor:
        told = self.time(time)
        told = F.silu(told if wish is None else told + wish)
        height, width = point.shape[2:]
        x = F.pad(point, (0, self._over[0], 0, self._over[1]))
        x = self.first(F.pixel_unshuffle(x, self._patch).contiguous(memory_format=torch.channels_last))
        seen = []
        for level, stage in enumerate(self.down):
            for block in stage:
                x = block(x, told, draw)
            if level < len(self.coarser):
                seen.append(x)
                x = self.coarser[level](x)
        for level in reversed(range(len(self.up))):
            if level < len(self.finer):
                x = F.interpolate(self.finer[level](x), scale_factor=2.0, mode="nearest") + seen[level]
            for block in self.up[level]:  # type: ignore[union-attr]
                x = block(x, told, draw)
        x = F.silu(self.norm(x))
        with torch.autocast(x.device.type, enabled=False):  # velocities magnify what bfloat16 rounds off
            x = F.pixel_shuffle(self.out(x.float()), self._patch)
        return x[:, :, :height, :width]
