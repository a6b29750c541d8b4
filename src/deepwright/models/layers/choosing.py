"""Choosing one of several by their logits and a number from 0 to 1. Shapes: B rows, K choices."""

import torch
from torch import Tensor

__all__ = ["chosen"]


def chosen(
    logits: Tensor, chance: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0
) -> Tensor:
    """(B,) the choices, drawn from what is left of the distribution; the likelier ones come first in the order of chance.

    Args:
        chance: (B,) from 0 to 1. temperature: divides the logits; 0 takes the likeliest.
        top_k: only the k likeliest; 0 for all. top_p: the likeliest that together have this share (Holtzman et al. 2020,
            arXiv 1904.09751, section 3.1). min_p: those with this share of the likeliest one's (Nguyen et al. 2024, arXiv
            2407.01082, algorithm 1).
    """
    if temperature == 0:
        return logits.argmax(1)
    scaled = logits if temperature == 1 else logits / temperature
    shares, order = scaled.softmax(1).sort(dim=1, descending=True, stable=True)
    last: Tensor | int = shares.shape[1] - 1
    if top_k or top_p < 1 or min_p > 0:
        left = _left(shares, top_k, top_p, min_p)
        shares, last = shares * left, left.sum(1, keepdim=True) - 1
    summed = shares.cumsum(1)
    wanted = (chance * summed[:, -1])[:, None].contiguous()
    place = torch.searchsorted(summed.contiguous(), wanted, right=True).clamp_max(last)
    return order.gather(1, place)[:, 0]


def _left(shares: Tensor, top_k: int, top_p: float, min_p: float) -> Tensor:
    """(B, K) which of the shares, largest first, may be chosen."""
    left = torch.ones_like(shares, dtype=torch.bool)
    if top_k:
        left[:, top_k:] = False
    if top_p < 1:
        left &= shares.cumsum(1) - shares < top_p
    if min_p > 0:
        left &= shares >= min_p * shares[:, :1]
    return left
