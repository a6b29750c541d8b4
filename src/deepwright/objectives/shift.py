"""Shifts through which gradients flow: whatever has units in order (pictures, series) is moved along them."""

import torch
from torch import Tensor

from deepwright.draw import Draw

__all__ = ["shifted"]


def shifted(values: Tensor, share: float, draw: Draw) -> Tensor:
    """Rows (B, units…, D), each moved by whole units along every unit axis; the edge is repeated.

    Args:
        share: the largest shift, as a share of the axis. draw: keyed by row.
    """
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
