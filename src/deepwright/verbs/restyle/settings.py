"""The knobs of a style transfer."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import Field as Setting
from pydantic import ValidationError

from deepwright.core.config import Config
from deepwright.draft import Draft, describe

__all__ = ["Knobs", "knobs_of"]


class Knobs(Config):
    """How a style is carried over.

    Args:
        size: the longer side of the result in pixels; pictures are never enlarged.
        steps: at each scale. strength: how much of the style against how much of the content's layout, above 0 to 1.
        patch: the side of a patch in pixels. coarsest: the longer side of the first scale at least; the smaller, the larger
            are the strokes that are taken over. filters: random filters a step. rate: of Adam.
    """

    size: int = Setting(512, ge=16, le=4096)
    steps: int = Setting(120, ge=1, le=10_000)
    strength: float = Setting(0.4, gt=0, le=1)
    patch: int = Setting(11, ge=2, le=31)
    coarsest: int = Setting(128, ge=16, le=4096)
    filters: int = Setting(64, ge=1, le=1024)
    rate: float = Setting(0.005, gt=0, le=1)


K = TypeVar("K", bound=Config)


def knobs_of(given: Mapping[str, Any], places: Mapping[str, str] | None, kind: type[K]) -> K:
    """Knobs of a kind; others than those given keep their defaults.

    Args:
        places: where each was written, for sentences; None: in a call.

    Raises:
        RecipeError: a value out of its range, or a knob that is none.
    """
    if places is None:
        places = dict.fromkeys(given, "the call")
    try:
        return kind(**given)
    except ValidationError as error:
        raise describe(error, Draft(dict(given), {(name,): place for name, place in places.items()}), kind) from error
