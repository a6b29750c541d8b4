"""Convolutional trunks: a picture becomes a vector."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Classic", "Residual", "seen"]

_SMALLEST = 5  # sides up to this are not halved


class _BatchNorm(nn.BatchNorm2d):
    """Batch norm that uses its running statistics where a channel has one value only and so none of its own."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.numel() == x.shape[1]:
            return nn.functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x)


def _norm(kind: str, width: int) -> nn.Module:
    if kind == "batch":
        return _BatchNorm(width)
    if kind == "group" and width > 1:  # at least two channels a group: one alone says nothing where one pixel is left
        return nn.GroupNorm(next(g for g in (8, 4, 2, 1) if width % g == 0 and width >= 2 * g), width)
    return nn.Identity()


def _activation(kind: str) -> nn.Module:
    return {"relu": nn.ReLU(inplace=True), "gelu": nn.GELU(), "silu": nn.SiLU(inplace=True)}[kind]


def _pool(kind: str) -> nn.Module:
    return nn.MaxPool2d(2, ceil_mode=True) if kind == "max" else nn.AvgPool2d(2, ceil_mode=True)


def _summary(kind: str, x: Tensor) -> Tensor:
    """(B, C, H, W) → (B, C) or, for "both", (B, 2C)."""
    parts = []
    if kind != "max":  # a pooling, whose gradient keeps the layout: that of a mean slows all layers before it
        parts.append(F.avg_pool2d(x, x.shape[2:]).flatten(1))
    if kind != "average":
        parts.append(x.amax((2, 3)))
    return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


class _Convolution(nn.Sequential):
    """Convolution, (pooling,) norm, activation. Pooling comes first, so that what follows costs a quarter."""

    def __init__(self, size: int, width: int, settings: Any, active: bool = True, pool: bool = False):
        layers: list[nn.Module] = [nn.Conv2d(size, width, 3, padding=1, bias=settings.norm == "none")]
        layers += [_pool(settings.pool)] if pool else []
        layers.append(_norm(settings.norm, width))
        super().__init__(*layers, *([_activation(settings.activation)] if active else []))


class _Patches(nn.Module):
    """Each 2 × 2 pixels become one of four times the channels: half the sides, nothing lost. Odd sides grow by one."""

    def forward(self, x: Tensor) -> Tensor:
        x = (
            F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), mode="replicate")
            if x.shape[2] % 2 or x.shape[3] % 2
            else x
        )
        rows, channels, height, width = x.shape
        cells = x.permute(0, 2, 3, 1).reshape(rows, height // 2, 2, width // 2, 2, channels)
        joined = cells.transpose(2, 3).reshape(rows, height // 2, width // 2, 4 * channels)
        return joined.permute(0, 3, 1, 2)  # channels last


class _Trunk(nn.Module):
    """Layers, of which the last has so many channels, and a summary: `width` numbers."""

    def __init__(self, layers: list[nn.Module], channels: int, settings: Any):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self._summary = settings.summary
        self.width = channels * (2 if self._summary == "both" else 1)

    def forward(self, x: Tensor) -> Tensor:
        return _summary(self._summary, self.layers(x))


class Classic(_Trunk):
    """Convolution, norm, activation at each width, pooling between them, one summary at the end."""

    def __init__(self, shape: tuple[int, int, int], widths: tuple[int, ...], settings: Any):
        layers: list[nn.Module] = []
        channels = shape[2]
        for place, width in enumerate(widths):
            layers += [_pool(settings.pool)] if place else []
            layers.append(_Convolution(channels, width, settings))
            channels = width
        super().__init__(layers, channels, settings)


class _Block(nn.Module):
    """x + convolution(convolution(x)); the last norm starts at nothing, so that the block starts as identity."""

    def __init__(self, width: int, settings: Any):
        super().__init__()
        self.first = _Convolution(width, width, settings)
        self.second = _Convolution(width, width, settings, active=False)
        self.activation = _activation(settings.activation)
        if not isinstance(self.second[1], nn.Identity):
            nn.init.zeros_(cast(Tensor, self.second[1].weight))

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x + self.second(self.first(x)))


class Residual(_Trunk):
    """A first convolution, then stages: a convolution to the new width that halves the sides, residual blocks.

    Sides are halved while they are longer than 5, at the start by patches (or pooling), later by pooling.
    """

    def __init__(self, shape: tuple[int, int, int], widths: tuple[int, ...], settings: Any):
        layers: list[nn.Module] = []
        side, channels = min(shape[:2]), shape[2]
        first = 1 if settings.blocks_from is None else min(settings.blocks_from, len(widths) - 1)
        for place, width in enumerate(widths):
            halve = side > _SMALLEST
            if halve and place == 0 and settings.stem == "patches":
                layers += [_Patches(), _Convolution(4 * channels, width, settings)]
            else:
                layers.append(_Convolution(channels, width, settings, pool=halve))
            side = -(-side // 2) if halve else side
            if place >= first:  # at full size a block would cost as much as all the others together
                layers += [_Block(width, settings) for _ in range(settings.blocks)]
            channels = width
        super().__init__(layers, channels, settings)


def seen(trunk: nn.Module, picture: Tensor, mirror: bool) -> Tensor:
    """What a trunk sees of pictures (B, C, H, W); with `mirror` the mean over each picture and its mirror image."""
    if not mirror:
        return cast(Tensor, trunk(picture))
    return (trunk(picture) + trunk(picture.flip(-1))) / 2
