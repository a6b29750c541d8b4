"""Files that know their types: Parquet, Arrow (IPC, Feather) and JSON lines."""

from pathlib import Path
from typing import Literal

import polars as pl

from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.data.sources.paths import absolute_paths
from deepwright.data.table import FrameTable, ScannedTable, Table
from deepwright.registries import sources

__all__ = ["JSONL", "Arrow", "Parquet"]

_IN_MEMORY = 256 << 20


def _table(frame: pl.DataFrame, path: Path) -> Table:
    if not frame.height:
        raise DataError(f"{path.name} has no rows.")
    return FrameTable(absolute_paths(frame, path.parent), path.name, files=(path,))


@sources.register
class Parquet(Config):
    """A Parquet file."""

    kind: Literal["parquet"] = "parquet"
    path: str

    def open(self) -> Table:
        path = Path(self.path)
        try:
            if path.stat().st_size > _IN_MEMORY:
                return ScannedTable(path, path.name, files=(path,))
            return _table(pl.read_parquet(path), path)
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{path.name} is not a whole Parquet file: {str(error).splitlines()[0]}") from error


@sources.register
class Arrow(Config):
    """An Arrow IPC (Feather) file."""

    kind: Literal["arrow"] = "arrow"
    path: str

    def open(self) -> Table:
        path = Path(self.path)
        try:
            return _table(pl.read_ipc(path, memory_map=False), path)
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{path.name} is not a whole Arrow file: {str(error).splitlines()[0]}") from error


@sources.register
class JSONL(Config):
    """One JSON object a line."""

    kind: Literal["jsonl"] = "jsonl"
    path: str

    def open(self) -> Table:
        path = Path(self.path)
        try:
            return _table(pl.read_ndjson(path, infer_schema_length=None), path)
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"{path.name} is not JSON lines (one object a line): {str(error).splitlines()[0]}"
            ) from error
