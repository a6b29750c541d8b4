"""Pictures as tokens, and back: a grid of codes that a picture can be built again from, learnt along with what comes next.

As a VQ-VAE (van den Oord et al. 2017, arXiv 1711.00937, section 3.1), with codes of finite levels in place of a table of
vectors. How sharp a picture is said to be is learnt (σ-VAE: Rybkin et al. 2021, arXiv 2006.13202, section 3.1), so that nats
of the tokens and of the picture given them add up to a bound on those of the picture.
Shapes: B rows, H × W pixels, C channels, T codes of a coarse grid, row by row, L numbers a code.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.contracts import FittedFeature
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.models.layers.grid_points import GridPoints
from deepwright.models.layers.grids import SLOPE, Block, Plan, convolution, doubling, halving
from deepwright.models.layers.levels import Levels

__all__ = ["GridTokens"]


class _Encoder(nn.Module):
    """(B, C, H, W) → (B, L, h, w) through strided convolutions."""

    def __init__(self, plan: Plan, out: int):
        super().__init__()
        top, left = plan.over[0] // 2, plan.over[1] // 2
        self._fill = (left, plan.over[1] - left, top, plan.over[0] - top)
        widths = (plan.channels, *reversed(plan.widths[:-1]))
        self.down = nn.ModuleList(halving(a, b) for a, b in pairwise(widths))
        self.block = Block(widths[-1])
        self.out = nn.Conv2d(widths[-1], out, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, self._fill, mode="replicate") if any(self._fill) else x
        x = x.contiguous(memory_format=torch.channels_last)
        for place, layer in enumerate(self.down):
            x = layer(F.leaky_relu(x, SLOPE) if place else x)
        return self.out(F.leaky_relu(self.block(x), SLOPE))


class _Decoder(nn.Module):
    """(B, L, h, w) → (B, C, H, W), unbounded."""

    def __init__(self, plan: Plan, size: int):
        super().__init__()
        self._plan = plan
        self.start, self.block = convolution(size, plan.widths[0]), Block(plan.widths[0])
        self.up = nn.ModuleList(doubling(a, b) for a, b in pairwise(plan.widths))
        self.out = convolution(plan.widths[-1], plan.channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block(self.start(x.contiguous(memory_format=torch.channels_last)))
        for layer in self.up:
            x = layer(F.leaky_relu(x, SLOPE))
        return self._plan.cut(self.out(F.leaky_relu(x, SLOPE)))


class GridTokens(nn.Module):
    """One picture column. All tokens share one vocabulary.

    Args:
        channels: of the finest grid. levels: of each number of a code.
    """

    def __init__(self, name: str, feature: FittedFeature, channels: int, levels: Sequence[int]):
        super().__init__()
        self.points, self.levels = GridPoints(name, feature), Levels(levels)
        depth, height, width = self.points.latent
        plan = Plan.of((height, width, depth), channels)
        self.encoder = _Encoder(plan, len(levels)).to(memory_format=torch.channels_last)
        self.decoder = _Decoder(plan, len(levels)).to(memory_format=torch.channels_last)
        self.spread = nn.Parameter(torch.zeros(1))  # logarithm of a standard deviation, of what codes leave open
        self._grid = plan.grid
        self.count = plan.grid[0] * plan.grid[1]

    @property
    def heads(self) -> tuple[tuple[int, int], ...]:
        """(size, how many tokens in a row) of each vocabulary."""
        return ((self.levels.size, self.count),)

    def warm(self, batches: Iterable[Batch]) -> None:
        """Nothing is learnt from rows before training."""

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return self.points.embed(inputs)

    def tokens(self, z: Fields, draw: Draw) -> tuple[Tensor, Tensor]:
        """(B, T) tokens, and (B, T) ones: none is missing."""
        with torch.no_grad():
            tokens = self._coded(self.points.goal(z, draw))[1]
        return tokens, self.spread.new_ones(tokens.shape)

    def read(self, z: Fields, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """The same, and (B, 1) nats of the picture given its tokens."""
        goal = self.points.goal(z, draw)
        codes, tokens = self._coded(goal)
        left = self.points.unlikely(self.decoder(codes), self.spread, z, goal)
        return tokens, self.spread.new_ones(tokens.shape), left[:, None]

    def _coded(self, goal: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, h, w) levels and (B, T) ids."""
        codes, ids = self.levels(self.encoder(goal).permute(0, 2, 3, 1))
        return codes.permute(0, 3, 1, 2), ids.flatten(1)

    def row(self, tokens: Tensor, chance: Tensor) -> dict[str, Field]:
        """The pictures of tokens (B, T), as `z`: what codes leave open is shown as its mean."""
        codes = self.levels.levels(tokens.view(-1, *self._grid)).permute(0, 3, 1, 2)
        return self.points.back(self.decoder(codes))
