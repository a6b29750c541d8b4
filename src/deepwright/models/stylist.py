"""Stylist: gives pictures of any size the style of one picture, in a single pass.

Johnson, Alahi & Fei-Fei 2016, "Perceptual losses for real-time style transfer and super-resolution" (arXiv 1603.08155). It learns
from a folder of pictures what it then does to any other. Shapes: B rows, C channels, H × W pixels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field as Setting
from pydantic import field_validator
from torch import Tensor

from deepwright.contracts import FittedFeature
from deepwright.core.config import Config
from deepwright.core.errors import DataError, Refused
from deepwright.data.sources.pictures import TEXT, pixels_of
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields, concat_fields
from deepwright.models.layers.colours import brightness, recoloured
from deepwright.models.layers.creator import Creator
from deepwright.models.layers.family import PictureFamily
from deepwright.models.layers.grid_points import GridPoints
from deepwright.models.layers.points import alone
from deepwright.models.layers.sampled_patches import sampled_patches, sliced_distance
from deepwright.models.layers.transformation import Transformation
from deepwright.registries import models

__all__ = ["Stylist", "StylistNetwork"]

_EXAMPLES = 8  # pictures of the training rows that it is shown by
_FILTERS, _PATCH, _SAMPLED = 32, 7, 2048  # how a row is compared with the style


@models.register
class Stylist(PictureFamily):
    """Gives pictures the style of one, in one pass: learnt from a folder, then any picture with restyle --with RUN.

    After ten minutes on two cores strokes have moved over, too; restyle --style takes half a minute for one picture and keeps them finer.

    Args:
        style: the picture; in a run's recipe its pixels themselves. None: bands of colour, to try it out.
        side: pixels of the style's longer side; the larger, the larger the strokes.
        width: of the finest layers. blocks: residual ones at a quarter of the size.
    """

    objective: ClassVar[str] = "restyling"
    does: ClassVar[str] = "learns from pictures"
    views: ClassVar[Mapping[str, Any]] = {"most": 256, "resize": "crop", "channels": 3}
    labelled: ClassVar[bool] = False
    named: ClassVar[Mapping[str, str]] = {"style": "side"}

    kind: Literal["stylist"] = "stylist"
    style: str | None = Setting(None, repr=False)
    side: int = Setting(256, ge=16, le=1024)
    width: int = Setting(16, ge=4, le=256)
    blocks: int = Setting(3, ge=0, le=32)

    @field_validator("style")
    @classmethod
    def _whole(cls, style: str | None) -> str | None:
        if style is not None and style.startswith(TEXT):
            try:
                pixels_of(style, 16)
            except DataError as error:
                raise ValueError(str(error)) from error
        return style

    def recommended(self, rows: int, values: int = 1) -> dict[str, Any]:
        """Train settings that suit this family."""
        return {
            "budget": self.budget, "batch": 4, "optimizer": {"kind": "adam", "lr": 2e-3},
            "schedule": {"kind": "cosine", "warmup": 0.02, "floor": 0.02}, "average": {"kind": "ema", "decay": 0.99}, "clip": 1.0,
            "early_stopping": None,
        }  # fmt: skip

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from, unless the person says otherwise: recipe key → range."""
        return {"model.width": [12, 16, 24], "train.optimizer.lr": {"log": [5e-4, 5e-3]}}

    def build(
        self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int, conditions: Sequence[str] = ()
    ) -> "StylistNetwork":
        """Raises Refused: there are labels, a target, or no picture, or pictures are transparent."""
        if conditions:
            raise Refused("The model 'stylist' learns one style and knows no labels: --set task.condition=[].")
        name = self.takes(alone(self.kind, features, heads, conditions))[0]
        if features[name].space.shape[-1] == 4:  # type: ignore[union-attr]
            raise Refused(
                f"The model 'stylist' learns from opaque pictures: --set {name}.alpha=flatten. Transparent ones keep their "
                "transparency when they are restyled."
            )
        return StylistNetwork(self, features, name)

    def pixels(self) -> np.ndarray:
        """(h, w, 3) bytes of the style. Raises DataError: it cannot be read."""
        return _bands(self.side) if self.style is None else pixels_of(self.style, self.side)


