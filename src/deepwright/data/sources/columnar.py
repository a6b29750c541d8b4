"""Files that know their types: Parquet, Arrow (IPC, Feather) and JSON lines."""

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import polars as pl

from deepwright.core.config import Config
from deepwright.core.errors import DataError, Refused
from deepwright.core.files import place_errors
from deepwright.core.size import told
from deepwright.data.room import allowed
from deepwright.data.sources.copies import room_for_copy, write_copy
from deepwright.data.sources.paths import LOOKED_AT, absolute_paths, path_changes, reading
from deepwright.data.sources.streams import blocks, is_packed, read_bytes
from deepwright.data.table import FrameTable, ScannedTable, Table, scratch_folder
from deepwright.registries import sources

__all__ = ["JSONL", "Arrow", "Parquet"]

_IN_MEMORY = 64 << 20  # bytes of the file; its columns may take ten times as many
_GROWS = 10
_JSON_GROWS = 6  # times: the text, its copy, and the columns
_STREAM_GROWS = 3
_ARROW = b"ARROW1"
_MARK = b"\xef\xbb\xbf"


def _table(frame: pl.DataFrame, path: Path) -> Table:
    if not frame.height or not frame.width:
        raise DataError(f"{path.name} has no rows.")
    return FrameTable(absolute_paths(frame, path.parent), path.name, files=(path,))


@contextmanager
def _expected(path: Path, what: str) -> Iterator[None]:
    """Raises DataError: the file is not there, or not what its name says."""
    try:
        with reading(path):
            yield
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path.name} is not {what}: {str(error).splitlines()[0]}") from error


@sources.register
class Parquet(Config):
    """A Parquet file."""

    kind: Literal["parquet"] = "parquet"
    path: str

    def open(self) -> Table:
        path = Path(self.path)
        with _expected(path, "a whole Parquet file"):
            if path.stat().st_size <= allowed(_IN_MEMORY, _GROWS):
                return _table(pl.read_parquet(path, glob=False), path)
            first = pl.scan_parquet(path, glob=False).head(LOOKED_AT).collect()
            changes = tuple(path_changes(first, path.parent))
            return ScannedTable(path, path.name, files=(path,), changes=changes)


@sources.register
class Arrow(Config):
    """An Arrow IPC file (Feather) or stream."""

    kind: Literal["arrow"] = "arrow"
    path: str

    def open(self) -> Table:
        path = Path(self.path)
        with _expected(path, "a whole Arrow file"):
            size = path.stat().st_size
            with open(path, "rb") as file:
                stream = file.read(len(_ARROW)) != _ARROW
            if not stream and size > allowed(_IN_MEMORY, _GROWS):
                folder, keep = scratch_folder()
                with room_for_copy(path):
                    return _copied(pl.scan_ipc(path, glob=False), path, folder, keep)
            if stream and size > allowed(size, _STREAM_GROWS):
                raise Refused(
                    f"{path.name} is an Arrow stream of {told(size)}, which is read whole, and that --memory leaves no room for. "
                    "Write it as an Arrow file (Feather) or as Parquet, which are read piece by piece."
                )
            data = path.read_bytes()
            return _table(pl.read_ipc_stream(data) if stream else pl.read_ipc(data), path)


@sources.register
class JSONL(Config):
    """One JSON object a line, plain or compressed."""

    kind: Literal["jsonl"] = "jsonl"
    path: str

    def open(self) -> Table:
        path = Path(self.path)
        most = allowed(_IN_MEMORY, _JSON_GROWS)
        data = read_bytes(path, most + 1)
        with _expected(path, "JSON lines (one object a line)"):
            if len(data) <= most:
                return _table(pl.read_ndjson(data.removeprefix(_MARK), infer_schema_length=None), path)
        marked = data.startswith(_MARK)
        del data
        folder, keep = scratch_folder()
        with _expected(path, "JSON lines (one object a line)"), room_for_copy(path):
            text = _plain(path, folder / "text.jsonl") if marked or is_packed(path) else path
            scan = pl.scan_ndjson(glob.escape(str(text)), infer_schema_length=None, low_memory=True)
            return _copied(scan, path, folder, keep)


def _plain(path: Path, target: Path) -> Path:
    """A copy without compression and byte order mark."""
    with place_errors(target), target.open("wb") as file:
        for place, block in enumerate(blocks(path)):
            file.write(block if place else block.removeprefix(_MARK))
    return target


def _copied(scan: pl.LazyFrame, path: Path, folder: Path, keep: Any) -> Table:
    """A large file as a copy on the disk."""
    target = folder / "table.parquet"
    write_copy(scan, target, len(scan.collect_schema()), path.name)
    changes = tuple(path_changes(pl.scan_parquet(target, glob=False).head(LOOKED_AT).collect(), path.parent))
    made = ScannedTable(target, path.name, files=(path,), keep=keep, changes=changes)
    if not made.height or not made.columns:
        raise DataError(f"{path.name} has no rows.")
    return made
