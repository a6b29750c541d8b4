"""Lone pictures, read small; and as a text, so that a recipe can hold one that must not get lost."""

import base64
import binascii
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from deepwright.core.errors import DataError
from deepwright.data.sources.paths import PICTURES, reading

__all__ = ["TEXT", "as_text", "pixels_of", "shrunk"]

TEXT = "data:image/jpeg;base64,"  # RFC 2397
_QUALITY = 92


def shrunk(path: Path, longer: int) -> np.ndarray:
    """(H, W, 3) uint8, upright, its longer side at most `longer` pixels, laid over white where it is transparent.

    Raises:
        DataError: no picture, or one that cannot be read.
    """
    try:
        with reading(path), Image.open(path) as file:
            picture = ImageOps.exif_transpose(file).convert("RGBA")
    except DataError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as a picture. Expected {', '.join(PICTURES)}.") from error
    whole = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    whole.alpha_composite(picture)
    whole.thumbnail((longer, longer), Image.Resampling.LANCZOS)
    return np.asarray(whole.convert("RGB"))


def as_text(picture: str, longer: int) -> str:
    """The picture itself, small, as a text for a recipe; one that is a text already stays as it is.

    Args:
        picture: a path, or such a text.

    Raises:
        DataError: it cannot be read.
    """
    if picture.startswith(TEXT):
        return picture
    out = BytesIO()
    Image.fromarray(shrunk(Path(picture).expanduser(), longer)).save(out, "JPEG", quality=_QUALITY, subsampling=0)
    return TEXT + base64.b64encode(out.getvalue()).decode("ascii")


def pixels_of(picture: str, longer: int) -> np.ndarray:
    """(H, W, 3) uint8 of a path or of such a text, its longer side at most `longer` pixels. What comes from a path and
    what comes from its text are the same.

    Raises:
        DataError: it cannot be read.
    """
    text = as_text(picture, longer)
    try:
        with Image.open(BytesIO(base64.b64decode(text.removeprefix(TEXT), validate=True))) as file:
            whole = file.convert("RGB")
    except (OSError, ValueError, SyntaxError, binascii.Error, Image.DecompressionBombError) as error:
        raise DataError(f"The text '{text[:40]}…' holds no picture; give the path of one.") from error
    whole.thumbnail((longer, longer), Image.Resampling.LANCZOS)
    return np.asarray(whole)
