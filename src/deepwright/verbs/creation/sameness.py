"""Whether what is made again is what a file shows, value by value."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image, ImageSequence

from deepwright.verbs.creation.pictures import moving, sheet
from deepwright.verbs.files import as_csv

__all__ = ["shows_the_same"]


def shows_the_same(path: Path, frame: pl.DataFrame, walk: bool) -> bool | None:
    """True or false; None where the format keeps no exact values, or keeps several columns apart.

    Args:
        frame: what was made. walk: the file shows all of it, one after the other.
    """
    end = path.suffix.lower()
    files = [name for name, kind in frame.schema.items() if kind == pl.Binary]
    if not files:
        if end == ".csv":
            return path.read_text(encoding="utf-8") == as_csv(frame)
        return pl.read_parquet(path).equals(frame) if end == ".parquet" else None
    if len(files) > 1 or end not in (".png", ".webp", ".gif"):
        return None
    cells = [cell for cell in frame[files[0]].to_list() if cell is not None]
    if len(cells) == 1 and _same(path.read_bytes(), cells[0]):
        return True
    if walk and end != ".png":
        return _same(path.read_bytes(), moving(cells, end, 20, None))
    return _same(path.read_bytes(), sheet(cells))


def _same(a: bytes, b: bytes) -> bool:
    found, wanted = _pixels(a), _pixels(b)
    return len(found) == len(wanted) and all(np.array_equal(x, y) for x, y in zip(found, wanted, strict=True))


def _pixels(content: bytes) -> Sequence[np.ndarray]:
    with Image.open(BytesIO(content)) as picture:
        return [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(picture)]
