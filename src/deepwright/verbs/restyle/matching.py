"""The search by distributions of patches: from the content picture in the style's colours, coarse to fine, towards the style's patches.

Elnekave & Weiss 2022 (arXiv 2203.11862), section 4, start style transfer from the content picture at a middle scale, so that its
layout stays. Deviations: colours are carried over in closed form first (Pitié & Kokaram 2007, "The linear
Monge-Kantorovitch linear colour mapping"); what a finer scale shows beyond the coarser one is added from the content; a
term on blurred brightness holds the layout; the rate falls to nothing within each scale, which calms the noise of few filters.

Shapes: pictures are (1, 3, H, W), values 0 to 1.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from deepwright.draw import Draw
from deepwright.models.layers.colours import layout, recoloured
from deepwright.models.layers.patches import filters, patch_distance, projected, stride_for
from deepwright.verbs.restyle.scales import Tell, scaled_to, sides
from deepwright.verbs.restyle.seeing import Seen
from deepwright.verbs.restyle.settings import Knobs

__all__ = ["transferred"]

SAMPLED = 4096  # patches of a picture that a step looks at, about
_HOLD = 2.0  # the layout's weight against the patches' at a strength of one half
_CALM = 0.4  # of the steps of a scale: from then on the rate falls


def transferred(
    content: Tensor,
    style: Tensor,
    knobs: Knobs,
    seed: int,
    tell: Tell = lambda done, total, share: None,
    seen: Seen | None = None,
) -> Tensor:
    """The content with the style's patches, in the content's size.

    Args:
        seen: what a network sees shall be the style's as well; at first both count alike.
    """
    start, before = recoloured(content, style), None
    scales = sides(content, knobs)
    total = knobs.rounds * len(scales)

    def told(done: int) -> None:
        tell(done, total, done / total)

    for scale, side in enumerate(scales):
        aim, model = scaled_to(start, side), scaled_to(style, side, knobs.patch)
        picture = aim if before is None else _finer(before, aim)
        draw = Draw(seed).of("restyle", scale)
        before = _matched(
            picture,
            aim,
            model,
            knobs,
            draw,
            seen,
            lambda step, base=scale: told(base * knobs.rounds + step),
        )
    assert before is not None
    return before


def _finer(coarse: Tensor, aim: Tensor) -> Tensor:
    """A coarse result enlarged, with those details of the content that only the finer scale shows."""
    size = (aim.shape[-2], aim.shape[-1])
    shrunk = interpolate(aim, size=coarse.shape[-2:], mode="bicubic", antialias=True, align_corners=False)
    large, soft = (interpolate(one, size=size, mode="bicubic", align_corners=False) for one in (coarse, shrunk))
    return (large + aim - soft).clamp(0, 1)


def _matched(
    picture: Tensor,
    aim: Tensor,
    style: Tensor,
    knobs: Knobs,
    draw: Draw,
    seen: Seen | None,
    tell: Callable[[int], None],
) -> Tensor:
    """One scale: Adam on the pixels."""
    wanted, share = [] if seen is None else seen.wanted(style), None
    pixels = picture.clone().requires_grad_()
    kept, hold = layout(aim, knobs.patch), _HOLD * (1 - knobs.strength) / knobs.strength
    ours, theirs = (stride_for(one, knobs.patch, SAMPLED) for one in (picture, style))
    optimizer = torch.optim.Adam([pixels], lr=knobs.rate, betas=(0.9, 0.99))
    for step in range(knobs.rounds):
        now = draw.of(step)
        directions = filters(now.at("filters"), knobs.filters, knobs.patch)
        places = now.at("offsets").uniform(4)
        shift = [int(place * stride) for place, stride in zip(places, (ours, ours, theirs, theirs), strict=True)]
        loss = patch_distance(
            projected(pixels, directions, ours, (shift[0], shift[1])),
            projected(style, directions, theirs, (shift[2], shift[3])),
        )
        if seen is not None and wanted:
            apart = seen.apart(pixels, wanted, now.of("seen"), knobs.filters)
            share = (loss / apart.clamp_min(1e-9)).detach() if share is None else share
            loss = (loss + share * apart) / 2
        if hold > 0:
            loss = loss + hold * (layout(pixels, knobs.patch) - kept).abs().mean()
        (pixels.grad,) = torch.autograd.grad(loss, [pixels])
        optimizer.param_groups[0]["lr"] = knobs.rate * min(1.0, (1 - step / knobs.rounds) / (1 - _CALM))
        optimizer.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)
        tell(step + 1)
    return pixels.detach()
