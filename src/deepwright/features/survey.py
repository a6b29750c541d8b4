"""A look at many pictures: small copies of equal shape together, what is wrong with the rest, hashes, thumbnails.

Small copies are kept for a while, since doctor, statistics and search for duplicates look at the same files in turn.
"""

import os
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from io import BytesIO

import numpy as np
import polars as pl
from PIL import Image

from deepwright.features.decoding import (
    Cell,
    Fault,
    Frame,
    Raster,
    as_channels,
    cells,
    column_pixels,
    is_pixels,
    read_all,
)

__all__ = ["Group", "Survey", "area_means", "data_uri", "fingerprints", "mixed", "picture_hashes", "png", "surveys"]

_SMALL = Frame(32, 32)
_ROWS = 4096  # looked at together; bounds the memory
_HASHED = 64  # hashed together: more would be shared between threads, which costs more than it brings
_KEPT = 64 << 20  # bytes of small copies


@dataclass(frozen=True)
class Group:
    """Pictures whose small copies have one shape.

    Args:
        rows: (n,) places in the column. pixels: (n, h, w, 1 or 3) uint8, or float32 raw values of deep pictures.
        sizes: (n, 2) original heights and widths. modes: Pillow's names of how they are stored.
        clear: (n,) bool, those with transparent places.
    """

    rows: np.ndarray
    pixels: np.ndarray
    sizes: np.ndarray
    modes: tuple[str, ...]
    clear: np.ndarray


@dataclass(frozen=True)
class Survey:
    """A piece of a column.

    Args:
        start: row of its first cell. height: its rows. missing: rows of empty cells.
        faults: (row, reason, what the cell says) of each picture that cannot be read.
    """

    start: int
    height: int
    groups: list[Group] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)


def surveys(column: pl.Series) -> Iterator[Survey]:
    """The whole column, a bounded number of rows at a time.

    Raises:
        DataError: the column holds no pictures.
    """
    for start in range(0, len(column), _ROWS):
        part = column.slice(start, _ROWS)
        yield _pixel_survey(part, start) if is_pixels(column.dtype) else _file_survey(cells(part), start)


def _pixel_survey(column: pl.Series, start: int) -> Survey:
    pixels, there = column_pixels(column)
    rows = np.flatnonzero(there)
    sizes = np.broadcast_to(pixels.shape[1:3], (len(rows), 2))
    mode = "L" if pixels.shape[3] == 1 else "RGB"
    groups = (
        [Group(rows + start, pixels[rows], sizes, (mode,) * len(rows), np.zeros(len(rows), bool))] if len(rows) else []
    )
    return Survey(start, len(column), groups, [int(row) + start for row in np.flatnonzero(~there)])


def _file_survey(part: list[Cell], start: int) -> Survey:
    survey = Survey(start, len(part))
    together: dict[tuple[tuple[int, ...], str], list[tuple[int, Raster]]] = {}
    for row, read in enumerate(_SHELF.look(part), start):
        if read is None:
            survey.missing.append(row)
        elif isinstance(read, Fault):
            cell = part[row - start]
            survey.faults.append((row, read.reason, cell if isinstance(cell, str) else ""))
        else:
            together.setdefault((read.pixels.shape, read.pixels.dtype.char), []).append((row, read))
    for members in together.values():
        rasters = [raster for _, raster in members]
        survey.groups.append(
            Group(
                np.array([row for row, _ in members]),
                np.stack([raster.pixels for raster in rasters]),
                np.array([raster.size for raster in rasters]),
                tuple(raster.mode for raster in rasters),
                np.array([raster.clear for raster in rasters]),
            )
        )
    return survey


class _Shelf:
    """Small copies by content (bytes) or by file, size and time of change; once full, nothing new is kept."""

    def __init__(self, room: int):
        self._room, self._kept = room, dict[object, Raster | Fault]()

    def look(self, part: list[Cell]) -> list[Raster | Fault | None]:
        keys = [_key(cell) for cell in part]
        found = [None if key is None else self._kept.get(key) for key in keys]
        new = [
            row for row, (cell, read) in enumerate(zip(part, found, strict=True)) if cell is not None and read is None
        ]
        for row, read in zip(new, read_all([part[row] for row in new], _SMALL), strict=True):
            found[row] = read
            size = 200 + (read.pixels.nbytes if isinstance(read, Raster) else 0)
            if keys[row] is not None and read is not None and size <= self._room:
                self._room -= size
                self._kept[keys[row]] = read
        return found


