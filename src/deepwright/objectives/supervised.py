"""Supervised learning: augment → embed → (mixup) → body → the task's loss."""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field as Setting
from torch import Tensor

from deepwright.contracts import BoundObjective, FittedFeature, FittedTask, Loss, Network, Player
from deepwright.core.config import OFF, Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.registries import objectives
from deepwright.spaces import Box

__all__ = ["Supervised", "fold_members"]

AUGMENTED_EPOCHS = (3.0, 30.0)


@objectives.register
class Supervised(Config):
    """Learn the target from the inputs.

    Args:
        mixup: Beta(a, a) parameter of mixing two examples' inputs and losses (Zhang et al. 2018, arXiv 1710.09412);
            0 turns it off.
        cutmix: the same for pasting a rectangle of another picture (Yun et al. 2019, arXiv 1905.04899); with both, a
            step does the one or the other.
        input_noise: Gaussian noise on plain inputs, in standard deviations of the training rows.
        augment: share of the examples that the features' augmentation changes. None: by the epochs planned, from none
            at 3 to all at 30, since a network that sees an example a few times only learns slower from changed ones.
        mirror: whether every second one of the other examples is mirrored, where mirroring keeps the meaning: that pays
            from the first epoch.
    """

    kind: Literal["supervised"] = "supervised"
    mixup: float = Setting(0.0, ge=0.0, json_schema_extra=OFF)
    cutmix: float = Setting(0.0, ge=0.0, json_schema_extra=OFF)
    input_noise: float = Setting(0.0, ge=0.0, json_schema_extra=OFF)
    augment: float | None = Setting(None, ge=0.0, le=1.0, json_schema_extra=OFF)
    mirror: bool = Setting(True, json_schema_extra={"off": False})

    def planned(self, epochs: float) -> "Supervised":
        if self.augment is not None:
            return self
        first, last = AUGMENTED_EPOCHS
        return self.model_copy(update={"augment": min(1.0, max(0.0, (epochs - first) / (last - first)))})

    def bind(
        self, task: FittedTask | None, features: Mapping[str, FittedFeature], network: Network
    ) -> "BoundSupervised":
        if task is None:
            raise Refused("The objective 'supervised' needs a target: name one with --target.")
        if task.coupled and (self.mixup or self.cutmix):
            raise Refused(f"mixup and cutmix cannot be used with the task '{task.kind}', whose loss compares rows.")
        if self.cutmix and not any(_picture_size(feature) for feature in features.values()):
            raise Refused("cutmix needs a picture input; these are plain columns. Use mixup, or set cutmix: 0.")
        return BoundSupervised(self, task, dict(features), network)


def fold_members(outputs: Fields, targets: Fields) -> tuple[dict[str, Field], dict[str, Field], int]:
    """Outputs (B, K, D) of an ensemble in one network → (B·K, D), targets repeated to fit; and K."""
    members = next(iter(outputs.values())).values.shape[1]
    flat = {name: Field(field.values.flatten(0, 1)) for name, field in outputs.items()}
    repeated = {name: field.map(lambda part: part.repeat_interleave(members, 0)) for name, field in targets.items()}
    return flat, repeated, members


