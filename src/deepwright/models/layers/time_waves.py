"""Time as numbers that layers can be told."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["TOLD", "Waves"]

TOLD = 64  # numbers that say the time
_WAVES = 32


class Waves(nn.Module):
    """Time (B,) → (B, 64) through sines and cosines of 32 frequencies (Vaswani et al. 2017, arXiv 1706.03762, 3.5)."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", math.pi * torch.logspace(-1, 2, _WAVES), persistent=False)
        self.first, self.second = nn.Linear(2 * _WAVES, TOLD), nn.Linear(TOLD, TOLD)

    def forward(self, time: Tensor) -> Tensor:
        angle = time[:, None] * self.frequencies
        return self.second(F.silu(self.first(torch.cat([angle.cos(), angle.sin()], 1))))
