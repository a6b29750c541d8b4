"""Rows made and judged: the generator and the discriminator of rows as points, as residual layers without normalisation.

As in `grids.py` the last layer of each block starts at nothing, labels are wished for by an embedding beside the latent
numbers and judged by projection. Shapes: B rows, D coordinates, K condition columns, W width.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.models.layers.judging import Judging
from deepwright.models.layers.spectral import SpectralLinear
from deepwright.models.layers.wishes import Wish

__all__ = ["RowDiscriminator", "RowGenerator"]

_SLOPE = 0.2  # of leaky ReLUs
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))
_WISH = 16  # width of what is known of a wish


class _Block(nn.Module):
    """x + W₂ σ(W₁ σ(x)): starts as identity."""

    def __init__(self, width: int, linear: type[nn.Linear] = nn.Linear):
        super().__init__()
        self.first, self.second = _started(linear(width, width)), linear(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(F.leaky_relu(x, _SLOPE)), _SLOPE))


def _started(layer: nn.Linear, gain: float = _GAIN) -> nn.Linear:
    nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.in_features))
    nn.init.zeros_(layer.bias)
    return layer


class RowGenerator(nn.Module):
    """(B, latent), ids (B, K) → (B, D), unbounded.

    Args:
        sizes: of the condition columns.
    """

    def __init__(self, size: int, latent: int, width: int, blocks: int, sizes: Sequence[int]):
        super().__init__()
        self.wish = Wish(sizes, _WISH) if sizes else None
        self.start = _started(nn.Linear(latent + (_WISH if sizes else 0), width), 1.0)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.out = _started(nn.Linear(width, size), 1.0)

    def forward(self, latent: Tensor, ids: Tensor | None = None) -> Tensor:
        if self.wish is not None and ids is not None:
            latent = torch.cat([latent, self.wish(ids)], 1)
        return self.out(F.leaky_relu(self.blocks(self.start(latent)), _SLOPE))


class RowDiscriminator(Judging):
    """(B, D), ids (B, K) → (B, 1): features along a direction.

    Args:
        sizes: of the condition columns. spectral: no layer stretches anything.
    """

    def __init__(self, size: int, width: int, blocks: int, sizes: Sequence[int], spectral: bool = False):
        super().__init__()
        linear = SpectralLinear if spectral else nn.Linear
        self.start = _started(linear(size, width), 1.0)
        self.blocks = nn.Sequential(*(_Block(width, linear) for _ in range(blocks)))
        self.score = _started(linear(width, 1), 1.0)
        self.heed(sizes, _WISH)

    def features(self, x: Tensor) -> Tensor:
        """(B, W): what the score is taken from."""
        return F.leaky_relu(self.blocks(self.start(x)), _SLOPE)
