"""Cells of a grid that all follow one learnt rule: a neural cellular automaton on a torus.

Niklasson et al. 2021, "Self-organising textures" (Distill, 10.23915/distill.00027.003), section "NCA as pattern generators": a
cell sees itself, the two slopes and the curvature of what is around it. Shapes: B grids, S states, H × W cells.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.draw import Draw

__all__ = ["SENSES", "Cells", "seen"]

SENSES = 4  # numbers that a cell sees of each state


def seen(cells: Tensor) -> Tensor:
    """(B, 4 S, H, W): each state, its slopes down and across (Sobel), its curvature; over the edge lies the other side."""
    around = F.pad(cells, (1, 1, 1, 1), mode="circular")
    high = around[:, :, :-2] + 2 * around[:, :, 1:-1] + around[:, :, 2:]
    wide = around[..., :-2] + 2 * around[..., 1:-1] + around[..., 2:]
    across = (high[..., 2:] - high[..., :-2]) / 8
    down = (wide[:, :, 2:] - wide[:, :, :-2]) / 8
    curved = (high[..., :-2] + 2 * high[..., 1:-1] + high[..., 2:]) / 16 - cells
    return torch.cat([cells, down, across, curved], 1)


class Cells(nn.Module):
    """cells + fires · (W₂ relu(W₁ seen(cells) + b)): starts as a rule by which nothing happens.

    Args:
        states: S. hidden: numbers between. fires: how often a cell changes.
    """

    def __init__(self, states: int, hidden: int, fires: float):
        super().__init__()
        self.first = nn.Conv2d(SENSES * states, hidden, 1)
        self.second = nn.Conv2d(hidden, states, 1, bias=False)
        nn.init.zeros_(self.second.weight)
        self.fires = fires

    def forward(self, cells: Tensor, draw: Draw) -> Tensor:
        """One step; `draw`, keyed by row, decides which cells change."""
        rows, _, height, width = cells.shape
        change = self.second(F.relu(self.first(seen(cells))))
        fires = draw.at("fires").keep(self.fires, rows, height, width).to(cells.device)
        return cells + change * fires[:, None].to(change.dtype)
