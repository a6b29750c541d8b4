"""What steps change, as one whole: weights, optimisers, averages, the objective's own. Taken, and put back."""

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from deepwright.training.averages import copied
from deepwright.training.checkpoint import Checkpoint, paths

if TYPE_CHECKING:
    from deepwright.training.loop import Trainer

__all__ = ["copied_state", "put_back", "state_of"]


def state_of(trainer: "Trainer") -> Checkpoint:
    """As it is now; the tensors are those at work, no copies."""
    groups: dict[str, Mapping[str, Tensor]] = {"weights": trainer.network.state_dict()}
    groups |= {f"optimizer/{p.player.name}": p.state() for p in trainer.players}
    averaged = trainer.average.state() if trainer.average else ({}, {})
    groups["average"] = averaged[0]
    own = trainer.objective.state()
    groups["objective"] = {name: value for name, value in own.items() if isinstance(value, Tensor)}
    rest = {name: value for name, value in own.items() if not isinstance(value, Tensor)}
    return Checkpoint(trainer.step, paths(groups), {"objective": rest, "average": averaged[1]})


def copied_state(trainer: "Trainer") -> Checkpoint:
    """The same, untouched by later steps."""
    state = state_of(trainer)
    return Checkpoint(state.step, copied(state.tensors), copy.deepcopy(state.values))


def put_back(trainer: "Trainer", state: Checkpoint) -> None:
    """Weights, optimisers, averages and the objective as they were."""
    trainer.network.load_state_dict(state.under("weights"))
    for player in trainer.players:
        player.load(state.under(f"optimizer/{player.player.name}"))
    if trainer.average:
        trainer.average.load(state.under("average"), state.values["average"])
    trainer.objective.load({**state.values["objective"], **state.under("objective")})
