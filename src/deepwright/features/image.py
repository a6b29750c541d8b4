"""Image: pictures as paths, encoded bytes or pixels.

Shapes: B rows, H × W pixels, C channels (1, 3, or 4 where transparency is kept; colours are then multiplied by alpha). Stored
as bytes (B, H, W, C); `z` is (x / 255 − mean) / std. Not handled: pictures of several pages (the first one is taken).
"""

import math
import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
import torch
from pydantic import Field as Setting
from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator
from torch import Tensor, nn

from deepwright.contracts import NEAR, Finding, Suits, Warp
from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.core.wording import percent
from deepwright.data.sources.paths import PICTURES
from deepwright.draw import Draw
from deepwright.features.augment import Augmentation, augment_pictures
from deepwright.features.decoding import Frame, Raster, is_pixels, read_column, read_each, value_range
from deepwright.features.picture_findings import picture_findings
from deepwright.features.picture_statistics import ImageSummary, summarise_pictures
from deepwright.features.survey import area_means, data_uri, fingerprints, png
from deepwright.features.transparency import straight
from deepwright.fields import Field
from deepwright.registries import features
from deepwright.spaces import Box

__all__ = ["FittedImage", "Image", "Normalise"]

_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*", b"P5", b"P6", b"P4")
_SMALL = 96  # pictures that all have one size up to this are taken as they are
_SIDE = (16, 64)  # otherwise: bounds of the side, since larger ones are slow to learn on a CPU
_THUMBNAIL = 8
_SHOWN = 160
_AT_ONCE = 16 << 20  # bytes of pixels as float32 whose areas are averaged together
_LEAST_STD = 0.02  # pictures of one colour

Side = Annotated[int, Setting(ge=1, le=4096)]

_PRESETS: Mapping[str, Mapping[str, float]] = {
    "none": {},
    "light": {"shift": 0.07},
    "auto": {"shift": 0.07, "erase": 0.25},
    "rand": {"shift": 0.07, "erase": 0.25, "rand_ops": 2, "rand_magnitude": 0.3},
}


