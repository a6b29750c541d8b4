"""The contract of networks that restyle pictures in one pass: what the objective `restyling` and the verb need of them."""

from typing import Protocol, runtime_checkable

from torch import Tensor

from deepwright.draw import Draw
from deepwright.fields import Fields

__all__ = ["Restyles"]


@runtime_checkable
class Restyles(Protocol):
    """A network that gives pictures of any size one style. Shapes: B pictures, C channels, H × W pixels, values 0 to 1.

    `style`: (1, C, h, w) the picture whose style it is.
    """

    style: Tensor

    def photos(self, z: Fields) -> Tensor:
        """(B, C, H, W) pictures of rows."""
        ...

    def begun(self, photos: Tensor) -> Tensor:
        """(B, C, H, W) the same in the style's colours: what a restyled picture begins as."""
        ...

    def restyled(self, begun: Tensor, draw: Draw) -> Tensor:
        """(B, C, H, W) in the style, about 0 to 1; `draw`, keyed by row, decides about what the picture leaves open."""
        ...
