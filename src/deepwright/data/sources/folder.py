"""A folder of pictures: one sub-folder a class."""

from collections import Counter
from pathlib import Path
from typing import Literal

import polars as pl

from deepwright.contracts import Finding
from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.core.wording import plural
from deepwright.data.sources.paths import PICTURES, UNREADABLE
from deepwright.data.table import FrameTable, Table
from deepwright.registries import sources

__all__ = ["Folder"]

_LISTED = 8
_SPLITS = {"train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
           "dev": "validation", "test": "test", "testing": "test"}  # fmt: skip


@sources.register
class Folder(Config):
    """Columns `image` (paths) and `label` (sub-folder); `split` as well when the sub-folders are train, test …"""

    kind: Literal["folder"] = "folder"
    path: str

    def open(self) -> Table:
        """Raises DataError: the folder holds no picture."""
        folder = Path(self.path)
        if not folder.is_dir():
            raise DataError(f"There is no folder {folder}.")
        everything = sorted(path for path in folder.rglob("*") if path.is_file())
        files = [path for path in everything if not _hidden(path, folder)]
        hidden = [path for path in everything if _hidden(path, folder) and path.suffix.lower() in PICTURES]
        pictures = [path for path in files if path.suffix.lower() in PICTURES]
        others = [path for path in files if path.suffix.lower() not in PICTURES]
        if not pictures:
            count = "1 other file" if len(files) == 1 else f"{len(files)} other files"
            seen = f"; it holds {count}, such as {files[0].name}" if files else "; it is empty"
            raise DataError(f"The folder {folder} holds no pictures ({', '.join(PICTURES)}){seen}.")
        parts = [path.relative_to(folder).parts[:-1] for path in pictures]
        columns: dict[str, list[str | None]] = {"image": [str(path.resolve()) for path in pictures]}
        if all(part and part[0].lower() in _SPLITS for part in parts) and len({part[0] for part in parts}) > 1:
            columns["split"] = [_SPLITS[part[0].lower()] for part in parts]
            parts = [part[1:] for part in parts]
        if any(parts):
            columns["label"] = [part[0] if part else None for part in parts]
        return FrameTable(pl.DataFrame(columns), folder.name, tuple(_findings(others, hidden)), files=tuple(pictures))


def _listed(paths: list[Path]) -> str:
    more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return ", ".join(path.name for path in paths[:_LISTED]) + more


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts)


def _findings(others: list[Path], hidden: list[Path]) -> list[Finding]:
    findings = []
    unreadable = [path for path in others if path.suffix.lower() in UNREADABLE]
    if unreadable:
        kinds = Counter(UNREADABLE[path.suffix.lower()] for path in unreadable)
        counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        text = (
            f"{plural(len(unreadable), 'picture')} cannot be read ({counted}): {_listed(unreadable)}. "
            "Convert them to PNG or JPEG."
        )
        findings.append(Finding("warning", "unreadable-format", text, "image", len(unreadable)))
    rest = [path for path in others if path.suffix.lower() not in UNREADABLE]
    if rest:
        are = "is no picture and was" if len(rest) == 1 else "are no pictures and were"
        text = f"{plural(len(rest), 'file')} {are} passed over: {_listed(rest)}."
        findings.append(Finding("note", "not-a-picture", text, "image", len(rest)))
    if hidden:
        text = f"{plural(len(hidden), 'hidden picture')} {'was' if len(hidden) == 1 else 'were'} passed over: {_listed(hidden)}."
        findings.append(Finding("note", "hidden", text, "image", len(hidden)))
    return findings
