"""The folder of a tune: tune.json says all that is needed to go on, whatever instant it was left at.

tune.json spaces.yaml trials.db bases/*/ trials/*/ default/ reports/tune.json report.html jobs.log
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepwright.core.errors import RunError
from deepwright.core.files import read_json, write_json

__all__ = ["RECORD", "TuneFolder", "is_tune"]

RECORD = "tune.json"
FORMAT = 1


def is_tune(folder: Path) -> bool:
    """Whether a folder is that of a tune."""
    return (folder / RECORD).is_file()


@dataclass
class TuneFolder:
    """See above.

    Args:
        record: settings, draft, ranges, figure that decides, plan, stage ("trials", "last", "finished"), seconds used,
            the winner and where its run lies.
    """

    path: Path
    record: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> "TuneFolder":
        """Raises RunError: there is no tune, or a damaged one."""
        if not is_tune(path):
            raise RunError(f"{path} is no tune: it has no {RECORD}.")
        try:
            record = read_json(path / RECORD)
            if record["format"] > FORMAT:
                raise RunError(
                    f"The tune {path} was written by a newer version. Update with: pip install --upgrade deepwright"
                )
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise RunError(f"The tune {path} is damaged: {RECORD} cannot be read. Start a new one.") from error
        return cls(path, record)

    def keep(self, **changes: Any) -> None:
        """Change entries, on the disk too."""
        self.record.update(changes)
        write_json(self.path / RECORD, {"format": FORMAT, **self.record})

    def base(self, key: str) -> Path:
        """Where a base lies; "0" is that of the default recipe."""
        return self.path / "bases" / key

    def trial(self, number: int) -> Path:
        return self.path / "trials" / str(number)

    @property
    def default(self) -> Path:
        """The run of the default recipe."""
        return self.path / "default"
