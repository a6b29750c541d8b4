"""Reading pictures: paths, encoded bytes or pixels, of any mode and size, become pixels of one shape.

A picture that cannot be read is a `Fault` with a reason, never an exception: one broken file stops nothing. Only the
formats of `_FORMATS` are tried, since others (EPS) run programs. Colour pictures are (H, W, 3), grey ones (H, W, 1), those
whose transparency is kept (H, W, 4), with colours multiplied by alpha (`transparency.py`).
"""

import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from typing import Any, Literal

import numpy as np
import polars as pl
from PIL import Image, UnidentifiedImageError

from deepwright.core.errors import DataError
from deepwright.features.transparency import over_white, premultiplied

__all__ = [
    "Cell",
    "Fault",
    "Frame",
    "Raster",
    "as_channels",
    "border_colour",
    "cells",
    "column_pixels",
    "finite_range",
    "is_pixels",
    "read_all",
    "read_alpha",
    "read_column",
    "read_each",
    "read_picture",
    "value_range",
]  # fmt: skip

Cell = str | bytes | None

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
_ORIENTATION = 0x0112  # EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_PIECE = 512  # pictures in flight at once
_FEW = 8  # below this, threads cost more than they bring
_QUIET = threading.RLock()  # the filters of `warnings` belong to the whole process


@dataclass(frozen=True)
class Fault:
    """Why a picture cannot be read, in words: "not found", "no picture", "cut short or broken" …"""

    reason: str


@dataclass(frozen=True)
class Frame:
    """What every picture becomes.

    Args:
        height, width: pixels.
        fit: what happens when the shape differs: "crop" fills the frame and cuts what stands over, "pad" shows all and
            fills the rest, "stretch" distorts, "within" only shrinks and keeps the shape (sizes then differ).
        channels: 1 or 3, transparent places over white; 4: with alpha; None keeps what the picture has, over white.
        fill: (channels,) bytes beside a padded picture, and for one that cannot be read.
        deep: raw values that become 0 and 255 in pictures of more than 8 bits; None leaves those as float32.
        beside: a padded picture: "fill", or "border", the colour of its own border.
    """

    height: int
    width: int
    fit: Literal["crop", "pad", "stretch", "within"] = "within"
    channels: int | None = None
    fill: tuple[int, ...] = ()
    deep: tuple[float, float] | Literal["own"] | None = None
    beside: Literal["fill", "border"] = "fill"


@dataclass(frozen=True)
class Raster:
    """A picture that was read.

    Args:
        pixels: (H, W, C) uint8; float32 raw values where the file has more than 8 bits and none were scaled.
        size: (H, W) of the original, upright. mode: Pillow's name of how the file holds it.
        clear: whether anything in it is transparent, which a mode with alpha does not tell.
    """

    pixels: np.ndarray
    size: tuple[int, int]
    mode: str
    clear: bool = False


def is_pixels(dtype: pl.DataType) -> bool:
    """Whether a column of this type holds pixels: arrays of bytes, (H, W) or (H, W, channels)."""
    if not isinstance(dtype, pl.Array) or len(dtype.shape) not in (2, 3):
        return False
    inner: Any = dtype
    for _ in dtype.shape:
        inner = inner.inner
    return inner == pl.UInt8 and (len(dtype.shape) == 2 or dtype.shape[2] <= 4 or dtype.shape[0] in (1, 3, 4))


