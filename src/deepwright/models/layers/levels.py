"""Codes that are points of a small lattice: finite scalar quantisation (Mentzer et al. 2023, arXiv 2309.15505, section 3.1).

Each number of a code is bent into a range and rounded to one of a few levels. Nothing has to be remembered: no table of
codes that could fall out of use, no statistics over rows that meet. Shapes: L numbers a code, K codes in all.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Levels"]

_REACH = 1e-3  # the outermost levels are reached a little before the ends of the range


class Levels(nn.Module):
    """(…, L) numbers ⇄ (…) ids below K.

    Args:
        counts: how many levels each of the L numbers has, at least 3; K is their product.
    """

    reach: Tensor
    offset: Tensor
    shift: Tensor
    basis: Tensor
    middle: Tensor

    def __init__(self, counts: Sequence[int]):
        super().__init__()
        self.counts, self.size = tuple(counts), math.prod(counts)
        levels = torch.tensor(self.counts, dtype=torch.float32)
        half = (levels - 1) * (1 + _REACH) / 2
        offset = torch.where(levels % 2 == 0, 0.5, 0.0)  # of an even number of levels none lies in the middle
        basis = torch.tensor([1, *self.counts[:-1]], dtype=torch.int64).cumprod(0)
        for name, value in (
            ("reach", half),
            ("offset", offset),
            ("shift", (offset / half).atanh()),
            ("basis", basis),
            ("middle", levels // 2),
        ):
            self.register_buffer(name, value, persistent=False)  # of the settings

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """(…, L) any numbers → (…, L) levels from -1 to 1, and (…) ids.

        The gradient of a level is that of what was rounded (Bengio et al. 2013, arXiv 1308.3432, section 4).
        """
        bent = torch.tanh(raw + self.shift) * self.reach - self.offset
        place = bent.detach().round()
        ids = ((place + self.middle).long() * self.basis).sum(-1)
        return (bent + (place - bent.detach())) / self.middle, ids

    def levels(self, ids: Tensor) -> Tensor:
        """(…) ids → (…, L): what `forward` gave with them."""
        whole = torch.tensor(self.counts, device=ids.device)
        place = (ids[..., None] // self.basis) % whole
        return (place - self.middle) / self.middle
