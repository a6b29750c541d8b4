"""Tones of pictures changed in whole numbers: tables of 256 values, saturation, sharpness.

Shapes: B pictures (B, H, W, C) uint8; a table is (B, 256) uint8, one a picture, shared by its channels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["autocontrast", "contrasted", "equalized", "posterized", "saturated", "sharpened", "solarized", "toned"]

_LUMA = (19595, 38470, 7471)  # ITU-R BT.601 in 1/65536, as in Pillow


def toned(values: Tensor, table: Tensor) -> Tensor:
    """Every value looked up in its picture's table."""
    return table.gather(1, values.flatten(1).long()).view_as(values)


def _steps(values: Tensor) -> Tensor:
    return torch.arange(256, device=values.device, dtype=torch.float32)


def _bytes(table: Tensor) -> Tensor:
    return table.round().clamp(0, 255).to(torch.uint8)


def contrasted(values: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """A table: brightness (B,) times the value, then contrast (B,) times the distance to the picture's mean."""
    total = values.flatten(1).sum(1, dtype=torch.int64)  # whole numbers: the same mean in whatever order
    mean = (total.double() / values[0].numel()).float() * brightness
    bright = _steps(values) * brightness[:, None]
    return _bytes((bright - mean[:, None]) * contrast[:, None] + mean[:, None])


def posterized(values: Tensor, bits: int) -> Tensor:
    """A table that keeps the highest `bits` of 8."""
    kept = torch.arange(256, device=values.device) & (256 - (1 << (8 - bits)))
    return kept.to(torch.uint8).expand(len(values), -1)


def solarized(values: Tensor, threshold: float) -> Tensor:
    """A table that turns values from `threshold` on into their negative."""
    steps = _steps(values)
    return _bytes(torch.where(steps < threshold, steps, 255 - steps)).expand(len(values), -1)


def autocontrast(values: Tensor) -> Tensor:
    """A table that spreads each picture from 0 to 255."""
    low, high = torch.aminmax(values.flatten(1), dim=1)
    low, high = low.float()[:, None], high.float()[:, None]
    steps = _steps(values)
    return _bytes(torch.where(high > low, (steps - low) * (255 / (high - low).clamp_min(1)), steps))


def equalized(values: Tensor) -> Tensor:
    """A table that makes each picture's values about equally frequent."""
    flat = values.flatten(1).long()
    counts = torch.zeros(len(values), 256, dtype=torch.int64, device=values.device)
    counts.scatter_add_(1, flat, torch.ones_like(flat))
    below = counts.cumsum(1) - counts
    last = counts.gather(1, flat.amax(1, keepdim=True))
    span = flat.shape[1] - last  # so that the brightest value becomes 255, as in Pillow
    spread = ((below * 255 + span // 2) // span.clamp_min(1)).clamp_max(255)
    plain = torch.arange(256, device=values.device)
    return torch.where(span == 0, plain, spread).to(torch.uint8)


def _blended(values: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """`factor` (B,) times the picture plus (1 − factor) times the other, in steps of 1/256."""
    share = (factor * 256).round().to(torch.int32)[:, None, None, None]
    mixed = (values.to(torch.int32) * share + other.to(torch.int32) * (256 - share) + 128) >> 8
    return mixed.clamp_(0, 255).to(torch.uint8)


def saturated(values: Tensor, factor: Tensor) -> Tensor:
    """Colours `factor` (B,) times as strong; grey pictures are unchanged."""
    if values.shape[3] == 1:
        return values
    weights = torch.tensor(_LUMA, dtype=torch.int32, device=values.device)
    grey = ((values.to(torch.int32) * weights).sum(3, keepdim=True, dtype=torch.int32) + 0x8000) >> 16
    return _blended(values, grey, factor)


def sharpened(values: Tensor, factor: Tensor) -> Tensor:
    """Distance to a smoothed picture `factor` (B,) times as large; below 1 blurs. The outermost pixels stay."""
    if min(values.shape[1:3]) < 3:
        return values
    wide = values.to(torch.int32)
    inner = F.pad(wide, (0, 0, 1, 1, 1, 1))  # (B, H + 2, W + 2, C)
    height, width = values.shape[1:3]
    around = sum(inner[:, y : y + height, x : x + width] for y in range(3) for x in range(3))
    smooth = (around + 4 * wide + 6) // 13
    result = _blended(values, smooth, factor)
    for edge in ((slice(None), 0), (slice(None), -1), (slice(None), slice(None), 0), (slice(None), slice(None), -1)):
        result[edge] = values[edge]
    return result
