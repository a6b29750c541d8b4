"""Spaces: what an encoded input may become. Verbs ask for the space, never for the modality.

`shape` is the shape of one example's `z` without the batch axis: (units…, D).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Box", "Mixed", "Simplex", "Space", "Tokens"]


@dataclass(frozen=True)
class Box:
    """Real coordinates between bounds.

    Args:
        shape: (units…, D) of one example.
        low, high: bounds in encoded units, broadcastable to `shape`.
        frozen: true where a coordinate is an indicator that nothing may move (missing flags).
        scale: encoded units per raw unit (pixel value, euro, year), broadcastable to `shape`.
        mirror: whether reversing the axis before the last (left and right of a picture) keeps the meaning.
        absent: the coordinate of the last axis that is 1 where the cell is missing; the others then say nothing. None: there
            is none.
    """

    shape: tuple[int, ...]
    low: Tensor
    high: Tensor
    frozen: Tensor
    scale: Tensor
    mirror: bool = False
    absent: int | None = None


@dataclass(frozen=True)
class Tokens:
    """Ids below `size`; `shape` holds the unit axes only: () for one category, (T,) for a text."""

    size: int
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Simplex:
    """Shares that are positive and sum to one over the last axis."""

    size: int
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Mixed:
    """Several named parts, each with its own space."""

    parts: Mapping[str, "Space"]


Space = Box | Tokens | Simplex | Mixed
