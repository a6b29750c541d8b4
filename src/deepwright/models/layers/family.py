"""Family: what the settings of all families that create have in common."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from deepwright.contracts import Suits
from deepwright.core.config import Config
from deepwright.models.layers.points import one_grid, reason, taken
from deepwright.spaces import Space

__all__ = ["Family", "PictureFamily"]


class Family(Config):
    """Settings of a family that creates one picture, or rows of plain columns.

    `budget`: unless the person gives another. `suited`: how natural a choice it is for plain columns, and for a picture
    (`Suits.score`).
    """

    learns: ClassVar[Literal["target", "inputs"]] = "inputs"
    budget: ClassVar[str] = "10min"
    suited: ClassVar[tuple[float, float]]

    kind: Any  # each family's own word

    @classmethod
    def suits(cls, spaces: Mapping[str, Space], heads: Mapping[str, int], rows: int) -> Suits | None:
        """Where something is to be created, and it is one picture, or rows of plain columns."""
        why = reason(spaces)
        return None if heads or why is None else Suits(cls.suited[not why.startswith("plain")], cls(), why)

    def takes(self, spaces: Mapping[str, Space]) -> tuple[str, ...]:
        """The columns it learns to create: one picture, or all plain ones.

        Raises:
            Refused: there are several pictures, or nothing it can create.
        """
        return taken(self.kind, spaces)

    def sized(self, epochs: float) -> Self:
        """See `ModelSettings`: these learn as much at their usual size."""
        return self


class PictureFamily(Family):
    """Settings of a family that knows pictures only, and that is never chosen unasked: it takes a person to say what for.

    `does`: with pictures, for the sentence where there are none.
    """

    does: ClassVar[str]

    @classmethod
    def suits(cls, spaces: Mapping[str, Space], heads: Mapping[str, int], rows: int) -> Suits | None:
        return None

    def takes(self, spaces: Mapping[str, Space]) -> tuple[str, ...]:
        """The one column of pictures.

        Raises:
            Refused: there is none, or several.
        """
        return (one_grid(self.kind, spaces, self.does),)
