"""Dropout whose mask is a function of seed, step, layer and row: a split batch drops the same."""

from torch import Tensor

from deepwright.draw import Draw

__all__ = ["dropout"]


def dropout(x: Tensor, p: float, draw: Draw | None, name: str) -> Tensor:
    """Zero a share of about p (in steps of 1/256) of x (B, …) and scale the rest (Srivastava et al. 2014).

    Without a draw, or with p = 0, x comes back as it is.
    """
    if draw is None or p <= 0:
        return x
    stays = min(255, round((1 - p) * 256)) / 256
    keep = draw.at("dropout", name).keep(stays, *x.shape)
    return x * keep.to(x.dtype).mul_(1 / stays)  # one pass over x here and one on the way back
