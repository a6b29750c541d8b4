"""Rows made and judged: the generator and the discriminator of plain number columns, as residual layers without normalisation.

As in `grids.py` the last layer of each block starts at nothing, labels are wished for by an embedding beside the latent
numbers and judged by projection. Shapes: B rows, D numbers, K condition columns, W width.
"""

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.fields import Field, Fields
from deepwright.models.layers.judging import Judging
from deepwright.models.layers.spectral import SpectralLinear
from deepwright.models.layers.wishes import Wish
from deepwright.spaces import Box

__all__ = ["RowDiscriminator", "RowGenerator", "RowUnits"]

_SLOPE = 0.2  # of leaky ReLUs
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))
_WISH = 16  # width of what is known of a wish


class RowUnits(nn.Module):
    """Number columns as one row of numbers (B, D), and back inside their bounds."""

    def __init__(self, spaces: Mapping[str, Box]):
        super().__init__()
        self.names, self._sizes = tuple(spaces), [space.shape[0] for space in spaces.values()]
        low, high = (
            torch.cat([getattr(s, end).expand(s.shape) for s in spaces.values()]).clone() for end in ("low", "high")
        )
        self._absent = {name: space.absent for name, space in spaces.items()}
        self.register_buffer("low", low, persistent=False)  # of the spaces, hence with the features
        self.register_buffer("high", high, persistent=False)
        self.width = len(low)

    low: Tensor
    high: Tensor

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return {name: inputs[name].with_values(inputs[name].values.float()) for name in self.names}

    def unit(self, z: Fields) -> Tensor:
        return torch.cat([z[name].values for name in self.names], 1)

    def back(self, unit: Tensor) -> dict[str, Field]:
        """Missing or not is met exactly, and after training the bounds are; gradients flow as if they had not to be."""
        found = {}
        inside = unit if self.training else torch.minimum(torch.maximum(unit, self.low), self.high)
        parts = (unit + (inside - unit).detach()).split(self._sizes, 1)
        for name, part in zip(self.names, parts, strict=True):
            place = self._absent[name]
            if place is not None:
                gone = (part[:, place : place + 1] > 0.5).to(part.dtype)
                flag = torch.arange(part.shape[1], device=part.device) == place
                part = torch.where(flag, part + (gone - part).detach(), part * (1 - gone))
            found[name] = Field(part)
        return found


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
