"""The folder of an arena.

arena.json base/ reports/arena.json report.html jobs.log
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from deepwright.verbs.jobs.record import RecordFolder

__all__ = ["ArenaFolder", "Entrant"]


@dataclass(frozen=True)
class Entrant:
    """A family and what became of it.

    Args:
        kind: of its model. run: the folder of its run; "" where it was refused before there was one.
        reason: why it failed. seconds, processor: what its training took, processor time of all its threads.
        compared: what was measured of its creations, see `compared.py`; None before that.
    """

    kind: str
    run: str
    state: Literal["waiting", "trained", "failed"] = "waiting"
    reason: str = ""
    seconds: float = 0.0
    processor: float = 0.0
    compared: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


class ArenaFolder(RecordFolder):
    """The record holds the budget, each family's share of it (seconds), how many are trained at a time, the stage ("training"
    or "finished"), seconds used, and the entrants."""

    file: ClassVar[str] = "arena.json"
    what: ClassVar[str] = "arena"

    @property
    def base(self) -> Path:
        """The prepared data that all families learn from."""
        return self.path / "base"

    @property
    def entrants(self) -> list[Entrant]:
        return [Entrant(**one) for one in self.record["entrants"]]

    def change(self, kind: str, **changes: Any) -> Entrant:
        """Another state of an entrant, on the disk too."""
        entrants = [replace(one, **changes) if one.kind == kind else one for one in self.entrants]
        self.keep(entrants=[one.to_dict() for one in entrants])
        return next(one for one in entrants if one.kind == kind)
