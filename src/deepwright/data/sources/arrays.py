"""Arrays in files: IDX pairs (as MNIST is published) and NPZ."""

import math
import zipfile
import zlib
from collections.abc import Container
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from deepwright.contracts import Finding
from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.data.sources.paths import reading
from deepwright.data.sources.streams import read_bytes
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
        if not images:
            raise DataError(f"The folder {path} holds no IDX files of images (such as train-images-idx3-ubyte.gz).")
        frames, used = [], []
        for file in images:
            frame, files = _pair(file)
            used += files
            if len(images) > 1:
                split = "train" if "train" in file.name else "test"
                frame = frame.with_columns(pl.lit(split).alias("split"))
            frames.append(frame)
        if len({frame.schema["image"] for frame in frames}) > 1:
            raise DataError(f"The pictures of the IDX files in {path} differ in size; open one file at a time.")
        return FrameTable(pl.concat(frames, how="diagonal"), path.name, files=tuple(used))


def _pair(file: Path) -> tuple[pl.DataFrame, list[Path]]:
    """Columns `image` and, where there is a file of labels, `label`; and the files."""
    pixels = read_idx(file)
    if pixels.ndim not in (3, 4) or not len(pixels):
        raise DataError(f"{file.name} holds no pictures: its shape is {pixels.shape}.")
    frame = pl.DataFrame(array_columns("image", pixels))
    labels = file.with_name(file.name.replace("images", "labels").replace("idx3", "idx1"))
    if labels == file or not labels.exists():
        return frame, [file]
    values = read_idx(labels)
    if len(values) != len(pixels):
        raise DataError(f"{file.name} holds {len(pixels)} images but {labels.name} {len(values)} labels.")
    return frame.with_columns(pl.Series("label", values.ravel()).cast(pl.String)), [file, labels]


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file.

    Raises:
        DataError: not IDX, or shorter than its header says.
    """
    data = read_bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise DataError(f"{path.name} is not an IDX file (it should begin with two zero bytes and a type).")
    start = 4 + 4 * data[3]
    shape = tuple(int(size) for size in np.frombuffer(data[4:start], ">u4")) if len(data) >= start else ()
    dtype = np.dtype(_TYPES[data[2]])
    if not shape or len(data) - start < math.prod(shape) * dtype.itemsize:
        raise DataError(f"{path.name} is cut short: {shape[0] if shape else 'more'} items were promised.")
    return np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape).astype(dtype.newbyteorder("="))


@sources.register
class NPZ(Config):
    """Arrays with the same first axis; two axes become columns x0, x1 …, pictures (uint8) stay one column."""

    kind: Literal["npz"] = "npz"
    path: str

    def open(self) -> Table:
        path = Path(self.path)
        try:
            with reading(path), open(path, "rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{path.name} cannot be read as NPZ (objects are never unpickled): {error}.") from error
        lengths = {name: len(value) for name, value in arrays.items() if value.ndim}
        rows = max(lengths.values(), default=0)
        chosen = {name: value for name, value in arrays.items() if value.ndim and len(value) == rows}
        if not rows:
            raise DataError(f"{path.name} holds no arrays with rows.")
        left = [f"{name} ({lengths.get(name, 'no')} rows)" for name in sorted(arrays.keys() - chosen.keys())]
        text = f"Arrays without {rows} rows were left out: {', '.join(left)}."
        findings = (Finding("note", "other-arrays", text),) if left else ()
        columns: dict[str, pl.Series] = {}
        for key, value in chosen.items():
            columns |= array_columns(key, value, columns)
        if not columns:
            raise DataError(f"{path.name} holds no arrays with columns.")
        return FrameTable(pl.DataFrame(columns), path.name, findings, files=(path,))


def array_columns(name: str, value: np.ndarray, taken: Container[str] = ()) -> dict[str, pl.Series]:
    """An array as columns: one axis as it is, two as numbered columns, pictures as one column of pixels.

    Args:
        taken: names that are in use already; then the numbered columns bear the array's own name.

    Raises:
        DataError: no axis or more than four, complex numbers, or no pictures.
    """
    if value.dtype.kind == "c":
        raise DataError(f"The array '{name}' holds complex numbers; give their real and imaginary parts.")
    if value.ndim == 1:
        return {_free(name, taken): pl.Series(name, value)}
    if value.ndim == 2:
        prefix = "x" if name.lower() in ("x", "data", "features") else name
        prefix = f"{name}_" if any(f"{prefix}{place}" in taken for place in range(value.shape[1])) else prefix
        return {f"{prefix}{place}": pl.Series(np.ascontiguousarray(value[:, place])) for place in range(value.shape[1])}
    if value.ndim in (3, 4):
        pixels = value if value.dtype == np.uint8 else _as_pixels(name, value)
        if pixels.ndim == 4 and pixels.shape[1] in (1, 3, 4) and pixels.shape[3] not in (1, 3, 4):
            pixels = np.moveaxis(pixels, 1, 3)  # channels first, as torch keeps them
        pixels = np.ascontiguousarray(pixels)
        return {_free(name, taken): pl.Series(name, pixels, dtype=pl.Array(pl.UInt8, pixels.shape[1:]))}
    raise DataError(
        f"The array '{name}' has {value.ndim} axes; expected rows, rows × columns, or rows × height × width."
    )


def _free(name: str, taken: Container[str]) -> str:
    number = 2
    wanted = name
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def _as_pixels(name: str, value: np.ndarray) -> np.ndarray:
    if value.dtype.kind not in "biuf" or not value.size:
        raise DataError(f"The array '{name}' of shape {value.shape} holds no pixels ({value.dtype}).")
    value = np.nan_to_num(value.astype(np.float32), posinf=np.inf, neginf=-np.inf)
    low, high = float(value.min()), float(value.max())
    if low >= 0 and high <= 1:
        return np.round(value * 255).astype(np.uint8)
    if low >= 0 and high <= 255:
        return np.round(value).astype(np.uint8)
    if low >= -1 and high <= 1:
        return np.round((value + 1) * 127.5).astype(np.uint8)
    raise DataError(f"The array '{name}' runs from {low:g} to {high:g}; pictures run from 0 to 1 or 0 to 255.")
