"""The folder of a tune.

tune.json spaces.yaml trials.db bases/*/ trials/*/ default/ reports/tune.json report.html jobs.log
"""

import shutil
from pathlib import Path
from typing import ClassVar

from deepwright.verbs.jobs.record import RecordFolder

__all__ = ["CHECKPOINTS", "TuneFolder"]

CHECKPOINTS = "checkpoints"  # in the folder of a trial that is running or paused


class TuneFolder(RecordFolder):
    """The record holds settings, draft, ranges, figure that decides, plan, stage ("trials", "last", "finished"), seconds used,
    the winner and where its run lies."""

    file: ClassVar[str] = "tune.json"
    what: ClassVar[str] = "tune"

    def base(self, key: str) -> Path:
        """Where a base lies; "0" is that of the default recipe."""
        return self.path / "bases" / key

    def trial(self, number: int) -> Path:
        return self.path / "trials" / str(number)

    def drop_checkpoints(self, number: int | None = None) -> None:
        """Of a trial that will not go on; None for all."""
        for path in self.path.glob(f"trials/{'*' if number is None else number}/{CHECKPOINTS}"):
            shutil.rmtree(path, ignore_errors=True)

    @property
    def default(self) -> Path:
        """The run of the default recipe."""
        return self.path / "default"
