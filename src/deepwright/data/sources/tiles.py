"""One picture as a table: its tiles are the rows, so that what it shows all over can be learnt and held out."""

import math
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field as Setting

from deepwright.contracts import Finding
from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.core.wording import plural
from deepwright.data.sources.paths import PICTURES
from deepwright.data.sources.pictures import shrunk
from deepwright.data.table import FrameTable, Table
from deepwright.registries import sources

__all__ = ["Tiles", "lone_picture"]

_LEAST = 3  # rows that can be divided: to train, validate and test


def lone_picture(folder: Path) -> Path | None:
    """The only picture of a folder, where there is one only."""
    found = [
        p for p in folder.rglob("*") if p.suffix.lower() in PICTURES and p.is_file() and not p.name.startswith(".")
    ]
    return found[0] if len(found) == 1 else None


@sources.register
class Tiles(Config):
    """Column `image`: tiles of one picture, side by side, none over another; what is left at right and below is not used.

    Args:
        path: of the picture. longer: its longer side is shrunk to so many pixels before it is cut.
        side: of a tile. None: 32, or less, so that there are at least 25.
    """

    kind: Literal["tiles"] = "tiles"
    path: str
    longer: int = Setting(256, ge=24, le=8192)
    side: int | None = Setting(None, ge=8, le=1024)

    def open(self) -> Table:
        """Raises DataError: no picture, one that cannot be read, or one too small to be cut."""
        path = Path(self.path)
        pixels = shrunk(path, self.longer)
        height, width = pixels.shape[:2]
        side = self.side or max(8, min(32, 8 * int(math.sqrt(height * width / 25) / 8)))
        down, across = height // side, width // side
        if down * across < _LEAST:
            raise DataError(
                f"{path.name} is {width} × {height} pixels and gives {plural(down * across, 'tile')} of {side}; at least {_LEAST} are "
                "needed. Give a larger picture or smaller tiles."
            )
        cut = pixels[: down * side, : across * side].reshape(down, side, across, side, 3).swapaxes(1, 2)
        cut = np.ascontiguousarray(cut.reshape(-1, side, side, 3))
        frame = pl.DataFrame({"image": pl.Series("image", cut, dtype=pl.Array(pl.UInt8, cut.shape[1:]))})
        text = (
            f"{path.name} is one picture: it was cut into {plural(len(cut), 'tile')} of {side} × {side} pixels "
            f"at {width} × {height}."
        )
        return FrameTable(frame, path.name, (Finding("note", "tiles", text),), files=(path,))
