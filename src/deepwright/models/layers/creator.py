"""What networks that create have in common: wishes (columns that say what is wanted), and creations made from latents."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from deepwright.contracts import FittedFeature, Network
from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Field, Fields
from deepwright.models.layers.wishes import Wishes

__all__ = ["Creator", "FromLatents"]


class Creator(Network):
    """A network that creates, alike for every family. Raises Refused: a condition is no label.

    Args:
        conditions: the columns that say what is to be created.
    """

    def __init__(self, features: Mapping[str, FittedFeature], conditions: Sequence[str]):
        super().__init__()
        self.conditions, self.wished = tuple(conditions), Wishes(features, conditions)

    def wishes(self, n: int, draw: Draw) -> dict[str, Field]:
        return self.wished.drawn(n, draw)

    def beside_wishes(self, z: Fields, inputs: Fields) -> dict[str, Field]:
        """`z` of what is created, with wishes as they are."""
        return {**z, **{name: inputs[name] for name in self.conditions if name in inputs}}

    def asked(self, condition: Fields | None) -> Fields:
        """Raises Refused: a condition that the network does not know."""
        unknown = [name for name in condition or () if name not in self.conditions]
        if unknown:
            known = f"; it knows {', '.join(self.conditions)}" if self.conditions else ""
            raise Refused(f"This network creates without the condition '{unknown[0]}'{known}.")
        return condition or {}

    def ids(self, z: Fields) -> Tensor | None:
        """(B, K) ids of the wishes; None where nothing, or not all, is wished."""
        wished = bool(self.conditions) and all(name in z for name in self.conditions)
        return self.wished.ids(z) if wished else None


class FromLatents(Creator):
    """A creator whose creations are a function of latents and wishes."""

    def sample(
        self, n: int, draw: Draw, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """`n` creations inside the bounds of their spaces. Differentiable, but for labels.

        Raises:
            Refused: a condition that the network does not know.
        """
        return self.from_latents(self.latents(n, draw), {**self.wishes(n, draw), **(condition or {})}, knobs)
