"""The contract of model families that want more, or something else, than the data alone."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

__all__ = ["Particular"]


@runtime_checkable
class Particular(Protocol):
    """What a family wants where the person leaves it open, and pictures that its settings name.

    `views`: settings of picture columns, by name. `labelled`: whether the labels of sub-folders say what is wanted; where not,
    they are left out. `named`: setting that names a picture → the setting that says how long its longer side is kept. Such a
    picture goes into the recipe itself, so that a run needs no other file.
    """

    views: ClassVar[Mapping[str, Any]]
    labelled: ClassVar[bool]
    named: ClassVar[Mapping[str, str]]
