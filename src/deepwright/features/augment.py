"""Random changes of training pictures that keep their meaning: moved, mirrored, turned, toned, partly covered.

Every picture draws its own numbers, and all arithmetic is per picture and, after moving, in whole numbers: how a batch was
split changes nothing. Shapes: B pictures, H × W pixels, C channels.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from torch import Tensor

from deepwright.core.config import Config
from deepwright.draw import Draw
from deepwright.features.randaugment import drawn_geometry, random_tones
from deepwright.features.tones import contrasted, saturated, toned

__all__ = ["Augmentation", "augment_pictures"]


class Augmentation(Config):
    """What may happen to a training picture; 0 and false: never.

    Args:
        shift: largest shift, as a share of the side, in whole pixels; what is missing is mirrored from inside.
        flip: left and right change places in every second picture.
        rotate: largest turn in degrees. zoom: largest change of size (0.2: from 1/1.2 to 1.2 times as large).
        brightness, contrast, saturation: largest change (0.2: from 0.8 to 1.2 times).
        erase: side of the square that is covered with the mean colour, as a share of the picture's sides (cutout:
            DeVries & Taylor 2017, arXiv 1708.04552).
        rand_ops: random changes a picture, drawn from a fixed list (RandAugment: Cubuk et al. 2019, arXiv 1909.13719).
        rand_magnitude: their strength, from 0 to 1.
    """

    shift: float = Setting(0.0, ge=0.0, le=0.5)
    flip: bool = False
    rotate: float = Setting(0.0, ge=0.0, le=180.0)
    zoom: float = Setting(0.0, ge=0.0, le=1.0)
    brightness: float = Setting(0.0, ge=0.0, le=1.0)
    contrast: float = Setting(0.0, ge=0.0, le=1.0)
    saturation: float = Setting(0.0, ge=0.0, le=1.0)
    erase: float = Setting(0.0, ge=0.0, le=1.0)
    rand_ops: int = Setting(0, ge=0, le=8)
    rand_magnitude: float = Setting(0.3, ge=0.0, le=1.0)


def augment_pictures(values: Tensor, how: Augmentation, fill: Tensor, draw: Draw) -> tuple[Tensor, Tensor | None]:
    """Changed pictures, and where their pixels came from.

    Args:
        values: (B, H, W, C) uint8. fill: (C,) uint8, the colour of covered parts.
        draw: bound to the rows of the batch, or to none.

    Returns:
        (B, H, W, C) uint8; and (B, 2, 3) affine maps in [-1, 1] coordinates (x, y) from output to input, None if
        nothing can move.
    """
    if not len(values):
        return values, None
    matrix = None
    chosen = _chosen(len(values), how, draw, values.device)
    if how.rotate or how.zoom or how.rand_ops:
        values, matrix = _warped(values, how, chosen, draw)
    elif how.shift or how.flip:
        values, matrix = _moved(values, *_shifts(values, how, draw))
    if how.brightness or how.contrast or how.saturation:
        values = _coloured(values, lambda colours: _jittered(colours, how, draw))
    if chosen is not None:
        values = _coloured(values, lambda colours: random_tones(colours, chosen, how.rand_magnitude))
    if how.erase:
        values = _erased(values, how.erase, fill, draw)
    return values, matrix


def _chosen(rows: int, how: Augmentation, draw: Draw, device: torch.device) -> Tensor | None:
    """(B, ops, 2) numbers in [0, 1) that pick the operations of RandAugment and their signs."""
    return draw.at("rand").uniform(rows, how.rand_ops, 2).to(device) if how.rand_ops else None


def _shifts(values: Tensor, how: Augmentation, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """(B,) whole pixels down and right, and (B,) whether mirrored."""
    _, height, width, _ = values.shape
    chance = draw.at("place").uniform(len(values), 3).to(values.device)
    most = torch.tensor([round(how.shift * height), round(how.shift * width)], device=values.device)
    down, right = (torch.floor(chance[:, :2] * (2 * most + 1)).long() - most).unbind(1)
    return down, right, (chance[:, 2] < 0.5) if how.flip else torch.zeros_like(chance[:, 2], dtype=torch.bool)


def _moved(values: Tensor, down: Tensor, right: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor]:
    """Shifts by whole pixels and mirroring, as one gather of rows and one of columns."""
    rows, height, width, channels = values.shape
    device = values.device
    y = _reflected(torch.arange(height, device=device) + down[:, None], height)
    x = torch.arange(width, device=device)
    x = _reflected(torch.where(mirrored[:, None], width - 1 - x, x) + right[:, None], width)
    flat = (torch.arange(rows, device=device)[:, None] * height + y).flatten()
    lines = values.reshape(rows * height, width * channels).index_select(0, flat)
    places = (x[:, :, None] * channels + torch.arange(channels, device=device)).reshape(rows, 1, width * channels)
    moved = lines.view(rows, height, width * channels).gather(2, places.expand(-1, height, -1))
    matrix = torch.zeros(rows, 2, 3, device=device)
    matrix[:, 0, 0] = 1.0 - 2.0 * mirrored
    matrix[:, 1, 1] = 1.0
    matrix[:, 0, 2] = right * (2.0 / width)
    matrix[:, 1, 2] = down * (2.0 / height)
    return moved.view_as(values), matrix


def _reflected(place: Tensor, size: int) -> Tensor:
    """Places outside mirrored to the inside, the edge not repeated."""
    if size == 1:
        return torch.zeros_like(place)
    place = place.abs()
    return torch.where(place >= size, 2 * (size - 1) - place, place)


def _warped(values: Tensor, how: Augmentation, chosen: Tensor | None, draw: Draw) -> tuple[Tensor, Tensor]:
    """Turns, zooms and shears, with the shifts and the mirroring, through one bilinear sampling."""
    rows, height, width, _ = values.shape
    down, right, mirrored = _shifts(values, how, draw)
    chance = 2 * draw.at("turn").uniform(rows, 2).to(values.device) - 1
    angle = chance[:, 0] * math.radians(how.rotate)
    scale = torch.exp(-chance[:, 1] * math.log1p(how.zoom))
    shear = torch.zeros(rows, 2, device=values.device)
    shift = torch.stack([right * (2.0 / width), down * (2.0 / height)], 1)
    if chosen is not None:
        turn, shear, move = drawn_geometry(chosen, how.rand_magnitude)
        angle, shift = angle + turn, shift + move
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    ratio = height / width  # turns are turns in pixels, whatever the shape
    sign = 1.0 - 2.0 * mirrored
    matrix = torch.stack([
        torch.stack([sign * (cos - sin * shear[:, 1]), (cos * shear[:, 0] - sin) * ratio, shift[:, 0]], 1),
        torch.stack([sign * (sin + cos * shear[:, 1]) / ratio, sin * shear[:, 0] + cos, shift[:, 1]], 1),
    ], 1)  # fmt: skip
    y = ((torch.arange(height, device=values.device) * 2 + 1) / height - 1)[:, None]
    x = ((torch.arange(width, device=values.device) * 2 + 1) / width - 1)[None]
    parts = matrix[..., None, None]
    grid = torch.stack([parts[:, place, 0] * x + parts[:, place, 1] * y + parts[:, place, 2] for place in (0, 1)], -1)
    picture = values.permute(0, 3, 1, 2).float()
    sampled = F.grid_sample(picture, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return sampled.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous(), matrix


def _coloured(values: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """A change of colours; alpha stays, and colours that are multiplied by it stay below it."""
    if values.shape[3] != 4:
        return change(values)
    colours, alpha = values[..., :3].contiguous(), values[..., 3:]
    return torch.cat([torch.minimum(change(colours), alpha), alpha], 3)


def _jittered(values: Tensor, how: Augmentation, draw: Draw) -> Tensor:
    """Brightness and contrast as one table a picture, then saturation."""
    amounts = torch.tensor([how.brightness, how.contrast, how.saturation], device=values.device)
    factors = 1 + (2 * draw.at("colour").uniform(len(values), 3).to(values.device) - 1) * amounts
    if how.brightness or how.contrast:
        values = toned(values, contrasted(values, factors[:, 0], factors[:, 1]))
    return saturated(values, factors[:, 2]) if how.saturation and values.shape[3] == 3 else values


def _erased(values: Tensor, share: float, fill: Tensor, draw: Draw) -> Tensor:
    """A square of each picture covered; its middle may lie anywhere, so that it may stand out over the edge."""
    rows, height, width, channels = values.shape
    chance = draw.at("erase").uniform(rows, 2).to(values.device)
    inside = [_stretch(chance[:, 0], height, share), _stretch(chance[:, 1], width, share)]
    across = inside[1].repeat_interleave(channels, 1)
    covered = inside[0][:, :, None] & across[:, None, :]  # 255 inside: bytes are several times as quick as bools
    lines = values.reshape(rows, height, width * channels)
    return (lines ^ ((lines ^ fill.to(values.device).repeat(width)) & covered)).view_as(values)


def _stretch(middle: Tensor, size: int, share: float) -> Tensor:
    """(B, size) bytes, 255 where a stretch of round(share · size) pixels around `middle` · size lies."""
    length = round(share * size)
    start = torch.floor(middle * size).long() - length // 2
    place = torch.arange(size, device=middle.device) - start[:, None]
    return ((place >= 0) & (place < length)).to(torch.uint8) * 255
