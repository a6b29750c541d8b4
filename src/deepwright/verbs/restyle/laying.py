"""The search by nearest patches: the picture is laid, coarse to fine, from patches of the style, strokes and all.

Elad & Milanfar 2017, "Style transfer via texture synthesis" (arXiv 1609.03057), algorithm 1: at each scale, with patches that get
smaller, every patch of the picture is replaced by the nearest one of the style, what overlaps is averaged robustly (section
3.2), the content is held where something is drawn in it (section 3.4), colours are carried over. A patch of the style that
nothing is near to counts as nearer (Granot et al. 2022, arXiv 2103.15545, eq. 3): otherwise a calm sky is laid from one patch.
Deviations: what is held follows from edges; colours are carried over in closed form, as in `matching`.

Shapes: pictures are (1, 3, H, W), values 0 to 1; K patches of the style, N of the picture, D values each.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import fold, interpolate, pad, unfold

from deepwright.draw import Draw, Stream
from deepwright.models.layers.colours import blurred, brightness, layout, recoloured
from deepwright.models.layers.patches import drawn_offset, stride_for
from deepwright.models.layers.sampled_patches import WHOLE
from deepwright.verbs.restyle.scales import Tell, scaled_to, sides
from deepwright.verbs.restyle.settings import Knobs

__all__ = ["laid"]

KEYS = 16_384  # patches of the style that a round looks at, about
_BASIS, _MANY = 40, 4096  # principal directions that patches are compared along, and patches that these are found from
_AT_ONCE, _CUT = 2**23, 2**14  # distances, and patches of a picture, in memory
_ROBUST = 0.8  # exponent of the norm that overlapping patches are averaged by
_HOLD = 0.3  # the content's weight where most is drawn, at a strength of one half
_BRIGHT = 0.5  # share of the content's blurred brightness that a round goes back to, at no strength: flat surfaces have no edges
_ROUGH = 0.05  # deviation of the noise that each scale begins with: a calm surface has no nearest patch but a calm one
_CELLS, _MOST = 40, 0.95  # windows of edges along the longer side; the quantile of edges that is held fully


def laid(
    content: Tensor, style: Tensor, knobs: Knobs, seed: int, tell: Tell = lambda done, total, share: None
) -> Tensor:
    """The content laid from patches of the style, in the content's size."""
    start, picture = recoloured(content, style), None
    works: list[int] = []  # of the rounds that are done
    bright = _BRIGHT * (1 - knobs.strength)
    scales = [(scaled_to(start, side), scaled_to(style, side, knobs.patch)) for side in sides(content, knobs)]
    planned = [
        _work(*pair, side) for pair in scales for side in _sizes(knobs.patch, *pair) for _ in range(knobs.rounds)
    ]
    for scale, (aim, model) in enumerate(scales):
        size, draw = (aim.shape[-2], aim.shape[-1]), Draw(seed).of("lay", scale)
        picture = aim if picture is None else interpolate(picture, size=size, mode="bicubic", align_corners=False)
        picture = picture + _ROUGH * draw.at("rough").normal(*aim.shape[1:])
        held = _HOLD * (1 - knobs.strength) / knobs.strength * drawn(aim)
        for side in _sizes(knobs.patch, aim, model):
            patches = _Patches(model, side)
            for one in range(knobs.rounds):
                made = patches.over(picture, draw.at("offset", side, one))
                made = made + bright * (layout(aim, knobs.patch) - layout(made, knobs.patch))
                picture = recoloured(((made + held * aim) / (1 + held)).clamp(0, 1), model)
                works.append(_work(aim, model, side))
                tell(len(works), len(planned), sum(works) / sum(planned))
    assert picture is not None
    return picture


