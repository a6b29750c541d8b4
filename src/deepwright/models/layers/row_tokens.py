"""Rows of plain columns as tokens in a fixed order, and back. Shapes: B rows, T tokens, one a coordinate or label."""

from collections.abc import Mapping

import torch
from torch import Tensor

from deepwright.draw import Draw
from deepwright.fields import Field, Fields
from deepwright.models.layers.row_points import RowPoints
from deepwright.spaces import Box, Space

__all__ = ["RowTokens"]


class RowTokens(RowPoints):
    """A number's token is the part of its distribution it lies in, of `bins` equally frequent ones; a label's is its id.

    What says whether a cell is missing comes before what is in it.
    """

    def __init__(self, spaces: Mapping[str, Space], bins: int):
        super().__init__(spaces)
        self._bins = bins
        self.order: list[tuple[str, int]] = []  # column and coordinate of each token
        for name in self.names:
            space = spaces[name]
            places = range(space.shape[0]) if isinstance(space, Box) else range(1)
            absent = space.absent if isinstance(space, Box) else None
            self.order += [(name, place) for place in sorted(places, key=lambda p, first=absent: p != first)]
        self.vocabulary = [self.sizes.get(name, bins) for name, _ in self.order]
        self.count = len(self.order)

    def tokens(self, z: Fields, draw: Draw) -> tuple[Tensor, Tensor]:
        """(B, T) tokens, and (B, T) 1, or 0 for what would stand in a missing cell; keyed by row."""
        rows = len(next(iter(z.values())))
        found, weights = [], []
        if self.numbers:
            chance = draw.at("place").uniform(rows, self.numbers).to(self.low.device)
            level = torch.special.ndtr(self.scores(torch.cat([z[name].values for name in self.boxes], 1), chance))
            bins, weight = (level * self._bins).long().clamp(0, self._bins - 1), self.weight(z)
        for name, place in self.order:
            if name in self.sizes:
                found.append(z[name].values.reshape(-1).long())
                weights.append(self.low.new_ones(rows))
                continue
            own = self.places[name].start + place
            found.append(bins[:, own])
            weights.append(weight[:, own])
        return torch.stack(found, 1), torch.stack(weights, 1)

    def read(self, z: Fields, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """The same, and (B, 0) nats: nothing is said of where in its part a number lies."""
        tokens, weight = self.tokens(z, draw)
        return tokens, weight, weight[:, :0]

    def row(self, tokens: Tensor, chance: Tensor) -> dict[str, Field]:
        """The rows of tokens (B, T), as `z`. Args: chance: (B, T) from 0 to 1: where in its part a number lies."""
        point = self.low.new_zeros(len(tokens), self.width)
        found: dict[str, Field] = {}
        for step, (name, place) in enumerate(self.order):
            if name in self.sizes:
                found[name] = Field(tokens[:, step : step + 1].to(torch.int32))
            else:
                level = (tokens[:, step] + chance[:, step]) / self._bins
                point[:, self.places[name].start + place] = torch.special.ndtri(level.clamp(1e-6, 1 - 1e-6))
        return {name: found.get(name, field) for name, field in self.back(point).items()}

    @property
    def heads(self) -> tuple[tuple[int, int], ...]:
        """(size, how many tokens in a row) of each vocabulary: every token has its own."""
        return tuple((size, 1) for size in self.vocabulary)