def _key(cell: Cell) -> object:
    if cell is None:
        return None
    if isinstance(cell, bytes):
        return blake2b(cell, digest_size=16).digest()
    try:
        facts = os.stat(cell)
    except (OSError, ValueError):  # no such file: the reading tells
        return None
    return os.path.abspath(cell), facts.st_size, facts.st_mtime_ns


_SHELF = _Shelf(_KEPT)


def area_means(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Means (n, height, width, C) float32 over equal areas of pictures (n, h, w, C), whatever their size."""
    down, across = (_areas(size, n) / size for size, n in zip(pixels.shape[1:3], (height, width), strict=True))
    parts = (down.astype(np.float32), pixels.astype(np.float32), across.astype(np.float32))
    return np.einsum("yh,nhwc,xw->nyxc", *parts, optimize=True)


def _area_sums(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The means times h · w: whole numbers, exact in whatever order they are added up."""
    kind = np.float32 if 255 * pixels.shape[1] * pixels.shape[2] < 2**24 else np.float64
    down, across = (_areas(size, n).astype(kind) for size, n in zip(pixels.shape[1:3], (height, width), strict=True))
    return np.einsum("yh,nhwc,xw->nyxc", down, pixels.astype(kind), across, optimize=True)


def _areas(size: int, pieces: int) -> np.ndarray:
    """(pieces, size) how much of each pixel lies in each piece, in whole 1/pieces of a pixel; rows sum to `size`."""
    edges = np.arange(pieces + 1) * size
    place = np.arange(size) * pieces
    overlap = np.minimum(edges[1:, None], place + pieces) - np.maximum(edges[:-1, None], place)
    return np.clip(overlap, 0, pieces).astype(np.float64)


def picture_hashes(pixels: np.ndarray) -> np.ndarray:
    """(n,) uint64 difference hashes ("dHash", Krawetz 2013) of small copies (n, h, w, C), across and down.

    Of neighbouring areas of an 8 × 8 raster, the brighter one counts, or neither: a difference below 1/8 of the
    picture's range is "neither", since noise would decide on its sign (below 1/16 in pictures of less than 32 pixels,
    seldom re-encoded but often alike). The third state keeps different pictures apart: of Fashion-MNIST's 70,000 pictures, 49
    share a hash with another, against 9,200 with the plain one. Blank pictures differ by brightness.
    """
    grey = as_channels(pixels, 1)
    step = 1 / 8 if max(pixels.shape[1:3]) >= _SMALL.width else 1 / 16
    total = np.zeros(len(grey), np.uint64)
    for axis, shape in ((2, (8, 9)), (1, (9, 8))):
        sums = _area_sums(grey, *shape)[..., 0]  # exact: a picture's hash is the same in any company
        clear = (np.ptp(sums, axis=(1, 2)) * step)[:, None, None]
        difference = np.diff(sums, axis=axis)
        for bits in (difference > clear, difference < -clear):
            total = mixed(total) ^ np.packbits(bits.reshape(-1, 64), axis=1).view(">u8")[:, 0].astype(np.uint64)
    flat = grey.reshape(len(grey), -1)
    blank = flat.max(1) == flat.min(1)
    shade = np.floor(flat.mean(1, dtype=np.float64) / 16).astype(np.int64).astype(np.uint64)
    return np.where(blank, mixed(shade + np.uint64(1)), total)


def fingerprints(column: pl.Series) -> np.ndarray:
    """(B,) uint64: the hashes of a column's pictures; rows without one have numbers of their own."""
    found = mixed(np.arange(len(column), dtype=np.uint64) + np.uint64(1 << 63))
    for survey in surveys(column):
        for group in survey.groups:
            for start in range(0, len(group.rows), _HASHED):
                few = slice(start, start + _HASHED)
                found[group.rows[few]] = picture_hashes(group.pixels[few])
    return found


def mixed(numbers: np.ndarray) -> np.ndarray:
    """uint64 numbers spread over all 64 bits, one to one (the finaliser of splitmix64: Steele, Lea & Flood 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def png(pixels: np.ndarray) -> bytes:
    """A picture (H, W, 1, 3 or 4) uint8 as PNG; the fourth channel is alpha."""
    out = BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(out, "PNG")
    return out.getvalue()


def data_uri(pixels: np.ndarray) -> str:
    """A picture for a page; tiny ones are enlarged by whole steps to about 112 pixels, so that they can be seen."""
    times = max(1, 112 // max(pixels.shape[:2]))
    large = pixels.repeat(times, 0).repeat(times, 1)
    return "data:image/png;base64," + b64encode(png(large)).decode("ascii")
