"""How far apart the patches of two pictures are: the sliced Wasserstein distance of raw pixels, without any network.

Elnekave & Weiss 2022, "Generating natural images with direct patch distributions matching" (arXiv 2203.11862), eq. 4 and
algorithm 1: a random unit filter projects every patch to a number (a convolution), the sorted numbers of both pictures are
compared. Deviation: patches are taken at every `stride`-th place from an offset that each step draws anew, since sorting all
of them is what costs most; sets of different sizes meet at equal quantiles instead of being repeated.

Shapes: B = 1, H, W pixels, F filters, N patches.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from deepwright.draw import Stream

__all__ = ["filters", "floor", "patch_distance", "projected", "stride_for"]


def filters(stream: Stream, count: int, side: int) -> Tensor:
    """(F, 3, side, side) random directions of length 1."""
    drawn = stream.normal(count, 3 * side * side)
    return (drawn / drawn.norm(dim=1, keepdim=True).clamp_min(1e-12)).reshape(count, 3, side, side)


def stride_for(picture: Tensor, side: int, most: int) -> int:
    """The step between patches that gives about `most` of them, none larger than a patch: no pixel is left out."""
    return max(1, min(side, math.ceil(math.sqrt(picture.shape[-2] * picture.shape[-1] / most))))


def projected(picture: Tensor, directions: Tensor, stride: int = 1, offset: tuple[int, int] = (0, 0)) -> Tensor:
    """(F, N) what each filter gives for each patch of a picture (1, 3, H, W)."""
    top, left = (
        min(shift, length - directions.shape[-1]) for shift, length in zip(offset, picture.shape[-2:], strict=True)
    )
    return conv2d(picture[..., top:, left:], directions, stride=stride)[0].flatten(1)


def patch_distance(ours: Tensor, theirs: Tensor) -> Tensor:
    """The mean difference of two sets of projections (F, N) and (F, M) at equal quantiles; 0 for equal sets.

    Its gradient flows into `ours` only.
    """
    ordered, wanted = ours.sort(1).values, theirs.detach().sort(1).values
    count, known = ordered.shape[1], wanted.shape[1]
    if count != known:
        wanted = wanted[:, (2 * torch.arange(count) + 1) * known // (2 * count)]
    return (ordered - wanted).abs().mean()


def floor(style: Tensor, directions: Tensor, stride: int) -> Tensor:
    """How far the halves of a picture (1, 3, H, W) are apart: left and right, top and bottom, on average.

    A picture that takes over a style cannot be expected to come nearer to it than that. NaN where a half is no patch wide.
    """
    side, (height, width) = directions.shape[-1], style.shape[-2:]
    halves = []
    if width >= 2 * side:
        halves.append((style[..., : width // 2], style[..., width // 2 :]))
    if height >= 2 * side:
        halves.append((style[..., : height // 2, :], style[..., height // 2 :, :]))
    apart = [patch_distance(projected(a, directions, stride), projected(b, directions, stride)) for a, b in halves]
    return torch.stack(apart).mean() if apart else torch.tensor(math.nan)
