"""What a family that creates takes, and the points it works on: chosen by the spaces of the columns."""

from collections.abc import Mapping, Sequence

from deepwright.contracts import FittedFeature
from deepwright.core.errors import Refused
from deepwright.models.inputs import is_grid, is_vector
from deepwright.models.layers.grid_points import GridPoints
from deepwright.models.layers.row_points import RowPoints
from deepwright.spaces import Space

__all__ = ["alone", "one_grid", "points_of", "reason", "taken"]


def taken(kind: str, spaces: Mapping[str, Space]) -> tuple[str, ...]:
    """The columns that a family creates: one picture, or all plain ones.

    Raises:
        Refused: there are several pictures, or nothing it can create.
    """
    grids = tuple(name for name, space in spaces.items() if is_grid(space))
    names = grids or tuple(name for name, space in spaces.items() if is_vector(space))
    if not names:
        raise Refused(f"The model '{kind}' creates pictures or plain columns, and here are none: {', '.join(spaces)}.")
    if len(grids) > 1:
        raise Refused(
            f"The model '{kind}' creates one picture column; here are {len(grids)}: {', '.join(grids)}. "
            "Leave all but one out with --ignore."
        )
    return names


def one_grid(kind: str, spaces: Mapping[str, Space], what: str) -> str:
    """The one column of pictures, of a family for which there is nothing else.

    Args:
        what: that family does with pictures, for the sentence.

    Raises:
        Refused: there is none, or several.
    """
    name = taken(kind, spaces)[0]
    if not is_grid(spaces[name]):
        raise Refused(f"The model '{kind}' {what}, and here are none: {', '.join(spaces)}.")
    return name


def alone(
    kind: str, features: Mapping[str, FittedFeature], heads: Mapping[str, int], conditions: Sequence[str]
) -> dict[str, Space]:
    """The spaces of the columns to be created.

    Raises:
        Refused: there is a target, or a column that is not created.
    """
    if heads:
        raise Refused(f"The model '{kind}' creates and answers nothing: train it without a target.")
    free = {name: feature.space for name, feature in features.items() if name not in conditions}
    names = taken(kind, free)
    if len(names) < len(free):
        rest = ", ".join(name for name in free if name not in names)
        raise Refused(f"The model '{kind}' creates {', '.join(names)} alone. Leave out with --ignore: {rest}.")
    return free


def points_of(features: Mapping[str, FittedFeature], spaces: Mapping[str, Space]) -> RowPoints | GridPoints:
    """A picture as a grid, plain columns as one vector."""
    grids = [name for name, space in spaces.items() if is_grid(space)]
    return GridPoints(grids[0], features[grids[0]]) if grids else RowPoints(spaces)


def reason(spaces: Mapping[str, Space]) -> str | None:
    """What these columns are, where they can be created together."""
    if spaces and all(is_vector(space) for space in spaces.values()):
        return "plain columns only"
    return "one column of pictures" if sum(map(is_grid, spaces.values())) == 1 else None
