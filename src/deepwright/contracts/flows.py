"""The contract of networks that carry noise to data: what the objective `flow` needs of them."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from deepwright.draw import Draw
from deepwright.fields import Fields

__all__ = ["Carries"]


@runtime_checkable
class Carries(Protocol):
    """A network that learns the way from noise to data. A point of the way is one tensor (B, …), whatever the columns are."""

    def goal(self, z: Fields, draw: Draw) -> Tensor:
        """(B, …) where noise is to be carried to, about as wide as standard normal noise; keyed by row."""
        ...

    def mistakes(
        self, z: Fields, goal: Tensor, noise: Tensor, time: Tensor, draw: Draw | None, heard: Tensor | None = None
    ) -> Tensor:
        """(B,) how wrong the velocity goal - noise is guessed at the points (1 - t) · noise + t · goal.

        Args:
            z: the rows, for what is missing in them. time: (B,) t from 0 (noise) to 1 (data).
            draw: chance in the network itself (dropout), keyed by row; None: there is none.
            heard: (B,) whether a row's conditions are told to the network; None: all are.
        """
        ...
