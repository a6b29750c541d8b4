"""Scales: a picture at halved sizes, the coarsest first."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import interpolate

from deepwright.verbs.restyle.settings import Knobs

__all__ = ["Tell", "scaled_to", "sides"]

# told after every step: how many are done, of how many, and the share of the work that is done
Tell = Callable[[int, int, float], None]


def sides(picture: Tensor, knobs: Knobs) -> list[int]:
    """The longer side of every scale, the coarsest first: halves, as long as the shorter side holds two patches."""
    height, width = picture.shape[-2:]
    longer, shorter = max(height, width), min(height, width)
    found = [longer]
    while found[0] / 2 >= knobs.smallest and shorter * found[0] / (2 * longer) >= 2 * knobs.patch:
        found.insert(0, round(found[0] / 2))
    return found


def scaled_to(picture: Tensor, side: int, least: int = 1) -> Tensor:
    """The picture with this longer side, the shorter one of `least` pixels at least; never enlarged."""
    height, width = picture.shape[-2:]
    scale = max(side / max(height, width), least / min(height, width))
    if scale >= 1:
        return picture
    size = (max(least, round(height * scale)), max(least, round(width * scale)))
    return interpolate(picture, size=size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
