"""The contract of networks that make rows piece by piece: what the objective `autoregressive` needs of them."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from deepwright.draw import Draw
from deepwright.fields import Fields

__all__ = ["Predicts"]


@runtime_checkable
class Predicts(Protocol):
    """A network that knows how likely each piece of a row is, given those before it."""

    def costs(self, z: Fields, draw: Draw, inner: Draw | None) -> Tensor:
        """(B, T) nats of each piece.

        Args:
            draw: keyed by row; decides what data leaves open. inner: chance in the network itself; None: there is none.
        """
        ...