def drawn(picture: Tensor) -> Tensor:
    """(1, 1, H, W) from 0 to 1: how much is drawn about each pixel, as blurred differences of brightness."""
    grey = brightness(picture)
    right, down = (grey.diff(dim=axis).abs() for axis in (3, 2))
    edges = blurred(pad(right, (0, 1, 0, 0)) + pad(down, (0, 0, 0, 1)), max(3, max(grey.shape[-2:]) // _CELLS))
    return (edges / max(1e-6, float(np.quantile(edges.numpy(), _MOST)))).clamp(0, 1)


def _sizes(patch: int, *pictures: Tensor) -> Iterator[int]:
    """Sides of patches, large to small, of which each picture holds two; at least one."""
    shorter = min(min(picture.shape[-2:]) for picture in pictures)
    wanted = (2 * patch - 1, patch, max(2, (patch + 3) // 2))
    fitting = dict.fromkeys(side for side in wanted if 2 * side <= shorter)
    yield from fitting or [min(wanted[-1], shorter)]


def _work(picture: Tensor, style: Tensor, side: int) -> int:
    """What a round takes, in numbers of about equal cost: patches are cut out and compared with those of the style."""
    asked, keys = (one.shape[-2] * one.shape[-1] for one in (picture, style))
    asked, keys = asked // _gap(side) ** 2, min(KEYS, keys)
    return asked * keys + 2 * (asked + keys) * 3 * side**2


def _gap(side: int) -> int:
    """Pixels between the patches of a picture that are laid."""
    return max(1, side // 3)


class _Patches:
    """The patches of a style, and what a picture becomes when it is laid from them."""

    def __init__(self, style: Tensor, side: int):
        self._style, self._side = style, side
        self._step = stride_for(style, side, KEYS)
        known = _cut(style, side, stride_for(style, side, _MANY))
        self._mean = known.mean(0)
        centred = known - self._mean
        self._basis = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -_BASIS:]

    def over(self, picture: Tensor, offset: Stream) -> Tensor:
        """The picture of nearest patches; `offset` decides which patches of the style are looked at."""
        height, width, side = *picture.shape[-2:], self._side
        gap = _gap(side)
        whole = pad(picture, (0, -(width - side) % gap, 0, -(height - side) % gap), mode="replicate")
        top, left = drawn_offset(self._style, side, self._step, offset)
        keys = _cut(self._style[..., top:, left:], side, self._step)
        nearest = _Nearest((keys - self._mean) @ self._basis, WHOLE * 3 * side**2)
        for _, band in _bands(whole, side, gap):
            nearest.hear(self._seen(band, gap))
        sums, weights = torch.zeros_like(whole), torch.zeros_like(whole[:, :1])
        for start, band in _bands(whole, side, gap):
            asked, rows = _cut(band, side, gap), slice(start, start + band.shape[-2])
            found = keys[nearest.of(self._seen(band, gap))]
            weight = ((asked - found).square().mean(1, keepdim=True) + 1e-4) ** ((_ROBUST - 2) / 2)
            sums[..., rows, :] += _folded(found * weight, band, side, gap)
            weights[..., rows, :] += _folded(weight.expand(-1, side**2), band, side, gap)
        return (sums / weights)[..., :height, :width]

    def _seen(self, band: Tensor, gap: int) -> Tensor:
        """(N, D) patches of a picture as they are compared."""
        return (_cut(band, self._side, gap) - self._mean) @ self._basis


class _Nearest:
    """Which of the keys (K, D) is nearest, where one that nothing is near to counts as nearer by what `alpha` leaves of it."""

    def __init__(self, keys: Tensor, alpha: float):
        self._keys, self._lengths, self._alpha = keys, keys.square().sum(1), alpha
        self._lonely = torch.full_like(self._lengths, torch.inf)

    def hear(self, asked: Tensor) -> None:
        """Take notice of what will be asked."""
        for apart in self._distances(asked):
            self._lonely = torch.minimum(self._lonely, apart.amin(0))

    def of(self, asked: Tensor) -> Tensor:
        """(N,) which key each of the asked (N, D) gets."""
        return torch.cat([(apart / (self._lonely + self._alpha)).argmin(1) for apart in self._distances(asked)])

    def _distances(self, asked: Tensor) -> Iterator[Tensor]:
        for part in asked.split(max(1, _AT_ONCE // len(self._keys))):
            apart = torch.addmm(self._lengths[None], part, self._keys.T, alpha=-2) + part.square().sum(1, keepdim=True)
            yield apart.clamp_min_(0)


def _bands(picture: Tensor, side: int, gap: int) -> Iterator[tuple[int, Tensor]]:
    """Stripes of whole rows of patches and where each begins: what is cut from a large picture would not fit into memory."""
    rows, columns = ((length - side) // gap + 1 for length in picture.shape[-2:])
    each = max(1, _CUT // columns)
    for start in range(0, rows, each):
        count = min(each, rows - start)
        yield start * gap, picture[..., start * gap : (start + count - 1) * gap + side, :]


def _folded(patches: Tensor, band: Tensor, side: int, gap: int) -> Tensor:
    """The sum of overlapping patches (N, D), in place."""
    return fold(patches.T[None], (band.shape[-2], band.shape[-1]), side, stride=gap)


def _cut(picture: Tensor, side: int, step: int) -> Tensor:
    """(N, D) patches at every `step`-th place."""
    return unfold(picture, side, stride=step)[0].T.contiguous()
