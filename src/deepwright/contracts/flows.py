"""The contract of networks that carry noise to data: what the objective `flow` needs of them."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from deepwright.draw import Draw
from deepwright.fields import Fields

__all__ = ["LEAPS", "Carries", "Retraces"]

LEAPS = (1, 2, 4, 8)  # of each kind of leap, how many make the whole way


@runtime_checkable
class Carries(Protocol):
    """A network that learns the way from noise to data. A point of the way is one tensor (B, …), whatever the columns are.

    `leaps`: the share of the budget, at its end, in which it learns leaps too; 0: it knows none.
    `centre`: the logit of the time around which it learns most, below 0 nearer to noise.
    """

    leaps: float
    centre: float

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

    def ahead(self, z: Fields, point: Tensor, time: Tensor, leap: Tensor | None, heard: Tensor | None = None) -> Tensor:
        """(B, …) the mean velocity over a leap from the points at these times.

        Args:
            z: the rows' conditions; none are told where they are not in it.
            leap: (B,) int64 places in `LEAPS`; len(LEAPS): no leap, the velocity at the point itself, as with None.
        """
        ...


@runtime_checkable
class Retraces(Protocol):
    """A network that finds the latents of given rows by going the way back from data to noise."""

    def retraced(self, z: Fields, condition: Fields | None = None) -> Tensor:
        """(B, *latent) latents whose creations come near to rows `z` under the stored conditions (B, …)."""
        ...
