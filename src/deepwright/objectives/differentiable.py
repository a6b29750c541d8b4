"""Changes of rows through which gradients flow, so that few rows teach a discriminator more (Zhao et al. 2020, arXiv 2006.10738).

Whatever has units in order (pictures, series) is moved along them, covered in part, or changed in tone; plain columns stay.
Shapes: rows (B, units…, D) in units in which every value runs from -1 to 1; draws are keyed by row.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from deepwright.draw import Draw

__all__ = ["CHANGES", "Change", "changed", "covered", "shifted", "toned"]

Change = Literal["shift", "cutout", "colour"]
SHIFT = 1 / 8  # of each side, at most
COVER = 1 / 2  # of each side


def changed(values: Tensor, changes: tuple[Change, ...], share: float, draw: Draw) -> Tensor:
    """Rows of which each undergoes each change with the probability `share`."""
    for name in changes if share > 0 and values.dim() > 2 else ():
        new = CHANGES[name](values, draw.of(name))
        if share < 1:
            chosen = draw.at("chosen", name).bernoulli(share, len(values)).to(values.device)
            new = torch.where(_along(chosen, values), new, values)
        values = new
    return values


def shifted(values: Tensor, draw: Draw, share: float = SHIFT) -> Tensor:
    """Rows moved by whole units along every unit axis, by up to `share` of it; the edge is repeated."""
    for axis in range(1, values.dim() - 1):
        size = values.shape[axis]
        most = round(share * size)
        if not most:
            continue
        steps = draw.at("shift", axis).integers(2 * most + 1, len(values)).to(values.device) - most
        place = (torch.arange(size, device=values.device) + steps[:, None]).clamp(0, size - 1)
        shape = [len(values) if a == 0 else size if a == axis else 1 for a in range(values.dim())]
        values = values.gather(axis, place.view(shape).expand(values.shape))
    return values


def covered(values: Tensor, draw: Draw, share: float = COVER) -> Tensor:
    """A block of `share` of every unit axis becomes 0, the middle of the range; it may stand over the edge."""
    inside = torch.ones(1, dtype=torch.bool, device=values.device)
    for axis in range(1, values.dim() - 1):
        size = values.shape[axis]
        middle = draw.at("cutout", axis).integers(size, len(values)).to(values.device)
        half = max(1, round(share * size)) / 2
        near = (torch.arange(size, device=values.device) + 0.5 - middle[:, None]).abs() <= half
        shape = [len(values) if a == 0 else size if a == axis else 1 for a in range(values.dim())]
        inside = inside & near.view(shape)
    return values.masked_fill(inside, 0.0)


def toned(values: Tensor, draw: Draw) -> Tensor:
    """Brightness ± 0.5, saturation × 0 to 2 (distances from the mean of a unit's values), contrast × 0.5 to 1.5."""
    factors = draw.at("colour").uniform(len(values), 3).to(values.device)
    bright, saturation, contrast = (_along(part, values) for part in factors.unbind(1))
    values = values + (bright - 0.5)
    if values.shape[-1] > 1:
        grey = values.mean(-1, keepdim=True)
        values = grey + (values - grey) * (2 * saturation)
    middle = values.flatten(1).mean(1).view(-1, *[1] * (values.dim() - 1))
    return middle + (values - middle) * (contrast + 0.5)


CHANGES: Mapping[str, Callable[[Tensor, Draw], Tensor]] = {"shift": shifted, "cutout": covered, "colour": toned}


def _along(part: Tensor, values: Tensor) -> Tensor:
    """(B,) broadcast over rows."""
    return part.view(-1, *[1] * (values.dim() - 1))
