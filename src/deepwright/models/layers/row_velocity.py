"""The network that guesses velocities of rows: residual layers that are told the time."""

import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.draw import Draw
from deepwright.models.layers.dropout import dropout
from deepwright.models.layers.time_waves import TOLD, Waves

__all__ = ["RowVelocity"]


class _Layer(nn.Module):
    """x + W₂ silu(W₁ silu(scale · norm(x) + shift)); scale and shift follow from the time (FiLM: Perez et al. 2018, arXiv
    1709.07871). Starts as identity."""

    def __init__(self, width: int, place: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.film = nn.Linear(TOLD, 2 * width)
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)
        self._name = f"layer {place}"

    def forward(self, x: Tensor, told: Tensor, p: float, draw: Draw | None) -> Tensor:
        scale, shift = self.film(told).chunk(2, 1)
        inner = F.silu(self.first(self.norm(x) * (1 + scale) + shift))
        return x + self.second(dropout(inner, p, draw, self._name))


class RowVelocity(nn.Module):
    """(B, D) points and (B,) times → (B, D) raw outputs.

    Args:
        size: D. width, depth: of the residual layers.
    """

    def __init__(self, size: int, width: int, depth: int, drop: float):
        super().__init__()
        self.time = Waves()
        self.first = nn.Linear(size, width)
        self.layers = nn.ModuleList(_Layer(width, place) for place in range(depth))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, size)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self._drop = drop

    def forward(self, point: Tensor, time: Tensor, wish: Tensor | None = None, draw: Draw | None = None) -> Tensor:
        told = self.time(time)
        told = F.silu(told if wish is None else told + wish)
        x = self.first(point)
        for layer in self.layers:
            x = layer(x, told, self._drop, draw)
        return self.out(F.silu(self.norm(x)))
