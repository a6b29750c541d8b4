"""Who looks on while families are trained side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepwright.contracts import Finding

__all__ = ["ArenaWatch", "Standing"]


@dataclass(frozen=True)
class Standing:
    """How far the trainings are.

    Args:
        running: family → share of its training that is done, and seconds that it will still take (None: not known yet).
        share: of all trainings. seconds_left: of the budget.
    """

    running: Mapping[str, tuple[float, float | None]]
    share: float
    seconds_left: float


@dataclass
class ArenaWatch:
    """What is being done, lasting lines, what goes wrong meanwhile, what was found in the data, how far it is, and the folder
    as soon as there is one."""

    tell: Callable[[str], None] = lambda text: None
    line: Callable[[str], None] = lambda text: None
    warn: Callable[[str], None] = lambda text: None
    findings: Callable[["Sequence[Finding]"], None] = lambda findings: None
    standing: Callable[[Standing], None] = lambda standing: None
    folder: Callable[[Path], None] = lambda folder: None
