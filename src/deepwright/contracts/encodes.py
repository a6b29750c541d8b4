"""The contract of networks that encode what they see and build it again: what the objective `variational` needs of them."""

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from torch import Tensor

from deepwright.draw import Draw
from deepwright.fields import Batch, Fields

__all__ = ["Encodes"]


@runtime_checkable
class Encodes(Protocol):
    """A network that encodes rows as a normal distribution of latents each, and rows of latents as what may be seen."""

    def bound(self, z: Fields, draw: Draw | None) -> tuple[Tensor, Tensor]:
        """What the row costs, in nats a coordinate of its point: (B,) given latents drawn from its own distribution, and (B, L) those latents.

        Args:
            draw: keyed by row; None takes the mean of the latents.
        """
        ...

    def settle(self, batches: Callable[[], Iterator[Batch]], draw: Draw) -> None:
        """After training: learn how latents of training rows are spread, so that new ones can be drawn."""
        ...
