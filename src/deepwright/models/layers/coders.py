"""Encoders and decoders: points of rows or pictures to vectors, and vectors to points. Shapes: B rows, D or C × H × W, L latents."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.draw import Draw
from deepwright.models.layers.dropout import dropout
from deepwright.models.layers.grids import Plan

__all__ = ["GridEncoder", "RowCoder"]


class RowCoder(nn.Module):
    """(B, in) → (B, out) through residual layers."""

    def __init__(self, size: int, out: int, width: int, depth: int, drop: float):
        super().__init__()
        self.first, self.out = nn.Linear(size, width), nn.Linear(width, out)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.into = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.back = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self._drop = drop

    def forward(self, x: Tensor, draw: Draw | None = None) -> Tensor:
        x = self.first(x)
        for place, (norm, into, back) in enumerate(zip(self.norms, self.into, self.back, strict=True)):
            x = x + back(dropout(F.silu(into(norm(x))), self._drop, draw, f"layer {place}"))
        return self.out(F.silu(x))


class GridEncoder(nn.Module):
    """(B, C, H, W) → (B, out) through strided convolutions."""

    def __init__(self, plan: Plan, out: int):
        super().__init__()
        top, left = plan.over[0] // 2, plan.over[1] // 2
        self._fill = (left, plan.over[1] - left, top, plan.over[0] - top)
        widths = (plan.channels, *reversed(plan.widths[:-1]))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(widths))
        self.out = nn.Linear(widths[-1] * plan.grid[0] * plan.grid[1], out)

    def forward(self, x: Tensor, draw: Draw | None = None) -> Tensor:
        x = F.pad(x, self._fill, mode="replicate") if any(self._fill) else x
        x = x.contiguous(memory_format=torch.channels_last)
        for layer in self.down:
            x = F.silu(layer(x))
        return self.out(x.permute(0, 2, 3, 1).flatten(1))
