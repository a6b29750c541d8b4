"""Statistics of picture columns that add up over pieces of the data: sizes, kinds, colours, symmetry, failures."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import polars as pl

from deepwright.features.decoding import as_channels, finite_range
from deepwright.features.survey import Group, surveys

__all__ = ["ImageSummary", "Moments", "blank_pictures", "summarise_pictures"]

_ALIKE = 0.6  # correlation with the mirrored picture from which a picture counts as symmetric
_GREY = 3  # largest difference between the channels of a picture that counts as grey


@dataclass(frozen=True)
class Moments:
    """Sums over pictures of each one's mean and mean square, for red, green, blue and luma; every picture counts alike."""

    count: int = 0
    sums: tuple[float, ...] = (0.0,) * 4
    squares: tuple[float, ...] = (0.0,) * 4

    def merge(self, other: Self) -> "Moments":
        return Moments(
            self.count + other.count,
            tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)),
            tuple(a + b for a, b in zip(self.squares, other.squares, strict=True)),
        )

    def scaled(self, low: float, high: float) -> "Moments":
        """The same pictures in units where `low` is 0 and `high` is 1."""
        span = high - low
        sums = tuple((total - self.count * low) / span for total in self.sums)
        pairs = zip(self.sums, self.squares, strict=True)
        squares = tuple((square - 2 * low * total + self.count * low**2) / span**2 for total, square in pairs)
        return Moments(self.count, sums, squares)


@dataclass(frozen=True)
class ImageSummary:
    """What is known of a column of pictures.

    Args:
        name: the column's. rows: cells seen. missing: empty cells. unreadable: pictures that could not be read;
            first: row, reason and file of the first of them.
        sizes: pictures of each (height, width). modes: pictures of each of Pillow's modes.
        grey: pictures without colour. symmetric: pictures much like their mirror image.
        plain: of 8-bit pictures, in [0, 1]; deep: of those with more bits, in raw values from deep_low to deep_high.
    """

    name: str = ""
    rows: int = 0
    missing: int = 0
    unreadable: int = 0
    first: tuple[int, str, str] | None = None
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    grey: int = 0
    symmetric: int = 0
    plain: Moments = field(default_factory=Moments)
    deep: Moments = field(default_factory=Moments)
    deep_low: float = np.inf
    deep_high: float = -np.inf

    @property
    def readable(self) -> int:
        return self.plain.count + self.deep.count

    def merge(self, other: Self) -> "ImageSummary":
        first = self.first
        if first is None and other.first is not None:
            first = (self.rows + other.first[0], *other.first[1:])
        return ImageSummary(
            self.name or other.name,
            self.rows + other.rows,
            self.missing + other.missing,
            self.unreadable + other.unreadable,
            first,
            dict(Counter(self.sizes) + Counter(other.sizes)),
            dict(Counter(self.modes) + Counter(other.modes)),
            self.grey + other.grey,
            self.symmetric + other.symmetric,
            self.plain.merge(other.plain),
            self.deep.merge(other.deep),
            min(self.deep_low, other.deep_low),
            max(self.deep_high, other.deep_high),
        )


def summarise_pictures(column: pl.Series) -> ImageSummary:
    """The statistics of a column; colours and symmetry are those of copies of at most 32 pixels."""
    summary = ImageSummary(column.name)
    for survey in surveys(column):
        part = ImageSummary(rows=survey.height, missing=len(survey.missing), unreadable=len(survey.faults))
        if survey.faults:
            row, reason, file = survey.faults[0]
            part = ImageSummary(part.name, part.rows, part.missing, part.unreadable, (row - survey.start, reason, file))
        for group in survey.groups:
            part = part.merge(_of_group(group))
        summary = summary.merge(part)
    return summary


def _of_group(group: Group) -> ImageSummary:
    deep = group.pixels.dtype != np.uint8
    low, high = finite_range(group.pixels) if deep else (np.inf, -np.inf)
    pixels = np.nan_to_num(group.pixels, nan=low, posinf=high, neginf=low) if deep else group.pixels
    channels, means, squares = pixels.shape[3], [], []
    luma = as_channels(pixels, 1)
    for place in (*range(channels), None):
        one = (luma if place is None else pixels[..., place]).reshape(len(pixels), -1).astype(np.float32)
        means.append(one.mean(1, dtype=np.float64) / (1 if deep else 255))
        squares.append(np.einsum("np,np->n", one, one, dtype=np.float64) / one.shape[1] / (1 if deep else 255**2))
    order = (0, 0, 0, 1) if channels == 1 else (0, 1, 2, 3)
    moments = Moments(
        len(pixels),
        tuple(float(means[place].sum()) for place in order),
        tuple(float(squares[place].sum()) for place in order),
    )
    return ImageSummary(
        sizes=Counter((int(height), int(width)) for height, width in group.sizes),
        modes=Counter(group.modes),
        grey=int(_is_grey(pixels).sum()),
        symmetric=int((_mirror_correlation(luma[..., 0]) >= _ALIKE).sum()),
        **({"deep": moments, "deep_low": low, "deep_high": high} if deep else {"plain": moments}),
    )


def _is_grey(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[3] == 1:
        return np.ones(len(pixels), bool)
    spread = pixels.max(3).astype(np.float32) - pixels.min(3)
    return spread.reshape(len(pixels), -1).max(1) <= _GREY


def _mirror_correlation(luma: np.ndarray) -> np.ndarray:
    """(n,) correlations of pictures (n, h, w) with their mirror images; blank ones 1."""
    centred = luma.astype(np.float32)
    centred -= centred.mean(axis=(1, 2), keepdims=True)
    power = np.einsum("nyx,nyx->n", centred, centred)
    return np.where(power > 0, np.einsum("nyx,nyx->n", centred, centred[:, :, ::-1]) / np.maximum(power, 1e-12), 1.0)


def blank_pictures(group: Group) -> np.ndarray:
    """(n,) true where a picture is (nearly) one colour all over."""
    flat = group.pixels.reshape(len(group.pixels), -1, group.pixels.shape[3])
    span = flat.max(1).astype(np.float32) - flat.min(1)
    return (span <= (2 if group.pixels.dtype == np.uint8 else 0)).all(1)