class Normalise(nn.Module):
    """Bytes or floats (B, H, W, C) from 0 to 255 → (x / 255 − mean) / std, float, in the same layout."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.register_buffer("scale", torch.tensor([1 / (255 * s) for s in std]), persistent=False)
        self.register_buffer("shift", torch.tensor([-m / s for m, s in zip(mean, std, strict=True)]), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        if len(self.scale) == 1:
            return values * self.scale + self.shift
        # Whole lines at once: over an axis of three, broadcasting is several times slower.
        width = values.shape[-2]
        return (values.flatten(-2) * self.scale.repeat(width) + self.shift.repeat(width)).unflatten(-1, (width, -1))


class FittedImage(Config):
    """Pictures of one size, normalised by the training rows.

    Args:
        size: (H, W). mean, std: of each channel, in [0, 1].
        deep: raw values that become black and white in pictures of more than 8 bits; None: each picture's own.
        augmentation: what happens to training pictures.
    """

    kind: Literal["image"] = "image"
    size: tuple[Side, Side]
    channels: Literal[1, 3, 4]
    resize: Literal["crop", "pad", "stretch"] = "crop"
    beside: Literal["mean", "border"] = "mean"
    mean: tuple[float, ...]
    std: tuple[float, ...]
    deep: tuple[float, float] | None = None
    augmentation: Augmentation = Augmentation()

    @property
    def _grey(self) -> tuple[int, ...]:
        """What covers and fills up: the mean colour, or nothing at all."""
        return (0,) * 4 if self.channels == 4 else tuple(round(255 * mean) for mean in self.mean)

    @property
    def _frame(self) -> Frame:
        beside = "border" if self.beside == "border" else "fill"
        return Frame(*self.size, self.resize, self.channels, self._grey, self.deep or "own", beside)

    @property
    def space(self) -> Box:
        mean, std = torch.tensor(self.mean), torch.tensor(self.std)
        shape = (*self.size, self.channels)
        frozen = torch.zeros(self.channels, dtype=torch.bool)
        return Box(shape, (0 - mean) / std, (1 - mean) / std, frozen, 1 / (255 * std), mirror=self.augmentation.flip)

    def encode(self, column: pl.Series) -> Field:
        """(B, H, W, C) uint8; missing and unreadable pictures are the mean colour, with `present` false.

        Raises:
            DataError: the column holds something else than pictures.
        """
        values, good = read_column(column, self._frame)
        return Field(torch.from_numpy(values), None, None if good.all() else torch.from_numpy(good))

    def embedder(self) -> nn.Module:
        return Normalise(self.mean, self.std)

    def augment(self, field: Field, draw: Draw) -> tuple[Field, Warp | None]:
        fill = torch.tensor(self._grey, dtype=torch.uint8)
        values, matrix = augment_pictures(field.values, self.augmentation, fill, draw)
        return field.with_values(values), None if matrix is None else Warp(matrix)

    def decode(self, z: Field) -> pl.Series:
        """PNG files as bytes; missing where `present` is false."""
        mean, std = (torch.tensor(part, device=z.values.device) for part in (self.mean, self.std))
        pixels = ((z.values.detach().float() * std + mean) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        pixels = straight(pixels) if self.channels == 4 else pixels
        there = np.ones(len(pixels), bool) if z.present is None else z.present.cpu().numpy()
        return pl.Series([png(one) if good else None for one, good in zip(pixels, there, strict=True)], dtype=pl.Binary)

    def per_unit(self, attribution: Tensor) -> Tensor:
        """(B, H, W, C) → (B, H, W), summed over channels so that the total stays the same."""
        return attribution.sum(-1)

    def baseline(self, z: Field) -> Field:
        """The training rows' mean colour all over."""
        return z.with_values(torch.zeros_like(z.values))

    def baseline_columns(self, column: pl.Series) -> pl.DataFrame:
        """Mean values in [0, 1] of 8 × 8 areas, 64 · C columns "row_column_channel"."""
        side, parts = _THUMBNAIL, []
        rows = max(1, _AT_ONCE // (4 * math.prod(self.size) * self.channels))
        for start in range(0, max(len(column), 1), rows):
            values, good = read_column(column.slice(start, rows), self._frame)
            means = area_means(values, side, side).reshape(len(values), side * side * self.channels) / np.float32(255)
            means[~good] = np.nan
            parts.append(means)
        names = [f"{y}_{x}_{c}" for y in range(side) for x in range(side) for c in range(self.channels)]
        return pl.DataFrame(np.concatenate(parts), schema=dict.fromkeys(names, pl.Float32))

    def findings(self, column: pl.Series) -> list[Finding]:
        return picture_findings(column, self.size, self.resize, self.channels == 4)

    def fingerprint(self, column: pl.Series) -> np.ndarray:
        """(B,) uint64 perceptual hashes (`picture_hashes`); each missing or unreadable row has its own."""
        return fingerprints(column)

    def show(self, column: pl.Series) -> list[str]:
        """Pictures of at most 160 pixels as they were given, not as they are encoded; "missing", or the reason."""
        reads = read_each(column, Frame(_SHOWN, _SHOWN, deep=self.deep or "own"))
        return [
            data_uri(read.pixels) if isinstance(read, Raster) else "missing" if read is None else read.reason
            for read in reads
        ]

    def to_state(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FittedImage":
        return cls.model_validate(state)


@features.register
class Image(Config):
    """Pictures of any size and mode: paths, encoded files or pixels.

    Left alone, training pictures are shifted by up to 7 % of their side and a square of a quarter of the side is covered;
    they are mirrored if that keeps their meaning as far as the pictures themselves tell: colour pictures yes, grey ones
    only if at least half of them resemble their mirror image (correlation ≥ 0.6; clothes 72 %, digits 37 %, letters 13 %).

    Args:
        size: height and width in pixels, or one number for both. None: the pictures' own if they share one of at most
            96 pixels; a shared larger one is scaled to the area of a square of 64; otherwise a square, its side the
            median of the shorter sides, a multiple of 8 from 16 to 64.
        channels: 1 grey, 3 colour; None: 1 if every training picture is grey.
        alpha: transparent places are laid over white ("flatten"), or learnt as a fourth channel ("keep"): then what is created
            is transparent too.
        resize: where the shape differs, "crop" cuts what stands over, "pad" fills up, "stretch" distorts; `fit` is the same.
            None: "crop", and "pad" where pictures are created.
        beside: what "pad" fills up with: the "mean" colour of the training pictures, or that of each one's "border". None:
            the mean, and the border where pictures are created.
        most: the largest side that is chosen by itself. None: 64; where pictures are created 32 up to 20 minutes, 48 up to
            an hour.
        augment: "auto", "none", "light" (shifts and mirroring only) or "rand" (also RandAugment). The following settings
            win over it; see `Augmentation`.
        flip: mirror left and right; "auto" as told above. False where left and right differ in meaning.
    """

    kind: Literal["image"] = "image"
    size: tuple[Side, Side] | Side | None = None
    channels: Literal[1, 3] | None = None
    alpha: Literal["flatten", "keep"] = "flatten"
    resize: Literal["crop", "pad", "stretch"] | None = None
    beside: Literal["mean", "border"] | None = None
    most: int | None = Setting(None, ge=16, le=1024)
    augment: Literal["auto", "none", "light", "rand"] = "auto"
    flip: bool | Literal["auto"] = "auto"
    shift: float | None = Setting(None, ge=0.0, le=0.5)
    rotate: float | None = Setting(None, ge=0.0, le=180.0)
    zoom: float | None = Setting(None, ge=0.0, le=1.0)
    brightness: float | None = Setting(None, ge=0.0, le=1.0)
    contrast: float | None = Setting(None, ge=0.0, le=1.0)
    saturation: float | None = Setting(None, ge=0.0, le=1.0)
    erase: float | None = Setting(None, ge=0.0, le=1.0)
    rand_ops: int | None = Setting(None, ge=0, le=8)
    rand_magnitude: float | None = Setting(None, ge=0.0, le=1.0)
    fitted: ClassVar[type] = FittedImage

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.alpha == "keep" and self.channels is not None:
            raise ValueError("with alpha: keep there are four channels; leave channels out")
        return self

    @model_serializer(mode="wrap")
    def _usual_left_out(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the usual `alpha`: recipes from before there was a choice keep their hash."""
        stored = whole(self)
        if stored["alpha"] == "flatten":
            del stored["alpha"]
        return stored

    @classmethod
    def suits(cls, column: pl.Series) -> Suits | None:
        return _suits(column, cls())

    def creating(self, seconds: float | None, wanted: Mapping[str, Any]) -> "Image":
        """Whole pictures, small enough for a network that has to make every pixel; or as they are wanted."""
        side = 32 if seconds is None or seconds < 1200 else 48 if seconds < 3600 else 64
        usual = {"resize": "pad", "beside": "border", "most": side, **wanted}
        if self.alpha == "keep":  # there are four channels then
            usual.pop("channels", None)
        return self.model_copy(update={name: value for name, value in usual.items() if getattr(self, name) is None})

    def summarise(self, column: pl.Series) -> ImageSummary:
        return summarise_pictures(column)

    def fit(self, summary: ImageSummary, name: str = "") -> FittedImage:
        """Raises DataError: no picture of the training rows can be read."""
        if not summary.readable:
            raise DataError(_nothing_readable(summary))
        channels = self.channels or (1 if summary.grey == summary.readable else 3)
        if self.alpha == "keep":
            return self._fit_with_alpha(summary)
        deep = value_range(summary.deep_low, summary.deep_high) if summary.deep.count else None
        moments = summary.plain if deep is None else summary.plain.merge(summary.deep.scaled(*deep))
        places = (3,) if channels == 1 else (0, 1, 2)
        mean = [moments.sums[place] / moments.count for place in places]
        square = [moments.squares[place] / moments.count for place in places]
        std = [math.sqrt(max(s - m * m, _LEAST_STD**2)) for s, m in zip(square, mean, strict=True)]
        return FittedImage(
            size=self._chosen_size(summary.sizes),
            channels=channels,
            resize=self.resize or "crop",
            beside=self.beside or "mean",
            mean=tuple(round(value, 6) for value in mean),
            std=tuple(round(value, 6) for value in std),
            deep=deep,
            augmentation=self._augmentation(summary),
        )

    def _fit_with_alpha(self, summary: ImageSummary) -> FittedImage:
        """Values of all four channels run from −1 to 1: statistics are those of pictures over white."""
        deep = value_range(summary.deep_low, summary.deep_high) if summary.deep.count else None
        return FittedImage(
            size=self._chosen_size(summary.sizes), channels=4, resize=self.resize or "crop", beside=self.beside or "mean",
            mean=(0.5,) * 4, std=(0.5,) * 4, deep=deep, augmentation=self._augmentation(summary),
        )  # fmt: skip

    def _chosen_size(self, sizes: Mapping[tuple[int, int], int]) -> tuple[int, int]:
        if self.size is not None:
            return (self.size, self.size) if isinstance(self.size, int) else self.size
        low, high = _SIDE[0], self.most or _SIDE[1]
        if len(sizes) == 1:
            ((height, width),) = sizes
            if max(height, width) <= (_SMALL if self.most is None else self.most):
                return height, width
            scale = min(1.0, high / math.sqrt(height * width))
            return max(8, _eights(height * scale)), max(8, _eights(width * scale))
        shorter = np.repeat([min(size) for size in sizes], list(sizes.values()))
        side = min(high, max(low, _eights(float(np.median(shorter)))))
        return side, side

    def _augmentation(self, summary: ImageSummary) -> Augmentation:
        flip = self.flip
        if flip == "auto":
            colour = summary.grey < summary.readable / 2
            flip = self.augment != "none" and (colour or summary.symmetric >= summary.readable / 2)
        given = {name: getattr(self, name) for name in Augmentation.model_fields if name != "flip"}
        chosen = {name: value for name, value in given.items() if value is not None}
        return Augmentation(flip=flip, **{**_PRESETS[self.augment], **chosen})


def _eights(pixels: float) -> int:
    return 8 * round(pixels / 8)


def _nothing_readable(summary: ImageSummary) -> str:
    if summary.first is None:
        return f"The column '{summary.name}' holds no pictures: all {summary.rows} training rows are empty."
    row, reason, file = summary.first
    where = f"{file!r} " if file else ""
    return (
        f"None of the {summary.unreadable} pictures in the column '{summary.name}' can be read; the first, {where}in row "
        f"{row + 1}, is {reason}. Relative paths start at the table's folder; the formats are {', '.join(PICTURES)}."
    )


def _suits(column: pl.Series, settings: Image) -> Suits | None:
    note = (
        f"Training pictures of '{column.name}' may be mirrored and shifted. Where left and right differ in meaning (text, "
        f"signs): --set features.{column.name}.flip=false."
    )
    if is_pixels(column.dtype):
        return Suits(1.0, settings, "arrays of bytes", (note,))
    cells = column.drop_nulls().head(1000).to_list() if column.dtype in (pl.String, pl.Binary) else []
    if not cells:
        return None
    if column.dtype == pl.Binary:
        share = sum(cell.startswith(_SIGNATURES) for cell in cells) / len(cells)
        return (
            Suits(share, settings, f"{percent(share)} of the cells begin like a picture", (note,))
            if share >= 0.5
            else None
        )
    share = sum(cell.strip().lower().endswith(PICTURES) for cell in cells) / len(cells)
    if share < 0.9:
        return None
    found = sum(os.path.isfile(cell) for cell in cells[:20])
    reason = f"{percent(share)} of the cells are names of pictures"
    if not found:
        return Suits(NEAR, settings, f"{reason}, but none of the first {min(20, len(cells))} files is there")
    return Suits(0.98 * share, settings, reason, (note,))
