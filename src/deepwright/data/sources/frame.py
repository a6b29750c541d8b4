"""Data that is in memory already: polars, pandas and Arrow frames, NumPy arrays, mappings of columns."""

from collections.abc import Mapping
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
    """A polars frame of whatever holds columns. Columns of mixed types become text.

    Raises:
        DataError: this is nothing with columns, or its columns do not fit together.
    """
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, pl.DataFrame):
        return _checked(data)
    if isinstance(data, pl.Series):
        return _checked(data.to_frame())
    if isinstance(data, np.ndarray):
        return _from_columns({"x": data} if data.dtype.names is None else {n: data[n] for n in data.dtype.names})
    if isinstance(data, Mapping):
        return _from_columns(data)
    if type(data).__module__.split(".")[0] == "pandas":
        return _from_pandas(data)
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        try:
            return _checked(pl.DataFrame(data))
        except pl.exceptions.PolarsError as error:
            raise DataError(f"The Arrow data is not a table: {str(error).splitlines()[0]}.") from error
    raise DataError(
        f"Expected a path, a frame (polars, pandas, Arrow), an array or a mapping of columns; got {type(data).__name__}."
    )


def _from_columns(data: Mapping[Any, Any]) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {}
    for key, value in data.items():
        value = np.asarray(value) if getattr(value, "ndim", 1) > 1 else value  # tensors of other libraries
        parts = array_columns(str(key), value, columns) if isinstance(value, np.ndarray) else {str(key): value}
        columns |= {name: _series(name, part) for name, part in parts.items()}
    heights = {len(column) for column in columns.values()}
    if len(heights) > 1:
        told = ", ".join(f"{name}: {len(column)}" for name, column in list(columns.items())[:10])
        raise DataError(f"The columns differ in length ({told}).")
    return pl.DataFrame(columns)


def _series(name: str, value: Any) -> pl.Series:
    if isinstance(value, pl.Series) and value.dtype != pl.Object:
        return value.alias(name)
    try:
        cells = list(value)
    except TypeError as error:
        raise DataError(f"The column '{name}' is a single {type(value).__name__}; expected one value a row.") from error
    if hasattr(value, "dtype") and not isinstance(value, pl.Series):  # arrays and series of other libraries
        try:
            return _series(name, pl.Series(name, value))
        except (TypeError, ValueError, pl.exceptions.PolarsError):
            return _as_text(name, cells)
    try:
        column = pl.Series(name, cells)
    except (TypeError, pl.exceptions.PolarsError):
        return _as_text(name, cells)
    return _as_text(name, cells) if column.dtype == pl.Object else column


def _as_text(name: str, cells: list[Any]) -> pl.Series:
    """Cells of several types as text; None and NaN are missing."""
    missing = (cell is None or (isinstance(cell, float) and cell != cell) for cell in cells)
    return pl.Series(
        name, [None if gone else str(cell) for cell, gone in zip(cells, missing, strict=True)], dtype=pl.String
    )


def _from_pandas(data: Any) -> pl.DataFrame:
    """A pandas frame or series; the index is left out, as it is when written to a file with `index=False`."""
    frame = data.to_frame() if data.ndim == 1 else data
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"The frame has several columns called '{twice[0]}'. Give each column a name of its own.")
    columns = {name: frame.iloc[:, place] for place, name in enumerate(names)}
    try:
        return pl.from_pandas(frame.set_axis(names, axis=1))
    except (ValueError, TypeError, ImportError, pl.exceptions.PolarsError):  # a column of mixed types, or no pyarrow
        return _from_columns({name: _plain(column) for name, column in columns.items()})


def _plain(column: Any) -> list[Any]:
    """The cells of a pandas column, None where missing."""
    return [None if gone else cell for cell, gone in zip(column.tolist(), column.isna().tolist(), strict=True)]


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    objects = [name for name, dtype in frame.schema.items() if dtype == pl.Object]
    return frame.with_columns(_as_text(name, frame[name].to_list()) for name in objects) if objects else frame


def frame_table(data: Any) -> FrameTable:
    frame = as_frame(data)
    if not frame.height or not frame.width:
        raise DataError("The frame has no rows.")
    return FrameTable(frame, "frame")
