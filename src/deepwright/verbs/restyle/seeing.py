"""What a person's own network sees of pictures: a second space where styles are compared, beside raw patches.

Gatys et al. 2016 (CVPR, "Image style transfer using convolutional neural networks") compare styles by what a classifier's layers
hold; here that is any run that answers from pictures, and its values are compared as distributions, by projections, like
patches (Heitz et al. 2021, arXiv 2006.07229, eq. 4). Shapes: pictures are (1, 3, H, W) from 0 to 1, maps (1, C, h, w).
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from deepwright.core.errors import Refused
from deepwright.core.files import file_hash
from deepwright.draw import Draw
from deepwright.fields import Field
from deepwright.models.layers.colours import brightness
from deepwright.models.layers.patches import filters, patch_distance, projected
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.extractors import picture_columns

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Seen"]

_SIDE = 3  # of what is compared in a map, in its cells
_LEAST = 4  # cells of a map's sides, below which there is nothing to compare
_SAMPLED = 4096  # places of a map that a comparison looks at, about


class Seen:
    """The last convolution of each resolution of a run's network.

    Raises:
        Refused: the run does not answer, or not from one picture alone, or it has no convolutions.
    """

    def __init__(self, run: "Run"):
        if run.task is None:
            raise Refused(
                f"--features: the run {run.name} creates and answers nothing; give a run that answers from pictures."
            )
        names = picture_columns(run.features)
        if len(names) != 1 or len(run.features) != 1:
            raise Refused(
                f"--features: the run {run.name} does not answer from one picture alone; give a run that does."
            )
        self._run, (self._name,) = run, names
        self._layers = [layer for layer in run.network.modules() if isinstance(layer, nn.Conv2d)]
        if not self._layers:
            raise Refused(f"--features: the network of {run.name} has no convolutions that could be looked at.")
        self.hash = file_hash(run.folder / "weights.safetensors")

    def maps(self, picture: Tensor) -> list[Tensor]:
        """What the layers hold, the finest first; differentiable with respect to the picture alone."""
        feature, network, met = self._run.features[self._name], self._run.network, []
        channels = feature.space.shape[-1]  # type: ignore[union-attr]
        if channels == 1:
            picture = brightness(picture)
        embedder = feature.embedder()
        assert embedder is not None
        hooks = [layer.register_forward_hook(lambda _, __, held: met.append(held)) for layer in self._layers]
        before = [parameter.requires_grad for parameter in network.parameters()]
        try:
            network.requires_grad_(False)
            with frozen_statistics(network):
                network.body({self._name: Field(embedder(picture.permute(0, 2, 3, 1) * 255))}, None)
        except RuntimeError as error:
            raise Refused(
                f"--features: the network of {self._run.name} takes pictures of one size only; give a run of the model cnn."
            ) from error
        finally:
            for hook in hooks:
                hook.remove()
            for parameter, needs in zip(network.parameters(), before, strict=True):
                parameter.requires_grad_(needs)
        last = {map_.shape[-2:]: map_[:1].float() for map_ in met if min(map_.shape[-2:]) >= _LEAST}
        return list(last.values())

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
