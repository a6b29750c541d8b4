"""Variational learning: rows through a narrow code and back (Kingma & Welling 2014, arXiv 1312.6114, eq. 3).

The weight β of the code's cost is from Higgins et al. 2017 (ICLR, eq. 4). How sharp what is built again is said to be is
learnt with it (σ-VAE: Rybkin et al. 2021, arXiv 2006.13202, section 3.1), so that β = 1 is a true bound.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import torch
from pydantic import Field as Setting
from torch import Tensor

from deepwright.contracts import BoundObjective, Encodes, FittedFeature, FittedTask, Loss, Network, Player
from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch
from deepwright.objectives.whole_rows import whole_rows
from deepwright.registries import objectives

__all__ = ["BoundVariational", "Variational"]


@objectives.register
class Variational(Config):
    """Learn a code from which rows can be built again, and new ones made.

    Args:
        beta: weight of the code's cost: above 1 codes are simpler and creations smoother.
        warmup: share of the budget over which the weight rises from nothing.
    """

    kind: Literal["variational"] = "variational"
    beta: float = Setting(1.0, ge=0.0, le=100.0)
    warmup: float = Setting(0.1, ge=0.0, le=1.0)

    def planned(self, epochs: float) -> "Variational":
        return self

    def bind(
        self, task: FittedTask | None, features: Mapping[str, FittedFeature], network: Network
    ) -> "BoundVariational":
        if not isinstance(network, Encodes):
            raise Refused(
                "The objective 'variational' needs a network that encodes what it sees: choose the model vae."
            )
        return BoundVariational(self)


class BoundVariational(BoundObjective):
    """See `Variational`."""

    coupled = False
    second_order = False
    order: Literal["shuffle", "poisson"] = "shuffle"
    mates = False
    judges = True

    def __init__(self, settings: Variational):
        self._settings = settings
        self._beta = settings.beta

    def players(self) -> tuple[Player, ...]:
        return (Player("vae"),)

    def progress(self, fraction: float) -> None:
        """The weight of the code's cost, which rises over the warm-up."""
        warmup = self._settings.warmup
        self._beta = self._settings.beta * (min(1.0, fraction / warmup) if warmup else 1.0)

    def weight(self, player: str, batch: Batch) -> Tensor:
        return whole_rows(batch)

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """{"built": (B,), "code": (B, L)}: what rows cost, in nats a coordinate."""
        assert isinstance(network, Encodes)
        built, code = network.bound(network.embed(batch.inputs), draw)
        return {"built": built, "code": code}

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        built, code = reps["built"], reps["code"]
        value = built + self._beta * code.sum(1)
        return Loss(value, {"built": built.mean(), "code": code.sum(1).mean()})

    def judge(self, network: Network, batch: Batch) -> Tensor:
        """(B,) the bound with the full weight, with the same chance for a row each time it is asked."""
        assert isinstance(network, Encodes)
        built, code = network.bound(network.embed(batch.inputs), Draw(0).of("judge").keyed(batch.row))
        return built + self._settings.beta * code.sum(1)

    def finish(self, network: Network, batches: Callable[[], Iterator[Batch]], draw: Draw) -> None:
        """How the latents of training rows are spread."""
        assert isinstance(network, Encodes)
        with torch.no_grad():
            network.settle(batches, draw)
