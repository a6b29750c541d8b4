"""Pictures for people: pixels out of what a feature shows, and signed maps laid over them."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from deepwright.features.survey import png

__all__ = ["overlay", "pixels_of", "stacked", "whereabouts"]

_FOR, _AGAINST = np.array([0, 114, 178]), np.array([199, 80, 0])  # Okabe and Ito's blue and vermilion
_START = "data:image/"
_PALE = 0.3  # of the picture's contrast that is left under the map
_WIDE = 112  # pixels to which small pictures are enlarged
_GAP = 6


def pixels_of(shown: str, size: tuple[int, int]) -> np.ndarray | None:
    """(H, W, 3) uint8 of a picture a feature showed, brought to `size` (H, W); None where it is no picture."""
    if not shown.startswith(_START):
        return None
    with Image.open(BytesIO(b64decode(shown.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGB").resize((size[1], size[0]), Image.Resampling.BOX))


def overlay(below: np.ndarray | None, signed: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: blue where `signed` (H, W) is positive, orange where negative, over a pale grey `below` (H, W, 3).

    Full colour is the 99th percentile of the sizes, so that one strong pixel does not hide the rest.
    """
    grey = np.full(signed.shape, 255.0) if below is None else 255 - _PALE * (255 - below.mean(2))
    most = float(np.quantile(np.abs(signed), 0.99)) or float(np.abs(signed).max())
    strength = np.clip(np.abs(signed) / most, 0, 1)[..., None] if most else np.zeros((*signed.shape, 1))
    colour = np.where((signed >= 0)[..., None], _FOR, _AGAINST)
    return (grey[..., None] * (1 - strength) + colour * strength).round().astype(np.uint8)


def stacked(pictures: Sequence[np.ndarray]) -> str:
    """A data URI of pictures (H, W, 3) of one size below each other, so that no page can part them.

    Small ones are enlarged by whole steps; the gaps between are transparent.
    """
    times = max(1, _WIDE // max(pictures[0].shape[:2]))
    parts: list[np.ndarray] = []
    for picture in pictures:
        large = picture.repeat(times, 0).repeat(times, 1)
        if parts:
            parts.append(np.zeros((_GAP, large.shape[1], 4), np.uint8))
        parts.append(np.concatenate([large, np.full((*large.shape[:2], 1), 255, np.uint8)], 2))
    return "data:image/png;base64," + b64encode(png(np.concatenate(parts))).decode("ascii")


def whereabouts(signed: np.ndarray) -> str:
    """Which ninth of a map (H, W) holds most of its positive part: "the upper left", "the middle" …"""
    parts = [np.array_split(band, 3, 1) for band in np.array_split(np.clip(signed, 0, None), 3, 0)]
    down, across = divmod(int(np.argmax([[cell.sum() for cell in row] for row in parts])), 3)
    if (down, across) == (1, 1):
        return "the middle"
    names = [("upper", "", "lower")[down], ("left", "", "right")[across]]
    return "the " + " ".join(name for name in names if name)
