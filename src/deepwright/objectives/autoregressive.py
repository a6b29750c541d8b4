"""Autoregressive learning: each piece of a row from those before it (Bengio et al. 2003, JMLR 3, eq. 2)."""

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from deepwright.contracts import BoundObjective, FittedFeature, FittedTask, Loss, Network, Player, Predicts
from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch
from deepwright.objectives.whole_rows import whole_rows
from deepwright.registries import objectives

__all__ = ["Autoregressive", "BoundAutoregressive"]


@objectives.register
class Autoregressive(Config):
    """Learn how likely each piece of a row is, given those before it."""

    kind: Literal["autoregressive"] = "autoregressive"

    def planned(self, epochs: float) -> "Autoregressive":
        return self

    def bind(
        self, task: FittedTask | None, features: Mapping[str, FittedFeature], network: Network
    ) -> "BoundAutoregressive":
        if not isinstance(network, Predicts):
            raise Refused(
                "The objective 'autoregressive' needs a network that makes rows piece by piece: choose the model autoregressive."
            )
        return BoundAutoregressive()


class BoundAutoregressive(BoundObjective):
    """See `Autoregressive`."""

    coupled = False
    second_order = False
    order: Literal["shuffle", "poisson"] = "shuffle"
    mates = False
    judges = True

    def players(self) -> tuple[Player, ...]:
        return (Player("autoregressive"),)

    def weight(self, player: str, batch: Batch) -> Tensor:
        return whole_rows(batch)

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """{"costs": (B, T)} nats."""
        assert isinstance(network, Predicts)
        return {"costs": network.costs(network.embed(batch.inputs), draw.of("row"), draw.of("network"))}

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        return Loss(reps["costs"].mean(1))

    def judge(self, network: Network, batch: Batch) -> Tensor:
        """(B,) mean nats of the pieces, with the same chance for a row each time it is asked."""
        assert isinstance(network, Predicts)
        return network.costs(network.embed(batch.inputs), Draw(0).of("judge").keyed(batch.row), None).mean(1)
