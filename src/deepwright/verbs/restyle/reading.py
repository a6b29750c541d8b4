"""The two pictures, read: upright, small enough, or a sentence that says why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deepwright.core.errors import DataError
from deepwright.core.files import file_hash
from deepwright.data.sources.paths import UNREADABLE, reading
from deepwright.features.decoding import Fault, Frame, read_alpha, read_each

__all__ = ["Picture", "as_bytes", "read"]

_SIGNATURES = {b"8BPS": "PSD", b"%PDF": "PDF", b"<svg": "SVG", b"<?xml": "SVG or XML"}
_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC", b"avif": "AVIF"}


@dataclass(frozen=True)
class Picture:
    """A picture of the person's.

    Args:
        values: (1, 3, H, W), 0 to 1, laid over white where it is transparent. alpha: (H, W) bytes, None: opaque all over.
        full: (H, W) of the file, upright. hash: SHA-256 of the file.
    """

    values: Tensor
    alpha: np.ndarray | None
    full: tuple[int, int]
    hash: str

    @property
    def size(self) -> tuple[int, int]:
        return self.values.shape[-2], self.values.shape[-1]


def read(path: Path, side: int, least: int) -> Picture:
    """A picture, shrunk to a longer side of `side` pixels; grey ones get three channels.

    Args:
        least: pixels that the shorter side must have then.

    Raises:
        DataError: no picture, one that cannot be read, or one that is too small.
    """
    with reading(path), open(path, "rb") as file:
        head = file.read(16)
    kind = UNREADABLE.get(path.suffix.lower()) or _foreign(head)
    if kind is not None:
        raise DataError(f"{path} cannot be read: {kind} is not supported. Convert it to PNG or JPEG.")
    (raster,) = read_each(pl.Series("picture", [str(path.absolute())]), Frame(side, side, "within", 3, deep="own"))
    if raster is None or isinstance(raster, Fault):
        reason = "empty" if raster is None else raster.reason
        raise DataError(f"{path} cannot be read as a picture: {reason}. Expected PNG, JPEG, WebP, GIF, BMP or TIFF.")
    height, width = raster.pixels.shape[:2]
    if min(height, width) < least:
        shrunk = "" if (height, width) == raster.size else f" once its longer side is {max(height, width)}"
        raise DataError(
            f"{path} is {width} × {height} pixels{shrunk}; both sides must have at least {least}, a patch. Give a larger "
            "picture, or --set patch=3 (or a larger size)."
        )
    values = torch.from_numpy(raster.pixels.copy()).permute(2, 0, 1)[None].float() / 255
    return Picture(values, read_alpha(str(path.absolute()), (height, width)), raster.size, file_hash(path))


def _foreign(head: bytes) -> str | None:
    """The name of a format that is known and not read, by its first bytes."""
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    return next((name for start, name in _SIGNATURES.items() if head.lstrip().startswith(start)), None)


def as_bytes(values: Tensor, alpha: np.ndarray | None = None) -> np.ndarray:
    """(H, W, 3) bytes of a picture (1, 3, H, W); (H, W, 4) with its alpha."""
    pixels = (values[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    planes: Sequence[np.ndarray] = [pixels] if alpha is None else [pixels, alpha[..., None]]
    return np.ascontiguousarray(np.concatenate(planes, axis=2))
