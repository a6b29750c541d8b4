"""The contract of objectives: what the loop knows of learning."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from torch import Tensor

from deepwright.contracts.features import FittedFeature
from deepwright.contracts.models import Network
from deepwright.contracts.tasks import FittedTask
from deepwright.draw import Draw
from deepwright.fields import Batch

__all__ = ["BoundObjective", "Loss", "Objective", "Player"]


@dataclass(frozen=True)
class Player:
    """A set of weights stepped together: a supervised net has one, a GAN two.

    Args:
        parameters: prefix of the parameter names in the network ("" for all).
        every: step only when step % every == 0.
        optimizer: settings that win over the recipe's `train.optimizer`; None to use those.
        gradient: the rule that makes gradients from losses (`deepwright.training.gradients`); None for the plain one.
    """

    name: str
    parameters: str = ""
    every: int = 1
    optimizer: Any = None
    gradient: Any = None


@dataclass(frozen=True)
class Loss:
    """What an objective hands to the loop. Only the loop reduces: Σ w·value / W.

    Args:
        value: (B,) per row, or a scalar from a coupled objective.
        logs: scalars to show, averaged over the step.
    """

    value: Tensor
    logs: Mapping[str, Tensor] = field(default_factory=dict)


class BoundObjective(Protocol):
    """An objective bound to a task, features and a network."""

    coupled: bool  # rows meet in the loss: under splitting the loop takes two passes over `represent`
    second_order: bool  # differentiates a gradient: no compile, no flash attention
    order: Literal["shuffle", "poisson"]  # how the feed draws batches
    mates: bool  # wants `batch.mate`
    judges: bool = False  # knows by itself how good the network is on held-out rows: see `judge`

    def players(self) -> tuple[Player, ...]: ...
    def weight(self, player: str, batch: Batch) -> Tensor:
        """(B,) weights whose sum W over the whole batch divides the loss; known before any forward."""
        ...

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """Tensors (B, …), row by row: what `loss` needs. `draw` is keyed by the position in the batch."""
        ...

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss: ...
    def progress(self, fraction: float) -> None:
        """Before each step: the share of the budget used up, for what follows a schedule of its own."""

    def judge(self, network: Network, batch: Batch) -> Tensor:
        """(B,) errors of held-out rows, lower for a better network, the same each time; asked where it `judges`."""
        raise NotImplementedError

    def after_step(self, step: int, logs: Mapping[str, float]) -> None:
        """Adapt the objective's own state (adaptive augmentation) from the step's global logs. By itself nothing adapts."""

    def state(self) -> dict[str, Any]:
        """JSON values and tensors to be checkpointed; nothing where nothing adapts."""
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""

    def finish(self, network: Network, batches: Callable[[], Iterator[Batch]], draw: Draw) -> None:
        """After training: thresholds, centres, averaged statistics. By itself nothing is learnt then."""


class Objective(Protocol):
    """How a batch becomes a loss: settings."""

    kind: str

    def planned(self, epochs: float) -> Self:
        """The settings for a training of so many epochs, where they depend on it."""
        ...

    def bind(
        self, task: FittedTask | None, features: Mapping[str, FittedFeature], network: Network
    ) -> BoundObjective: ...
