"""The contract of trackers.

A tracker is settings; `begin` gives a writer for one run. What goes wrong in either never stops a training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from deepwright.core.config import Config

__all__ = ["About", "Row", "State", "Tracker", "Writer"]

State = Literal["finished", "interrupted", "failed"]


@dataclass(frozen=True)
class About:
    """What a tracker is told about a run.

    Args:
        folder: of the run; whatever is kept locally goes in there. name: for people.
        known: the `identity` that the writer of an earlier life gave; empty in the first one.
    """

    folder: Path
    name: str
    known: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """Finite figures of one step by name ("train/loss"). `time`: seconds since 1970."""

    step: int
    time: float
    figures: Mapping[str, float]


class Writer(Protocol):
    """Writes to one tracked run.

    `told`: the last step that is there already, from an earlier life of the run; -1 where none is.
    `identity`: words by which a later life finds the tracked run again; no secrets, they are kept in the run folder.
    """

    told: int
    identity: Mapping[str, str]

    def describe(self, settings: Mapping[str, Any]) -> None:
        """The recipe, flat ("train.optimizer.lr" → 0.002), once it is complete; once in each life, before any row."""
        ...

    def write(self, rows: Sequence[Row]) -> None:
        """Rows in the order of their steps, each step once."""
        ...

    def finish(self, state: State, figures: Mapping[str, float], report: Path | None) -> None:
        """Close it. `figures`: those of the final report, with `report`, its page, where training was completed."""
        ...


class Tracker(Config):
    """What all trackers share."""

    def check(self) -> None:
        """Before anything is done.

        Raises:
            MissingExtra: the library is not installed.
        """
        raise NotImplementedError

    def begin(self, about: About) -> Writer:
        """Open the tracked run, a new one or the one that is known."""
        raise NotImplementedError
