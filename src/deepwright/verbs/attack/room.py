"""Room: how far each coordinate of `z` may be moved by an attack, and what can be moved at all.

Shapes: B rows, units… (pixels; none for plain columns), D values a unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from deepwright.contracts import FittedFeature
from deepwright.fields import Field, Fields
from deepwright.spaces import Box, Space

__all__ = ["Room", "movable", "rooms"]


@dataclass(frozen=True)
class Room:
    """Where the attacked values of one column must lie.

    Args:
        low, high: (B, units…, D). step: (units…, D) or broadcastable, the largest change in encoded units.
    """

    low: Tensor
    high: Tensor
    step: Tensor

    def clamp(self, values: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(values, self.low), self.high)

    def __getitem__(self, rows: slice) -> "Room":
        return Room(self.low[rows], self.high[rows], self.step)


def movable(space: Space) -> Tensor | None:
    """(units…, D) true where an attack may move a coordinate of this space; None where it may move none.

    Only a Box has coordinates between which there is something: ids stay as they are.
    """
    if not isinstance(space, Box):
        return None
    free = (~space.frozen & (space.high > space.low)).expand(space.shape)
    return free if bool(free.any()) else None


def rooms(features: Mapping[str, FittedFeature], z: Fields, epsilon: float) -> dict[str, Room]:
    """The room of every column that can be moved.

    A coordinate may move by `epsilon` times its range in training (Box.low to Box.high) and not out of it; a value that
    lies outside already may only come back. Frozen coordinates, padding and missing cells stay as they are.
    """
    found = {}
    for name, field in z.items():
        free = movable(features[name].space)
        if free is None:
            continue
        space = features[name].space
        assert isinstance(space, Box)
        step = epsilon * (space.high - space.low) * free
        free = free & _there(features[name], field)
        low = torch.minimum(field.values, torch.maximum(space.low, field.values - step))
        high = torch.maximum(field.values, torch.minimum(space.high, field.values + step))
        found[name] = Room(torch.where(free, low, field.values), torch.where(free, high, field.values), step)
    return found


def _there(feature: FittedFeature, field: Field) -> Tensor:
    """(B, units… or 1s, 1) true where there is a value: a missing cell has none that could be changed."""
    there = torch.from_numpy(feature.decode(field).is_not_null().to_numpy().copy())
    there = there.view(-1, *([1] * (field.values.ndim - 1)))
    return there if field.mask is None else there & field.mask.unsqueeze(-1)
