"""A transformer in which every place sees only those before it, whole or step by step with a cache.

Vaswani et al. 2017, arXiv 1706.03762, with the norm before each part (Xiong et al. 2020, arXiv 2002.04745), squared ReLUs (So et
al. 2021, arXiv 2109.08668) and normalised queries and keys (Henry et al. 2020, arXiv 2010.04245, with a fixed scale).
Shapes: B rows, T places, W width, H heads.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.draw import Draw
from deepwright.models.layers.dropout import dropout

__all__ = ["Cache", "Causal"]

SCALE = 10.0  # of the cosines between queries and keys
NEAR = 1e-12  # lengths are not taken for less


@dataclass
class Cache:
    """Keys and values of the places so far, (B, 2, H, T, W / H) a layer, and how many there are."""

    memory: list[Tensor]
    length: int = 0


class _Layer(nn.Module):
    """x + attention(norm(x)), then x + W₂ relu(W₁ norm(x))². Starts as identity."""

    def __init__(self, width: int, heads: int, place: int, drop: float):
        super().__init__()
        self.norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asks, self.joins = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.into, self.back = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        for layer in (self.joins, self.back):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self._heads, self._place, self._drop = heads, place, drop

    def forward(self, x: Tensor, draw: Draw | None) -> Tensor:
        """(B, T, W) → (B, T, W)."""
        rows, places, width = x.shape
        parts = self.asks(self.norm(x)).view(rows, places, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = F.normalize(parts[0], dim=-1, eps=NEAR), F.normalize(parts[1], dim=-1, eps=NEAR), parts[2]
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=SCALE)
        joined = self.joins(seen.transpose(1, 2).reshape(rows, places, width))
        x = x + dropout(joined, self._drop, draw, f"attention {self._place}")
        inner = self.back(self.into(self.second_norm(x)).relu().square())
        return x + dropout(inner, self._drop, draw, f"layer {self._place}")

    def step(self, x: Tensor, cache: Cache) -> Tensor:
        """(B, W) of the next place → (B, W): what `forward` gives there without dropout.

        One place is so little work that the number of operations decides how long it takes: queries and keys are
        normalised together and in place, keys and values remembered by one copy, and nothing is laid out anew.
        """
        parts = self.asks(self.norm(x)).view(len(x), 3, self._heads, -1)
        pair = parts.narrow(1, 0, 2)
        pair.div_(torch.linalg.vector_norm(pair, dim=-1, keepdim=True).clamp_min_(NEAR))
        known = cache.memory[self._place].narrow(3, 0, cache.length + 1)
        known.select(3, cache.length).copy_(parts.narrow(1, 1, 2))
        keys, values = known.unbind(1)
        seen = F.scaled_dot_product_attention(parts.select(1, 0).unsqueeze(2), keys, values, scale=SCALE)
        x = x + self.joins(seen.reshape(x.shape))
        return x.add_(self.back(self.into(self.second_norm(x)).relu_().square_()))


class Causal(nn.Module):
    """(B, T, W) → (B, T, W).

    Args:
        places: T at most. width: W, a multiple of heads.
    """

    def __init__(self, places: int, width: int, depth: int, heads: int, drop: float):
        super().__init__()
        self.place = nn.Parameter(0.02 * torch.randn(places, width))
        self.layers = nn.ModuleList(_Layer(width, heads, place, drop) for place in range(depth))
        self.norm = nn.LayerNorm(width)
        self._shape = (2, heads, places, width // heads)

    def forward(self, x: Tensor, draw: Draw | None = None) -> Tensor:
        x = x + self.place[: x.shape[1]]
        for layer in self.layers:
            x = layer(x, draw)
        return self.norm(x)

    def begin(self, rows: int) -> Cache:
        """An empty cache for so many rows."""
        return Cache([self.place.new_empty(rows, *self._shape) for _ in self.layers])

    def step(self, x: Tensor, cache: Cache) -> Tensor:
        """(B, W) of the next place → (B, W): what `forward` gives there."""
        x = x + self.place[cache.length]
        for layer in self.layers:
            x = layer.step(x, cache)
        cache.length += 1
        return self.norm(x)
