"""Adversarial learning: a discriminator compares what is real with what is created, a generator learns to win.

Relativistic pairing with both gradient penalties (R3GAN: Huang et al. 2024, arXiv 2501.05441, section 2): row i of the
batch is compared with creation i, so that no row meets another row.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from torch import Tensor

from deepwright.contracts import BoundObjective, FittedFeature, FittedTask, Loss, Network, Player
from deepwright.core.config import OFF, Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.objectives.shift import shifted
from deepwright.registries import objectives
from deepwright.spaces import Box, Space

__all__ = ["Adversarial", "BoundAdversarial"]

_GAMMA, _VALUES = 0.1, 784  # measured on 28 × 28 grey pictures


@objectives.register
class Adversarial(Config):
    """Learn to create what the inputs look like.

    Args:
        loss: "relativistic": the score of what is real less the score of what is created, in pairs (Jolicoeur-Martineau
            2018, arXiv 1807.00734); "nonsaturating": each on its own (Goodfellow et al. 2014, arXiv 1406.2661).
        gamma: weight of the squared slopes of the score at real inputs (R1: Mescheder et al. 2018, arXiv 1801.04406)
            and at creations (R2), in units in which every input runs from -1 to 1. None: 0.1 for 784 values, in
            proportion for others, since a slope is spread over all of them. Higher is calmer and blurs.
        shift: the discriminator sees real and created inputs moved by up to this share of each side (differentiable
            augmentation: Zhao et al. 2020, arXiv 2006.10738); helps where there are few rows.
    """

    kind: Literal["adversarial"] = "adversarial"
    loss: Literal["relativistic", "nonsaturating"] = "relativistic"
    gamma: float | None = Setting(None, ge=0.0)
    shift: float = Setting(0.0, ge=0.0, le=0.5, json_schema_extra=OFF)

    def planned(self, epochs: float) -> "Adversarial":
        return self

    def bind(
        self, task: FittedTask | None, features: Mapping[str, FittedFeature], network: Network
    ) -> "BoundAdversarial":
        parts = {name.split(".")[0] for name, _ in network.named_parameters()}
        if not {"generator", "discriminator"} <= parts:
            raise Refused("The objective 'adversarial' needs a generator and a discriminator: choose the model gan.")
        return BoundAdversarial(self, {n: one.space for n, one in features.items() if n not in network.conditions})


def _half(space: Space) -> Tensor:
    """Half the range of each coordinate, 1 where it has no end: a slope times this is a slope in units from -1 to 1."""
    if not isinstance(space, Box):
        return torch.ones(())
    half = (space.high - space.low) / 2
    return torch.where(torch.isfinite(half), half, 1.0)


class BoundAdversarial(BoundObjective):
    """See `Adversarial`."""

    coupled = False
    second_order = True
    order: Literal["shuffle", "poisson"] = "shuffle"
    mates = False

    def __init__(self, settings: Adversarial, spaces: Mapping[str, Space]):
        self._settings = settings
        self._half = {name: _half(space) for name, space in spaces.items()}
        values = sum(torch.Size(space.shape).numel() for space in spaces.values() if isinstance(space, Box))
        self.gamma = _GAMMA * max(1, values) / _VALUES if settings.gamma is None else settings.gamma

    def players(self) -> tuple[Player, ...]:
        return (Player("discriminator", "discriminator."), Player("generator", "generator."))

    def weight(self, player: str, batch: Batch) -> Tensor:
        """Rows with a part missing teach nothing about what is real."""
        weight = torch.ones(len(batch), device=batch.row.device) if batch.weight is None else batch.weight
        for field in batch.inputs.values():
            weight = weight if field.present is None else weight * field.present
        return weight

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """Scores (B,) of real and created rows; for the discriminator also their squared slopes (B,)."""
        wishes = {name: batch.inputs[name] for name in network.conditions}
        with torch.set_grad_enabled(player == "generator"):
            fake = {**network.sample(len(batch), draw.of("sample"), wishes), **wishes}
        with torch.no_grad():
            real = network.embed(batch.inputs)
        if player == "generator":
            with torch.no_grad():
                score = self._score(network, real, draw.of("real"))
            return {"real": score, "fake": self._score(network, fake, draw.of("fake"))}
        reps: dict[str, Tensor] = {}
        for side, z in (("real", real), ("fake", fake)):
            reps |= self._sloped(side, network, z, draw)
        return reps

    def _sloped(self, side: str, network: Network, z: Fields, draw: Draw) -> dict[str, Tensor]:
        """Scores, and the squared lengths of their slopes with respect to rows as they were before augmentation."""
        if not self.gamma:
            return {side: self._score(network, z, draw.of(side))}
        leaves = {name: z[name].with_values(z[name].values.detach().requires_grad_()) for name in self._half}
        score = self._score(network, {**z, **leaves}, draw.of(side))
        slopes = torch.autograd.grad(score.sum(), [field.values for field in leaves.values()], create_graph=True)
        scaled = [slope * self._half[name].to(slope.device) for name, slope in zip(leaves, slopes, strict=True)]
        squares = torch.stack([slope.square().flatten(1).sum(1) for slope in scaled]).sum(0)
        return {side: score, f"{side}_slope": squares}

    def _score(self, network: Network, z: Fields, draw: Draw) -> Tensor:
        if self._settings.shift:
            z = {name: _moved(field, self._settings.shift, draw.of(name)) for name, field in z.items()}
        return network.body(z, draw)["score"].values[:, 0]

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        real, fake = reps["real"], reps["fake"]
        pairs = self._settings.loss == "relativistic"
        if player == "generator":
            return Loss(F.softplus(real - fake) if pairs else F.softplus(-fake))
        value = F.softplus(fake - real) if pairs else F.softplus(-real) + F.softplus(fake)
        logs = {"accuracy": (real > fake).float().mean()}
        if self.gamma:
            penalty = 0.5 * self.gamma * (reps["real_slope"] + reps["fake_slope"])
            value, logs = value + penalty, logs | {"penalty": penalty.mean()}
        return Loss(value, logs)

    def after_step(self, step: int, logs: Mapping[str, Any]) -> None:
        """Nothing adapts."""

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        """There is no state."""

    def finish(self, network: Network, batches: Callable[[], Iterator[Batch]], draw: Draw) -> None:
        """Nothing is learnt after training."""


def _moved(field: Field, share: float, draw: Draw) -> Field:
    return field.with_values(shifted(field.values, share, draw)) if field.values.dim() > 2 else field
