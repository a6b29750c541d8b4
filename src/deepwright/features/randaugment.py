"""RandAugment (Cubuk et al. 2019, arXiv 1909.13719): a few random changes a picture, all of one strength.

Deviations: turns, shears and shifts of one picture are joined to a single sampling before its tones are changed;
autocontrast and equalize use one table for all channels; strength is 0 to 1 instead of 0 to 30.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from deepwright.features.tones import (
    autocontrast,
    contrasted,
    equalized,
    posterized,
    saturated,
    sharpened,
    solarized,
    toned,
)

__all__ = ["OPERATIONS", "drawn_geometry", "random_tones"]

_TURN, _SHEAR, _SHIFT, _FACTOR = 0.52, 0.3, 0.3, 0.9  # at full strength: radians, slope, share of the side, factor ± 1

Tone = Callable[[Tensor, Tensor, float], Tensor]  # pictures, signs (n,) of ±1, strength → pictures


def _factor(sign: Tensor, strength: float) -> Tensor:
    return 1 + sign * (_FACTOR * strength)


def _brightness(values: Tensor, sign: Tensor, strength: float) -> Tensor:
    return toned(values, contrasted(values, _factor(sign, strength), torch.ones_like(sign)))


def _contrast(values: Tensor, sign: Tensor, strength: float) -> Tensor:
    return toned(values, contrasted(values, torch.ones_like(sign), _factor(sign, strength)))


OPERATIONS: dict[str, Tone | None] = {  # None: moves pixels, see `drawn_geometry`
    "identity": lambda values, sign, strength: values,
    "rotate": None,
    "shear_x": None,
    "shear_y": None,
    "shift_x": None,
    "shift_y": None,
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": lambda values, sign, strength: saturated(values, _factor(sign, strength)),
    "sharpness": lambda values, sign, strength: sharpened(values, _factor(sign, strength)),
    "posterize": lambda values, sign, strength: toned(values, posterized(values, 8 - round(4 * strength))),
    "solarize": lambda values, sign, strength: toned(values, solarized(values, 256 * (1 - strength))),
    "autocontrast": lambda values, sign, strength: toned(values, autocontrast(values)),
    "equalize": lambda values, sign, strength: toned(values, equalized(values)),
}
_NAMES = tuple(OPERATIONS)


def _choices(chosen: Tensor) -> tuple[Tensor, Tensor]:
    """(B, ops) places in OPERATIONS, and (B, ops) signs of ±1, from numbers (B, ops, 2) in [0, 1)."""
    return (chosen[..., 0] * len(_NAMES)).long(), torch.where(chosen[..., 1] < 0.5, -1.0, 1.0)


def drawn_geometry(chosen: Tensor, strength: float) -> tuple[Tensor, Tensor, Tensor]:
    """What the drawn operations add up to: turns (B,) in radians, slopes (B, 2), shifts (B, 2) in [-1, 1] units; x first."""
    place, sign = _choices(chosen)
    turn, shear_x, shear_y, shift_x, shift_y = (
        torch.where(place == _NAMES.index(name), sign, 0.0).sum(1) * strength
        for name in ("rotate", "shear_x", "shear_y", "shift_x", "shift_y")
    )
    shear = torch.stack([shear_x, shear_y], 1) * _SHEAR
    return turn * _TURN, shear, torch.stack([shift_x, shift_y], 1) * (2 * _SHIFT)


def random_tones(values: Tensor, chosen: Tensor, strength: float) -> Tensor:
    """Pictures (B, H, W, C) uint8 after the drawn changes of tone, in the order drawn."""
    places, signs = _choices(chosen)
    values = values.clone()
    for place, sign in zip(places.unbind(1), signs.unbind(1), strict=True):
        for number, change in enumerate(OPERATIONS.values()):
            rows = (place == number).nonzero()[:, 0] if change is not None else place[:0]
            if change is not None and len(rows):
                values[rows] = change(values[rows], sign[rows], strength)
    return values
