"""Layers whose weights stretch nothing by more than 1: their largest singular value is at most 1.

Spectral normalisation (Miyato et al. 2018, arXiv 1802.05957, algorithm 1), but the power iteration begins anew each time, so
that nothing has to be remembered, and weights that stretch less are left alone.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SpectralConv2d", "SpectralLinear", "tamed"]

ITERATIONS = 8


def tamed(weight: Tensor) -> Tensor:
    """(out, in…) divided by its largest singular value, where that is above 1."""
    matrix = weight.flatten(1)
    with torch.no_grad():
        right = torch.linspace(0.5, 1.5, matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
        left = right.new_zeros(matrix.shape[0])
        for _ in range(ITERATIONS):
            left = F.normalize(matrix @ right, dim=0)
            right = F.normalize(matrix.T @ left, dim=0)
    return weight / (left @ matrix @ right).clamp_min(1.0)


class SpectralConv2d(nn.Conv2d):
    """A convolution with tamed weights."""

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, tamed(self.weight), self.bias)


class SpectralLinear(nn.Linear):
    """A linear layer with tamed weights."""

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, tamed(self.weight), self.bias)
