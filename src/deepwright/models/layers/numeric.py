"""Embeddings of numbers."""

from typing import cast

import torch
from torch import Tensor, nn

__all__ = ["PiecewiseLinear"]


class PiecewiseLinear(nn.Module):
    """Piecewise-linear embeddings (Gorishniy et al. 2022, arXiv 2203.05556, section 3.1).

    A number becomes, for every bin [bₜ, bₜ₊₁) of its training quantiles, (x − bₜ)/(bₜ₊₁ − bₜ) clipped to [0, 1]; a linear
    map of its own and a ReLU follow. (B, N) → (B, N, width).

    Args:
        columns: N. bins: at most so many a column. width: D.
    """

    slope: Tensor
    shift: Tensor

    def __init__(self, columns: int, bins: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(columns, bins, width))
        self.bias = nn.Parameter(torch.zeros(columns, 1, width))
        nn.init.uniform_(self.weight, -(bins**-0.5), bins**-0.5)
        self.register_buffer("slope", torch.ones(columns, bins))
        self.register_buffer("shift", torch.zeros(columns, bins))

    @torch.no_grad()
    def warm(self, values: Tensor) -> None:
        """Take the bins from training values (rows, N)."""
        columns, bins = self.slope.shape
        levels = torch.linspace(0, 1, bins + 1, dtype=torch.float64, device=values.device)
        slope, shift = torch.zeros_like(self.slope), torch.zeros_like(self.shift)
        for column in range(columns):
            edges = torch.quantile(values[:, column].double(), levels).unique()
            if len(edges) < 2:
                continue
            width = (edges[1:] - edges[:-1]).clamp_min(1e-9)
            slope[column, : len(width)] = (1 / width).float()
            shift[column, : len(width)] = (-edges[:-1] / width).float()
        self.slope.copy_(slope)
        self.shift.copy_(shift)

    def forward(self, x: Tensor) -> Tensor:
        encoded = (x.unsqueeze(-1) * self.slope + self.shift).clamp(0.0, 1.0)  # (B, N, bins)
        mapped = torch.baddbmm(self.bias, encoded.transpose(0, 1), self.weight)  # (N, B, width)
        return cast(Tensor, mapped.relu()).transpose(0, 1)
