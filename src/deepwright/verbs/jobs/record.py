"""A folder with a record: one JSON file says all that is needed to go on, whatever instant the work was left at."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from deepwright.core.errors import RunError
from deepwright.core.files import read_json
from deepwright.core.sealed import unsealed, write_sealed

__all__ = ["RecordFolder"]

FORMAT = 1


@dataclass
class RecordFolder:
    """See above. `file` is the record's, `what` the word for people."""

    file: ClassVar[str]
    what: ClassVar[str]
    path: Path
    record: dict[str, Any]

    @classmethod
    def at(cls, folder: Path) -> bool:
        """Whether a folder is one of these."""
        return (folder / cls.file).is_file()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises RunError: there is none, or a damaged one."""
        what = f"{cls.what} {path}"
        if not cls.at(path):
            raise RunError(f"{path} is no {cls.what}: it has no {cls.file}.")
        try:
            stored = read_json(path / cls.file)
            if stored["format"] > FORMAT:
                raise RunError(
                    f"The {what} was written by a newer version. Update with: pip install --upgrade deepwright"
                )
            record = unsealed(stored)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise RunError(f"The {what} is damaged: {cls.file} cannot be read. Start a new one.") from error
        return cls(path, record)

    def keep(self, **changes: Any) -> None:
        """Change entries, on the disk too."""
        self.record.update(changes)
        write_sealed(self.path / self.file, {"format": FORMAT, **self.record})
