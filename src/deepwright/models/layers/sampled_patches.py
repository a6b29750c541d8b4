"""Patches of pictures and of a style at halved sizes, taken here and there, and two distances between them that a network learns by.

As distributions (Elnekave & Weiss 2022, arXiv 2203.11862, eq. 4) they say which colours and tones come how often; each patch beside
the nearest one of the style (Li & Wand 2016, arXiv 1601.04589, eq. 2, of raw pixels) says what a stroke looks like.

Shapes: B pictures of C channels, H × W pixels; N patches of all of them and M of the style, D values each.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, unfold

from deepwright.draw import Draw, Stream
from deepwright.models.layers.patches import drawn_offset, patch_distance, stride_for

__all__ = ["WHOLE", "Pair", "nearest_distance", "sampled_patches", "sliced_distance"]

WHOLE = 0.002  # alpha of Granot et al. (arXiv 2103.15545, eq. 3), a value of a patch

Pair = tuple[Tensor, Tensor]  # (N, D) and (M, D)


def sampled_patches(made: Tensor, style: Tensor, draw: Draw, side: int, most: int) -> list[Pair]:
    """Patches of pictures (B, C, H, W) and of a style (1, C, h, w): a pair for each size at which both hold two side by side, one at least.

    Args:
        draw: of the offsets; not keyed by row. side: of patches, at most. most: patches of each that are taken, about.
    """
    side, pairs = min(side, *made.shape[-2:], *style.shape[-2:]), []
    while not pairs or min(*made.shape[-2:], *style.shape[-2:]) >= 2 * side:
        ours, theirs = (draw.at("offset", len(pairs), place) for place in range(2))
        pairs.append((_cut(made, side, max(1, most // max(1, len(made))), ours), _cut(style, side, most, theirs)))
        if min(*made.shape[-2:], *style.shape[-2:]) < 2:
            break
        made, style = avg_pool2d(made, 2), avg_pool2d(style, 2)
    return pairs


def _cut(pictures: Tensor, side: int, most: int, offset: Stream) -> Tensor:
    """(N, D) patches at even steps from an offset, about so many of each picture."""
    step = stride_for(pictures, side, most)
    top, left = drawn_offset(pictures, side, step, offset)
    return unfold(pictures[..., top:, left:], side, stride=step).transpose(1, 2).flatten(0, 1)


def sliced_distance(pairs: Sequence[Pair], draw: Draw, count: int) -> Tensor:
    """The sliced Wasserstein distance along `count` random directions, the mean over the sizes.

    Args:
        draw: of the directions; not keyed by row.
    """
    apart = []
    for level, (ours, theirs) in enumerate(pairs):
        directions = draw.at("filters", level).normal(count, ours.shape[1]).to(ours)
        directions = directions / directions.norm(dim=1, keepdim=True).clamp_min(1e-12)
        apart.append(patch_distance(directions @ ours.T, directions @ theirs.T))
    return torch.stack(apart).mean()


def nearest_distance(pairs: Sequence[Pair]) -> Tensor:
    """The mean difference of a value between a patch and the nearest one of the style, over the sizes.

    A patch of the style that nothing is near to counts as nearer (Granot et al. 2022, eq. 3): otherwise a calm surface has none but calm ones.
    Its gradient flows into the pictures only.
    """
    apart = []
    for ours, theirs in pairs:
        with torch.no_grad():
            far = torch.cdist(ours, theirs).square()
            found = theirs.detach()[(far / (far.amin(0) + WHOLE * ours.shape[1])).argmin(1)]
        apart.append((ours - found).abs().mean())
    return torch.stack(apart).mean()