class BoundSupervised(BoundObjective):
    """See `Supervised`."""

    second_order = False
    order: Literal["shuffle", "poisson"] = "shuffle"

    def __init__(self, settings: Supervised, task: FittedTask, features: dict[str, FittedFeature], network: Network):
        self._settings, self._task, self._features, self._network = settings, task, features, network
        self._sizes = {name: size for name, feature in features.items() if (size := _picture_size(feature))}
        self.coupled = task.coupled
        self.mates = settings.mixup > 0 or settings.cutmix > 0

    def players(self) -> tuple[Player, ...]:
        return (Player("network"),)

    def weight(self, player: str, batch: Batch) -> Tensor:
        weight = self._task.weight(batch.targets)
        return weight if batch.weight is None else weight * batch.weight

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        z = network.embed(self._augmented(batch.inputs, draw))
        if batch.mate is not None:
            mate = network.embed(self._augmented(batch.mate.inputs, draw.keyed(batch.mate.position)))
            z = self._mix(z, mate, draw)
        if self._settings.input_noise:
            z = {name: self._noisy(name, field, draw) for name, field in z.items()}
        return {name: field.values for name, field in network.body(z, draw).items()}

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        outputs = {name: Field(value) for name, value in reps.items()}
        value = self._rows_loss(outputs, batch.targets)
        if batch.mate is not None:
            share, other = self._share(draw)[0], self._rows_loss(outputs, batch.mate.targets)
            known = self._task.weight(batch.mate.targets) > 0  # a mate without a target teaches nothing
            value = torch.where(known, share * value + (1 - share) * other, value)
        return Loss(value)

    def _rows_loss(self, outputs: Fields, targets: Fields) -> Tensor:
        if self._network.members == 1:
            return self._task.loss(outputs, targets)
        flat, repeated, members = fold_members(outputs, targets)
        return self._task.loss(flat, repeated).unflatten(0, (-1, members)).mean(1)

    def _augmented(self, inputs: Fields, draw: Draw) -> dict[str, Field]:
        share = 1.0 if self._settings.augment is None else self._settings.augment
        return {name: self._changed(name, field, share, draw) for name, field in inputs.items()}

    def _changed(self, name: str, field: Field, share: float, draw: Draw) -> Field:
        feature = self._features[name]
        new = feature.augment(field, draw.of("augment", name))[0] if share else field
        if share == 1.0:
            return new
        if self._settings.mirror and isinstance(feature.space, Box) and feature.space.mirror:
            mirrored = draw.at("mirrored", name).bernoulli(0.5, len(field))
            field = field.with_values(_either(mirrored, field.values.flip(-2), field.values))
        elif new is field:
            return field
        return field.with_values(
            _either(draw.at("augmented", name).bernoulli(share, len(field)), new.values, field.values)
        )

    def _noisy(self, name: str, field: Field, draw: Draw) -> Field:
        space = self._features[name].space
        if not isinstance(space, Box) or len(space.shape) != 1:
            return field  # pictures have augmentations of their own, categories have no scale
        noise = draw.at("noise", name).normal(*field.values.shape) * self._settings.input_noise
        return field.with_values(field.values + noise.masked_fill(space.frozen.to(noise.device), 0.0))

    def _share(self, draw: Draw) -> tuple[float, float]:
        """The share of an example's own input in this step, and the side of a pasted rectangle (0: none is pasted).

        One choice a step, whatever rows are asked for. Under cutmix the share is the area that was not pasted over, to
        the pixel (the mean of several pictures).
        """
        chance = Draw(draw.seed, draw.step, path=draw.path, device=draw.device)
        cut = self._settings.cutmix > 0 and (self._settings.mixup == 0 or bool(chance.at("cut").bernoulli(0.5, 1)[0]))
        a = self._settings.cutmix if cut else self._settings.mixup
        share = float(chance.at("share").beta(a, 1)[0])
        if not cut:
            return share, 0.0
        side = (1 - share) ** 0.5
        pasted = [
            round(side * height) * round(side * width) / (height * width) for height, width in self._sizes.values()
        ]
        return 1 - sum(pasted) / len(pasted), side

    def _mix(self, z: Mapping[str, Field], mate: Mapping[str, Field], draw: Draw) -> dict[str, Field]:
        share, side = self._share(draw)
        if not side:
            return {name: _blended(field, mate[name], share) for name, field in z.items()}
        return {
            name: _pasted(field, mate[name], side, draw.of("paste", name)) if name in self._sizes else field
            for name, field in z.items()
        }


def _either(first: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Rows of `one` where `first` (B,) says so, rows of `other` elsewhere."""
    return torch.where(first.view(-1, *[1] * (one.dim() - 1)), one, other)


def _picture_size(feature: FittedFeature) -> tuple[int, int] | None:
    """(H, W) of a picture column, None of any other."""
    space = feature.space
    return (space.shape[0], space.shape[1]) if isinstance(space, Box) and len(space.shape) == 3 else None


def _blended(field: Field, mate: Field, share: float) -> Field:
    if not field.values.is_floating_point():
        return field  # ids have nothing in between
    return field.with_values(field.values * share + mate.values * (1 - share))


def _pasted(field: Field, mate: Field, side: float, draw: Draw) -> Field:
    """Pictures (B, H, W, C) with a rectangle of their mates, `side` of each axis long, at one place for all rows."""
    height, width = field.values.shape[1:3]
    high, wide = round(side * height), round(side * width)
    corner = Draw(draw.seed, draw.step, path=draw.path).at("corner").uniform(2).tolist()
    top, left = int(corner[0] * (height - high + 1)), int(corner[1] * (width - wide + 1))
    inside = torch.zeros(1, height, width, 1, dtype=torch.bool, device=field.values.device)
    inside[:, top : top + high, left : left + wide] = True
    return field.with_values(torch.where(inside, mate.values, field.values))
