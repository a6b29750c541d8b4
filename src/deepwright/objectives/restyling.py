"""Restyling: what a network makes of pictures shall have the style's patches, and the pictures' layout.

Johnson, Alahi & Fei-Fei 2016 (arXiv 1603.08155), eq. 5, with two distances of raw patches at halved sizes (`sampled_patches`) in
place of what a downloaded network sees, and blurred brightness in place of its content. The patches of a batch are looked at
together: a picture of sky may take over the style's sky. Shapes: B pictures, C channels.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field as Setting
from torch import Tensor
from torch.nn.functional import interpolate

from deepwright.contracts import BoundObjective, FittedFeature, FittedTask, Loss, Network, Player, Restyles
from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch
from deepwright.models.layers.colours import blurred, brightness
from deepwright.models.layers.sampled_patches import nearest_distance, sampled_patches, sliced_distance
from deepwright.objectives.whole_rows import whole_rows
from deepwright.registries import objectives

__all__ = ["BoundRestyling", "Restyling"]

_HOLD = 1.0  # the layout's weight against the patches' at a strength of one half


@objectives.register
class Restyling(Config):
    """Learn to give pictures a style in one pass.

    Args:
        strength: how much of the style against how much of the pictures' layout, above 0 to 1.
        layout: window of the brightness that is kept, in pixels; what is smaller is free to change.
        crop: side of what is cut out of pictures to learn from, in pixels. patch: side of patches.
        filters: directions that patches are compared in, at each size. sampled: patches at each size, about.
    """

    kind: Literal["restyling"] = "restyling"
    strength: float = Setting(0.4, gt=0, le=1)
    layout: int = Setting(17, ge=1, le=1024)
    crop: int = Setting(96, ge=16, le=1024)
    patch: int = Setting(9, ge=2, le=31)
    filters: int = Setting(32, ge=1, le=1024)
    sampled: int = Setting(2048, ge=64, le=16_384)

    def planned(self, epochs: float) -> "Restyling":
        return self

    def bind(
        self, task: FittedTask | None, features: Mapping[str, FittedFeature], network: Network
    ) -> "BoundRestyling":
        if not isinstance(network, Restyles):
            raise Refused(
                "The objective 'restyling' needs a network that restyles pictures in one pass: choose the model stylist."
            )
        return BoundRestyling(self, network)


class BoundRestyling(BoundObjective):
    """See `Restyling`. Held-out pictures judge nothing: few of them, or one by one, are further from a style the more they have
    in common with it than a batch together, and then an early network would be taken for the best one.
    """

    coupled = True
    second_order = False
    order: Literal["shuffle", "poisson"] = "shuffle"
    mates = False

    def __init__(self, settings: Restyling, network: Restyles):
        self._settings, self._network = settings, network
        self._hold = _HOLD * (1 - settings.strength) / settings.strength

    def players(self) -> tuple[Player, ...]:
        return (Player("restyling"),)

    def weight(self, player: str, batch: Batch) -> Tensor:
        return whole_rows(batch)

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """{"made": (B, C, crop, crop), "moved": (B,)}: a piece of each row, restyled, and how far its layout has changed."""
        assert isinstance(network, Restyles)
        with torch.no_grad():
            begun = self._pieces(network.begun(network.photos(network.embed(batch.inputs))), draw)
        made = network.restyled(begun, draw)
        before, after = (blurred(brightness(one), self._settings.layout) for one in (begun, made))
        return {"made": made, "moved": (after - before).abs().flatten(1).mean(1)}

    def _pieces(self, pictures: Tensor, draw: Draw) -> Tensor:
        """A piece of each picture: of itself, or (where half of it holds a piece) as often of it at half the size."""
        rows, _, height, width = pictures.shape
        side = min(self._settings.crop, height, width)
        halved = interpolate(pictures, scale_factor=0.5, mode="area") if min(height, width) >= 2 * side else pictures
        chance, small = draw.at("place").uniform(rows, 2).cpu(), draw.at("size").uniform(rows).cpu() < 0.5
        pieces = []
        for row in range(rows):
            whole = halved[row] if small[row] else pictures[row]
            top, left = (int(chance[row, k] * (whole.shape[k + 1] - side + 1)) for k in range(2))
            pieces.append(whole[:, top : top + side, left : left + side])
        return torch.stack(pieces) if pieces else pictures[..., :side, :side]

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        there = whole_rows(batch) > 0
        if not bool(there.any()):
            return Loss(sum(part.sum() for part in reps.values()) * 0.0)
        made, moved = reps["made"][there], reps["moved"][there].mean()
        settings, chance = self._settings, draw.keyed(None).of("patches")
        pairs = sampled_patches(made, self._network.style, chance, settings.patch, settings.sampled)
        apart, strokes = sliced_distance(pairs, chance, settings.filters), nearest_distance(pairs)
        told = {"distance": apart.detach(), "strokes": strokes.detach(), "layout": moved.detach()}
        return Loss(apart + strokes + self._hold * moved, told)
