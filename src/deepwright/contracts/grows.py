"""The contract of networks that grow pictures by one local rule: what the objective `automaton` and live pages need of them."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from deepwright.draw import Draw
from deepwright.fields import Fields

__all__ = ["Grows", "Rule"]


@dataclass(frozen=True)
class Rule:
    """A rule that a page can run by itself: s + fires · (W₂ relu(W₁ seen(s) + b)), seen(s) being the cell and its changes.

    Args:
        first: (W, 4 S) W₁; bias: (W,) b; second: (S, W) W₂. S states a cell, of which the first `colours` are shown, from -1
            to 1; W hidden numbers.
        fires: how often a cell changes. side: of what it has learnt from, in cells.
    """

    first: Tensor
    bias: Tensor
    second: Tensor
    colours: int
    fires: float
    side: int


@runtime_checkable
class Grows(Protocol):
    """A network whose cells change by what they see of their neighbours; the grid has no edge. Shapes: S states a cell."""

    def goal(self, z: Fields, draw: Draw) -> Tensor:
        """(B, C, H, W) pictures of rows, from -1 to 1."""
        ...

    def start(self, n: int, height: int, width: int) -> Tensor:
        """(n, S, height, width) cells in which nothing has happened yet."""
        ...

    def grown(self, cells: Tensor, steps: int, draw: Draw) -> Tensor:
        """The cells after so many steps; `draw`, keyed by row, decides which change when."""
        ...

    def shown(self, cells: Tensor) -> Tensor:
        """(B, C, H, W) what is seen of cells, about -1 to 1."""
        ...

    def rule(self) -> Rule: ...
