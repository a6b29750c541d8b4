"""Sources: where raw data lies. Importing this folder registers its kinds."""

from pathlib import Path
from typing import Any

from deepwright.core.config import Config
from deepwright.core.errors import DataError, did_you_mean
from deepwright.data.sources.arrays import IDX, NPZ, idx_files
from deepwright.data.sources.columnar import JSONL, Arrow, Parquet
from deepwright.data.sources.csv import CSV
from deepwright.data.sources.folder import Folder
from deepwright.data.sources.frame import Frame, frame_table
from deepwright.data.sources.paths import PICTURES, UNREADABLE
from deepwright.data.sources.tiles import Tiles, lone_picture
from deepwright.data.table import Table

__all__ = ["CSV", "IDX", "JSONL", "NPZ", "Arrow", "Folder", "Frame", "Parquet", "Tiles", "detect", "open_source"]

_SUFFIXES: dict[str, type[Config]] = {
    ".csv": CSV, ".tsv": CSV, ".txt": CSV, ".tab": CSV, ".data": CSV, ".parquet": Parquet, ".pq": Parquet, ".arrow": Arrow, ".feather": Arrow,
    ".ipc": Arrow, ".jsonl": JSONL, ".ndjson": JSONL, ".npz": NPZ,
}  # fmt: skip

_WAYS = {  # of what people have and no source reads
    ".json": "Write one object a line, as .jsonl.",
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "Save the sheet as CSV first."),
    **dict.fromkeys(UNREADABLE, "Save the picture as PNG or JPEG first."),
}


def detect(source: str | Path, creating: bool = False) -> Config:
    """The source settings for a path, by its name and content.

    Args:
        creating: new examples are to be made of it; then one picture alone is a table of its tiles, otherwise one row.

    Raises:
        DataError: missing, or of no known kind.
    """
    path = Path(source).expanduser()
    if not path.exists():
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near) if near else ""
        raise DataError(f"There is no file or folder {path}. {hint if hint.startswith('Did') else ''}".rstrip())
    if path.is_dir():
        if idx_files(path):
            return IDX(path=str(path))
        alone = lone_picture(path) if creating else None
        return Folder(path=str(path)) if alone is None else Tiles(path=str(alone))
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty.")
    suffixes = [part.lower() for part in path.suffixes]
    if "ubyte" in path.name or ".idx" in path.name:
        return IDX(path=str(path))
    inner = next((part for part in reversed(suffixes) if part not in (".gz", ".zst")), "")
    if creating and inner in PICTURES:
        return Tiles(path=str(path))
    if inner not in _SUFFIXES:
        way = f" {_WAYS[inner]}" if inner in _WAYS else ""
        raise DataError(
            f"{path.name}: files ending in '{inner or path.name}' are not known. Expected {', '.join(sorted(_SUFFIXES))} "
            f"(.gz and .zst as well for text), or a folder of pictures.{way}"
        )
    return _SUFFIXES[inner](path=str(path))


def open_source(source: Any, creating: bool = False) -> tuple[Config, Table]:
    """Settings and table of a path, of settings, or of data in memory; see `detect`."""
    if isinstance(source, Config):
        return source, source.open()  # type: ignore[attr-defined]
    if isinstance(source, str | Path):
        settings = detect(source, creating)
        return settings, settings.open()  # type: ignore[attr-defined]
    return Frame(), frame_table(source)
