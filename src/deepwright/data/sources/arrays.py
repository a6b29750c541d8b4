"""Arrays in files: IDX pairs (as MNIST is published) and NPZ."""

import gzip
import math
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from deepwright.contracts import Finding
from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.data.table import FrameTable, Table
from deepwright.registries import sources

__all__ = ["IDX", "NPZ", "array_columns", "idx_files"]

_TYPES = {8: np.uint8, 9: np.int8, 11: np.dtype(">i2"), 12: np.dtype(">i4"), 13: np.dtype(">f4"), 14: np.dtype(">f8")}


def idx_files(folder: Path) -> list[Path]:
    """IDX files of images in a folder: names with "images" and "ubyte" or "idx"."""
    return sorted(p for p in folder.glob("*images*") if "ubyte" in p.name or "idx" in p.name)


@sources.register
class IDX(Config):
    """Image and label files in the IDX format, plain or .gz; a folder with train and t10k files gives both, split.

    LeCun, Cortes & Burges, "The MNIST database of handwritten digits" (the format's definition).
    """

    kind: Literal["idx"] = "idx"
    path: str

    def open(self) -> Table:
        """Raises DataError: a file is cut short, or images and labels differ in number."""
        path = Path(self.path)
        images = idx_files(path) if path.is_dir() else [path]
        if path.is_file() and "labels" in path.name:
            images = [path.with_name(path.name.replace("labels", "images").replace("idx1", "idx3"))]
        frames, used = [], []
        for file in images:
            pixels = read_idx(file)
            columns: dict[str, object] = {"image": pl.Series(pixels, dtype=pl.Array(pl.UInt8, pixels.shape[1:]))}
            labels = file.with_name(file.name.replace("images", "labels").replace("idx3", "idx1"))
            used.append(file)
            if labels.exists() and labels != file:
                values = read_idx(labels)
                if len(values) != len(pixels):
                    raise DataError(f"{file.name} holds {len(pixels)} images but {labels.name} {len(values)} labels.")
                columns["label"] = [str(value) for value in values]
                used.append(labels)
            if len(images) > 1:
                columns["split"] = ["train" if "train" in file.name else "test"] * len(pixels)
            frames.append(pl.DataFrame(columns))
        return FrameTable(pl.concat(frames), path.name, files=tuple(used))


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file.

    Raises:
        DataError: not IDX, or shorter than its header says.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            data = file.read()
    except (OSError, EOFError) as error:
        raise DataError(f"{path.name} cannot be read: {error}.") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise DataError(f"{path.name} is not an IDX file (it should begin with two zero bytes and a type).")
    shape = tuple(int(size) for size in np.frombuffer(data, ">i4", data[3], 4))
    dtype = np.dtype(_TYPES[data[2]])
    start = 4 + 4 * data[3]
    if len(data) - start < math.prod(shape) * dtype.itemsize:
        raise DataError(f"{path.name} is cut short: {shape[0]} items were promised.")
    return np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape).astype(dtype.newbyteorder("="))


@sources.register
class NPZ(Config):
    """Arrays with the same first axis; two axes become columns x0, x1 …, pictures (uint8) stay one column."""

    kind: Literal["npz"] = "npz"
    path: str

    def open(self) -> Table:
        path = Path(self.path)
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (ValueError, OSError) as error:
            raise DataError(f"{path.name} cannot be read as NPZ (objects are never unpickled): {error}.") from error
        lengths = {name: len(value) for name, value in arrays.items() if value.ndim}
        rows = max(lengths.values(), default=0)
        chosen = {name: value for name, value in arrays.items() if value.ndim and len(value) == rows}
        if not rows:
            raise DataError(f"{path.name} holds no arrays with rows.")
        left = sorted(arrays.keys() - chosen.keys())
        text = f"Arrays without {rows} rows were left out: {', '.join(left)}."
        findings = (Finding("note", "other-arrays", text),) if left else ()
        columns = {name: part for key, value in chosen.items() for name, part in array_columns(key, value).items()}
        return FrameTable(pl.DataFrame(columns), path.name, findings, files=(path,))


def array_columns(name: str, value: np.ndarray) -> dict[str, pl.Series]:
    """An array as columns: one axis as it is, two as numbered columns, pictures as one column of pixels."""
    prefix = "x" if name.lower() in ("x", "data", "features") else name
    if value.ndim == 1:
        return {name: pl.Series(name, value)}
    if value.ndim == 2:
        return {f"{prefix}{place}": pl.Series(value[:, place]) for place in range(value.shape[1])}
    if value.ndim in (3, 4):
        pixels = value if value.dtype == np.uint8 else _as_pixels(name, value)
        return {name: pl.Series(name, pixels, dtype=pl.Array(pl.UInt8, pixels.shape[1:]))}
    raise DataError(
        f"The array '{name}' has {value.ndim} axes; expected rows, rows × columns, or rows × height × width."
    )


def _as_pixels(name: str, value: np.ndarray) -> np.ndarray:
    low, high = float(np.nanmin(value)), float(np.nanmax(value))
    if low >= 0 and high <= 1:
        return np.round(value * 255).astype(np.uint8)
    if low >= 0 and high <= 255:
        return np.round(value).astype(np.uint8)
    if low >= -1 and high <= 1:
        return np.round((value + 1) * 127.5).astype(np.uint8)
    raise DataError(f"The array '{name}' runs from {low:g} to {high:g}; pictures run from 0 to 1 or 0 to 255.")
