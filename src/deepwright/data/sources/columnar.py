"""Files that know their types: Parquet, Arrow (IPC, Feather) and JSON lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import polars as pl

from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.data.room import allowed
from deepwright.data.sources.paths import LOOKED_AT, absolute_paths, path_changes, reading
from deepwright.data.sources.streams import read_bytes
from deepwright.data.table import FrameTable, ScannedTable, Table
from deepwright.registries import sources

__all__ = ["JSONL", "Arrow", "Parquet"]

_IN_MEMORY = 64 << 20  # bytes of the file; its columns may take ten times as many
_GROWS = 10


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
            data = path.read_bytes()
            stream = not data.startswith(b"ARROW1")
            return _table(pl.read_ipc_stream(data) if stream else pl.read_ipc(data), path)


@sources.register
class JSONL(Config):
    """One JSON object a line, plain or compressed."""

    kind: Literal["jsonl"] = "jsonl"
    path: str

    def open(self) -> Table:
        path = Path(self.path)
        data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
        with _expected(path, "JSON lines (one object a line)"):
            return _table(pl.read_ndjson(data, infer_schema_length=None), path)
