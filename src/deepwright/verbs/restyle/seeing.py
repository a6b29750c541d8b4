"""What a network sees of pictures: a second space where styles are compared, beside raw patches.

Gatys et al. 2016 (CVPR, "Image style transfer using convolutional neural networks") compare styles by what a classifier's layers
hold; here its values are compared as distributions, by projections, like patches (Heitz et al. 2021, arXiv 2006.07229, eq. 4).
Shapes: pictures are (1, 3, H, W) from 0 to 1, maps (1, C, h, w).
"""

import torch
from torch import Tensor

from deepwright.draw import Draw
from deepwright.models.layers.patches import filters, patch_distance, projected
from deepwright.verbs.restyle.eyes import Eyes

__all__ = ["Seen"]

_SIDE = 3  # of what is compared in a map, in its cells
_LEAST = 4  # cells of a map's sides, below which there is nothing to compare
_SAMPLED = 4096  # places of a map that a comparison looks at, about


class Seen:
    """Styles as `eyes` see them."""

    def __init__(self, eyes: Eyes):
        self._eyes = eyes

    @property
    def hash(self) -> str:
        return self._eyes.hash

    def maps(self, picture: Tensor) -> list[Tensor]:
        """What the network holds of each resolution at which there is enough, the finest first."""
        return [map_ for map_ in self._eyes.maps(picture) if min(map_.shape[-2:]) >= _LEAST]

    def wanted(self, style: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The style's maps, each channel divided by its deviation there, and these deviations (1, C, 1, 1)."""
        found = []
        with torch.no_grad():
            for map_ in self.maps(style):
                spread = map_.flatten(2).std(2)[..., None, None].clamp_min(1e-3)
                found.append((map_ / spread, spread))
        return found

    def apart(self, picture: Tensor, wanted: list[tuple[Tensor, Tensor]], draw: Draw, count: int) -> Tensor:
        """How far what the network sees of a picture is from what it sees of the style, the mean over its resolutions.

        Args:
            count: directions that maps are compared in.
        """
        found = []
        for place, (map_, (theirs, spread)) in enumerate(zip(self.maps(picture), wanted, strict=False)):
            directions = filters(draw.at(place), count, _SIDE, map_.shape[1])
            ours = projected(map_ / spread, directions, _stride(map_))
            found.append(patch_distance(ours, projected(theirs, directions, _stride(theirs))))
        return torch.stack(found).mean() if found else picture.sum() * 0.0


def _stride(map_: Tensor) -> int:
    """The step between places that gives about as many as are looked at."""
    return max(1, round((map_.shape[-2] * map_.shape[-1] / _SAMPLED) ** 0.5))