def column_pixels(column: pl.Series, alpha: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (B, H, W, 1 or 3) of a column of pixels, transparent ones over white, and which rows are there, (B,) bool.

    With `alpha` they are (B, H, W, 4), as they are given. Three axes are (H, W, channels), or (channels, H, W) where only that makes sense. Missing rows are zeros.
    """
    there = column.is_not_null().to_numpy()
    values = column.drop_nulls().to_numpy()
    if values.ndim == 3:
        values = values[..., None]
    elif values.shape[3] > 4:
        values = values.transpose(0, 2, 3, 1)
    if alpha:
        values = as_channels(values, 4)
    elif values.shape[3] in (2, 4):
        values = over_white(values)
    if not there.all():
        full = np.zeros((len(there), *values.shape[1:]), np.uint8)
        full[there] = values
        values = full
    return values, there


def cells(column: pl.Series) -> list[Cell]:
    """The paths or bytes of a column; blank ones are None.

    Raises:
        DataError: the column holds something else.
    """
    if column.dtype == pl.String:
        return [cell if cell and not cell.isspace() else None for cell in column.to_list()]
    if column.dtype in (pl.Categorical, pl.Enum):
        return cells(column.cast(pl.String))
    if column.dtype in (pl.Binary, pl.Null):
        return column.to_list()
    raise DataError(
        f"The column '{column.name}' should hold pictures (paths, encoded bytes, or pixels as uint8 arrays); "
        f"it holds {column.dtype}."
    )


def read_column(column: pl.Series, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """All pictures of a column as (B, H, W, channels) uint8, and which could be read, (B,) bool; others are `fill`.

    `frame.channels` must be given.
    """
    shape = (len(column), frame.height, frame.width, frame.channels)
    if is_pixels(column.dtype):
        pixels, good = column_pixels(column, frame.channels == 4)
        if pixels.shape[1:3] == shape[1:3]:
            values = premultiplied(pixels) if shape[3] == 4 else as_channels(pixels, shape[3])
        else:
            values = np.empty(shape, np.uint8)
            pictures = _spread(lambda one: _framed(_as_image(one), frame), list(pixels))
            for row, picture in enumerate(pictures):
                values[row] = picture
        if values is pixels or not values.flags.writeable:
            values = values.copy()
    else:
        values, good = np.empty(shape, np.uint8), np.ones(len(column), bool)
        for row, read in enumerate(read_all(cells(column), frame)):
            if isinstance(read, Raster):
                values[row] = read.pixels
            else:
                good[row] = False
    values[~good] = np.asarray(frame.fill, np.uint8)
    return values, good


def read_each(column: pl.Series, frame: Frame) -> Iterator[Raster | Fault | None]:
    """Each picture of a column of whatever kind, in order; None where there is none.

    Raises:
        DataError: the column holds something else.
    """
    if not is_pixels(column.dtype):
        yield from read_all(cells(column), frame)
        return
    pixels, there = column_pixels(column)
    for one, good in zip(pixels, there, strict=True):
        yield (
            Raster(_framed(_as_image(one), frame), one.shape[:2], "L" if one.shape[2] == 1 else "RGB") if good else None
        )


def read_all(pictures: Sequence[Cell], frame: Frame) -> Iterator[Raster | Fault | None]:
    """Each picture read, in order; None where the cell is empty."""
    return _spread(lambda cell: read_picture(cell, frame), pictures)


def _spread(work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
    """The results in order, made by a few threads (Pillow gives other threads way), a piece at a time."""
    if len(items) < _FEW:
        with _quiet():
            results = [work(item) for item in items]
        yield from results
        return
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(items), _PIECE):
            with _quiet():
                # Several items a task: handing over costs as much as shrinking a small picture.
                parts = [items[at : at + 16] for at in range(start, min(start + _PIECE, len(items)), 16)]
                results = list(chain.from_iterable(pool.map(lambda part: [work(item) for item in part], parts)))
            yield from results


@contextmanager
def _quiet() -> Iterator[None]:
    """Warnings about doubtful metadata are silent; a picture that unpacks to a monstrous size is an error."""
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def read_picture(cell: Cell, frame: Frame) -> Raster | Fault | None:
    """A picture from a path or bytes, upright, first frame of animations; None for an empty cell."""
    if cell is None:
        return None
    if not cell:
        return Fault("empty")
    try:
        with Image.open(BytesIO(cell) if isinstance(cell, bytes) else cell, formats=_FORMATS) as image:
            mode, full, side = image.mode, image.size, 2 * max(frame.height, frame.width)
            image.draft(None, (side, side))  # JPEG: decode at 1/2, 1/4 or 1/8 where that is still enough
            shrunk = image.size != full
            image.load()
            turn = image.getexif().get(_ORIENTATION, 1)
            upright = image.transpose(_TURNS[turn]) if turn in _TURNS else image
            width, height = upright.size if not shrunk else full[::-1] if turn in (5, 6, 7, 8) else full
            plain = _plain(upright)
            clear = plain.mode == "RGBA" and plain.getchannel("A").getextrema()[0] < 255
            return Raster(_framed(plain, frame), (height, width), mode, clear)
    except Exception as error:  # decoders of broken bytes raise anything at all; what went wrong is told, and counted
        return Fault(_reason(cell, error))


def _reason(cell: str | bytes, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "not found"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels"
    if isinstance(error, PermissionError | IsADirectoryError):
        return "cannot be opened"
    if isinstance(error, UnidentifiedImageError):
        empty = isinstance(cell, str) and os.path.isfile(cell) and not os.path.getsize(cell)
        return "empty" if empty else "no picture"
    return "cut short or broken"


def _plain(image: Image.Image) -> Image.Image:
    """The picture as L, RGB, RGBA, or F where it has more than 8 bits."""
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        image.info.pop("transparency", None)
        return image.convert("F")
    if mode == "1":
        return image.convert("L")
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or (mode in ("L", "P", "RGB") and "transparency" in image.info):
        return (image.convert("LA") if mode == "La" else image).convert("RGBA")
    return image if mode in ("L", "RGB") else image.convert("RGB")


def _as_image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _framed(image: Image.Image, frame: Frame) -> np.ndarray:
    """A plain picture in the frame: (H, W, channels)."""
    pixels = np.asarray(_resized(image, frame))
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.shape[2] == 4:
        pixels = premultiplied(pixels) if frame.channels == 4 else over_white(pixels)
    if pixels.dtype == np.float32 and frame.deep is not None:
        low, high = value_range(*finite_range(pixels)) if frame.deep == "own" else frame.deep
        pixels = np.nan_to_num((pixels - low) * (255 / (high - low)), nan=0.0, posinf=255.0, neginf=0.0)
        pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    if frame.channels is not None:
        pixels = as_channels(pixels, frame.channels)
    if frame.fit != "pad" or pixels.shape[:2] == (frame.height, frame.width):
        return pixels
    full = np.empty((frame.height, frame.width, pixels.shape[2]), pixels.dtype)
    full[:] = frame.fill if frame.beside == "fill" else border_colour(pixels)
    top, left = ((outer - inner) // 2 for outer, inner in zip(full.shape[:2], pixels.shape[:2], strict=True))
    full[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return full


def border_colour(pixels: np.ndarray) -> np.ndarray:
    """(C,) the median colour of the outermost pixels of a picture (H, W, C)."""
    edge = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    return np.median(edge, axis=0).astype(pixels.dtype)


def _resized(image: Image.Image, frame: Frame) -> Image.Image:
    width, height = image.size
    box = None
    target = (frame.width, frame.height)
    scales = (frame.width / width, frame.height / height)
    if frame.fit == "crop":
        inner = (frame.width / max(scales), frame.height / max(scales))
        left, top = (width - inner[0]) / 2, (height - inner[1]) / 2
        box = (left, top, min(left + inner[0], width), min(top + inner[1], height))
    elif frame.fit != "stretch":
        scale = min(*scales, 1.0) if frame.fit == "within" else min(scales)
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
    if target == image.size:
        return image
    # Alpha is taken into account by Pillow; bicubic filters away what is too fine when it shrinks.
    return image.resize(target, Image.Resampling.BICUBIC, box, reducing_gap=3.0)


def finite_range(values: np.ndarray) -> tuple[float, float]:
    """Smallest and largest value that is a number; 0 and 0 when there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def value_range(low: float, high: float) -> tuple[float, float]:
    """The raw values that mean black and white, given the smallest and largest seen.

    >>> value_range(3, 3900), value_range(0.1, 0.9), value_range(-80, 20)
    ((0.0, 4095.0), (0.0, 1.0), (-80.0, 20.0))
    """
    if low < 0:
        return float(low), float(high) if high > low else low + 1.0
    if high <= 1:
        return 0.0, 1.0
    return 0.0, float(2 ** max(8, int(np.ceil(np.log2(high + 1)))) - 1)


def as_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Pictures (..., 1 or 3) with this many channels; grey is the luma of ITU-R BT.601, as in Pillow.

    With 4 all is opaque, unless alpha is there, (..., 2 or 4).
    """
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 4:
        there = pixels.shape[-1] == 2
        colours, alpha = (pixels[..., :1], pixels[..., 1:]) if there else (pixels, np.full_like(pixels[..., :1], 255))
        return np.concatenate([as_channels(colours, 3), alpha], -1)
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    if pixels.dtype != np.uint8:
        return pixels @ np.array([[0.299], [0.587], [0.114]], pixels.dtype)
    red, green, blue = (pixels[..., place].astype(np.uint32) for place in range(3))
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)[..., None]


def read_alpha(cell: str | bytes, size: tuple[int, int]) -> np.ndarray | None:
    """How opaque a readable picture is, (H, W) uint8 of this size (H, W), upright; None where it is so all over."""
    with _quiet(), Image.open(BytesIO(cell) if isinstance(cell, bytes) else cell, formats=_FORMATS) as image:
        plain = _plain(image)
        if plain.mode != "RGBA":
            return None
        turn = image.getexif().get(_ORIENTATION, 1)
        alpha = plain.getchannel("A")
        alpha = alpha.transpose(_TURNS[turn]) if turn in _TURNS else alpha
        pixels = np.asarray(alpha.resize(size[::-1], Image.Resampling.BICUBIC, reducing_gap=3.0))
    return None if pixels.min() == 255 else pixels
