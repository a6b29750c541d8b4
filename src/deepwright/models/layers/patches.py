"""How far apart the patches of two pictures are: the sliced Wasserstein distance of raw pixels, without any network.

Elnekave & Weiss 2022, "Generating natural images with direct patch distributions matching" (arXiv 2203.11862), eq. 4 and
algorithm 1: a random unit filter projects every patch to a number (a convolution), the sorted numbers of both pictures are
compared. Deviation: patches are taken at every `stride`-th place from an offset that each step draws anew, since sorting all
of them is what costs most; sets of different sizes meet at equal quantiles instead of being repeated.

Shapes: B pictures looked at together, C channels, H × W pixels, F filters, N patches of all of them.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad

from deepwright.draw import Draw, Stream

__all__ = ["drawn_offset", "filters", "floor", "patch_distance", "projected", "stride_for", "unlike"]


def filters(stream: Stream, count: int, side: int, channels: int = 3) -> Tensor:
    """(F, C, side, side) random directions of length 1."""
    drawn = stream.normal(count, channels * side * side)
    return (drawn / drawn.norm(dim=1, keepdim=True).clamp_min(1e-12)).reshape(count, channels, side, side)


def stride_for(picture: Tensor, side: int, most: int) -> int:
    """The step between patches that gives about `most` of them, none larger than a patch: no pixel is left out."""
    return max(1, min(side, math.ceil(math.sqrt(picture.shape[-2] * picture.shape[-1] / most))))


def drawn_offset(picture: Tensor, side: int, step: int, stream: Stream) -> tuple[int, int]:
    """From the top and the left: where patches at every `step`-th place begin."""
    room = (min(step, length - side + 1) for length in picture.shape[-2:])
    top, left = (int(place * most) for place, most in zip(stream.uniform(2), room, strict=True))
    return top, left


def projected(picture: Tensor, directions: Tensor, stride: int = 1, offset: tuple[int, int] = (0, 0)) -> Tensor:
    """(F, N) what each filter gives for each patch of pictures (B, C, H, W)."""
    top, left = (
        min(shift, length - directions.shape[-1]) for shift, length in zip(offset, picture.shape[-2:], strict=True)
    )
    return conv2d(picture[..., top:, left:], directions, stride=stride).transpose(0, 1).flatten(1)


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


def unlike(made: Tensor, wanted: Tensor, draw: Draw, count: int, side: int = 7) -> Tensor:
    """How far the patches of some pictures (B, C, H, W) are from those of others, over halved sizes, on average.

    What is made is a torus: its patches reach over the edge. Its gradient flows into `made` only.

    Args:
        draw: of the filters. count: filters at each size. side: of patches, at most.
    """
    side, channels = min(side, *made.shape[-2:], *wanted.shape[-2:]), made.shape[1]
    apart, level = [], 0
    while not level or min(*made.shape[-2:], *wanted.shape[-2:]) >= side:
        directions = filters(draw.at(level), count, side, channels).to(made.device)
        round_ = pad(made, (0, side - 1, 0, side - 1), mode="circular")
        apart.append(patch_distance(projected(round_, directions), projected(wanted, directions)))
        made, wanted, level = avg_pool2d(made, 2), avg_pool2d(wanted, 2), level + 1
        if min(*made.shape[-2:], *wanted.shape[-2:]) < 2:
            break
    return torch.stack(apart).mean()
