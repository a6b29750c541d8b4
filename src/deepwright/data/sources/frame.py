"""Data that is in memory already: polars, pandas and Arrow frames, NumPy arrays, mappings of columns."""

from typing import Any, Literal

import numpy as np
import polars as pl

from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.data.sources.arrays import array_columns
from deepwright.data.table import FrameTable, Table
from deepwright.registries import sources

__all__ = ["Frame", "as_frame"]


@sources.register
class Frame(Config):
    """A frame handed over in Python; a recipe file can only name it."""

    kind: Literal["frame"] = "frame"
    name: str = "frame"

    def open(self) -> Table:
        raise DataError(
            f"The data of '{self.name}' was handed over in memory and is gone; hand it over again, or use --data FILE."
        )


def as_frame(data: Any) -> pl.DataFrame:
    """A polars frame of whatever holds columns.

    Raises:
        DataError: this is nothing with columns.
    """
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, np.ndarray):
        data = {"x": data}
    if isinstance(data, dict):
        columns: dict[str, pl.Series] = {}
        for name, value in data.items():
            columns |= array_columns(name, value) if isinstance(value, np.ndarray) else {name: pl.Series(name, value)}
        return pl.DataFrame(columns)
    if hasattr(data, "__arrow_c_stream__"):
        return pl.DataFrame(data)
    if type(data).__module__.split(".")[0] == "pandas":
        return pl.from_pandas(data)
    raise DataError(
        f"Expected a path, a frame (polars, pandas, Arrow), an array or a mapping of columns; got {type(data).__name__}."
    )


def frame_table(data: Any) -> FrameTable:
    frame = as_frame(data)
    if not frame.height:
        raise DataError("The frame has no rows.")
    return FrameTable(frame, "frame")