def _bands(side: int) -> np.ndarray:
    """(side, side, 3) bands of blue, white and orange that wave."""
    y, x = np.mgrid[:side, :side] * (256 / side)
    wave = np.sin((y + 14 * np.sin(x / 21)) / 5) / 2 + 0.5
    warm = np.sin(x / 47 + y / 83)[..., None] / 2 + 0.5
    colour = np.array([235, 140, 40]) * warm + np.array([25, 60, 140]) * (1 - warm)
    return (colour + (245 - colour) * wave[..., None] ** 3).astype(np.uint8)


class StylistNetwork(Creator):
    """See `Stylist`. `body` gives {"distance": (B, 1)}: how far restyled rows are from the style. Its creations are examples
    of the training rows, restyled: creation k is of example k modulo their number, with chance of its own.
    """

    latent = None
    style: Tensor
    examples: Tensor

    def __init__(self, settings: Stylist, features: Mapping[str, FittedFeature], name: str):
        super().__init__(features, ())
        self.points = GridPoints(name, features[name])
        channels = self.points.latent[0]
        style = torch.from_numpy(settings.pixels().copy()).permute(2, 0, 1)[None].float() / 255
        self.register_buffer("style", style if channels == 3 else brightness(style), persistent=False)
        self.register_buffer("examples", torch.zeros(_EXAMPLES, *self.points.latent, dtype=torch.uint8))
        self.change = Transformation(channels, settings.width, settings.blocks)

    def together(self, knobs: Config | None = None) -> int:
        return _EXAMPLES

    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        """Keeps some pictures to be shown by."""
        first = next(batches(), None)
        if first is None or not len(first):
            return
        there = next(iter(first.inputs.values())).present
        good = torch.arange(len(first)) if there is None or not there.any() else there.nonzero()[:, 0]
        chosen = first[good[torch.arange(_EXAMPLES) % len(good)]]
        with torch.no_grad():
            self.examples.copy_((self.photos(self.embed(chosen.inputs)) * 255).round())

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return self.points.embed(inputs)

    def photos(self, z: Fields) -> Tensor:
        return self.points.goal(z, Draw(0)) / 2 + 0.5

    def begun(self, photos: Tensor) -> Tensor:
        with torch.no_grad():
            return recoloured(photos, self.style)

    def restyled(self, begun: Tensor, draw: Draw) -> Tensor:
        rows, _, height, width = begun.shape
        noise = draw.at("noise").normal(rows, height * width).to(begun.device, begun.dtype)
        return self.change(begun, noise.view(rows, 1, height, width))

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        photos = self.photos(z)
        chance = Draw(0).keyed(torch.zeros(len(photos), dtype=torch.int64)) if draw is None else draw
        made = self.restyled(self.begun(photos), chance)
        draw, apart = chance.keyed(None).of("patches"), []
        for one in made.split(1):
            apart.append(sliced_distance(sampled_patches(one, self.style, draw, _PATCH, _SAMPLED), draw, _FILTERS))
        return {"distance": Field(torch.stack(apart)[:, None] if apart else photos.new_zeros(0, 1))}

    def sample(
        self, n: int, draw: Draw, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """`n` examples of the training rows, restyled.

        Raises:
            Refused: a condition; there are none.
        """
        self.asked(condition)
        rows = torch.arange(n) if draw.rows is None else draw.rows
        parts = []
        for own in rows.split(_EXAMPLES):
            begun = self.begun(self.examples[own.to(self.examples.device) % _EXAMPLES].float() / 255)
            parts.append(self.points.back(2 * self.restyled(begun, draw.of("restyle").keyed(own)) - 1))
        return {name: concat_fields([part[name] for part in parts]) for name in parts[0]}
