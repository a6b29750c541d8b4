"""Growing textures: what a local rule has grown shall have the patches of the pictures it learns from, at any time.

Niklasson et al. 2021, "Self-organising textures" (Distill, 10.23915/distill.00027.003), with the sliced Wasserstein distance of
raw patches (Elnekave & Weiss 2022, arXiv 2203.11862, eq. 4) at halved sizes in place of the features of a downloaded network.
Deviation: no pool of earlier grids is kept. Every grid starts from nothing and grows for a while that is drawn before its
steps are learnt from, so that a step of training depends on nothing but the weights and the seed.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field as Setting
from torch import Tensor

from deepwright.contracts import BoundObjective, FittedFeature, FittedTask, Grows, Loss, Network, Player
from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch
from deepwright.models.layers.patches import unlike
from deepwright.objectives.whole_rows import whole_rows
from deepwright.registries import objectives

__all__ = ["Automaton", "BoundAutomaton"]

_BEYOND = 1.0  # weight of states that leave -1 to 1, where a rule is hard to keep still
_JUDGED = 64  # steps after which held-out rows are compared with what has grown


@objectives.register
class Automaton(Config):
    """Learn a rule by which textures grow.

    Args:
        steps: that are learnt from at once; 3/4 to 5/4 of it, drawn anew each time.
        before: at most so many come before them, most often few; the longer, the longer textures stay what they are.
        filters: directions that patches are compared in, at each size.
    """

    kind: Literal["automaton"] = "automaton"
    steps: int = Setting(32, ge=1, le=1000)
    before: int = Setting(128, ge=0, le=10_000)
    filters: int = Setting(32, ge=1, le=1024)

    def planned(self, epochs: float) -> "Automaton":
        return self

    def bind(
        self, task: FittedTask | None, features: Mapping[str, FittedFeature], network: Network
    ) -> "BoundAutomaton":
        if not isinstance(network, Grows):
            raise Refused(
                "The objective 'automaton' needs a network that grows pictures by a rule: choose the model automaton."
            )
        return BoundAutomaton(self, network)


class BoundAutomaton(BoundObjective):
    """See `Automaton`. Pictures of a batch are looked at together: what varies among them may vary in what is grown."""

    coupled = True
    second_order = False
    order: Literal["shuffle", "poisson"] = "shuffle"
    mates = False
    judges = True

    def __init__(self, settings: Automaton, network: Network):
        self._settings, self._network = settings, network

    def players(self) -> tuple[Player, ...]:
        return (Player("automaton"),)

    def weight(self, player: str, batch: Batch) -> Tensor:
        return whole_rows(batch)

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """{"shown": (B, C, H, W), "beyond": (B,)}: a grown texture for each row, and how far its cells leave -1 to 1."""
        assert isinstance(network, Grows)
        whole = draw.keyed(None)
        share, more = (float(whole.at(name).uniform(1)) for name in ("before", "steps"))
        height, width = network.goal(network.embed(batch.inputs), draw).shape[2:]
        with torch.no_grad():
            cells = network.grown(
                network.start(len(batch), height, width), int((self._settings.before + 1) * share**2), draw.of("before")
            )
        cells = network.grown(cells, max(1, round(self._settings.steps * (0.75 + 0.5 * more))), draw.of("grow"))
        return {"shown": network.shown(cells), "beyond": (cells - cells.clamp(-1, 1)).abs().flatten(1).mean(1)}

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        assert isinstance(self._network, Grows)
        there = whole_rows(batch) > 0
        if not bool(there.any()):
            return Loss(sum(part.sum() for part in reps.values()) * 0.0)
        with torch.no_grad():
            wanted = self._network.goal(self._network.embed(batch.inputs), draw)[there]
        apart = unlike(reps["shown"], wanted, draw.keyed(None).of("filters"), self._settings.filters)
        return Loss(apart + _BEYOND * reps["beyond"].mean(), {"distance": apart.detach()})

    def judge(self, network: Network, batch: Batch) -> Tensor:
        """(B,) distances of held-out rows from one texture, the same chance each time."""
        assert isinstance(network, Grows)
        draw = Draw(0).of("judge")
        goal = network.goal(network.embed(batch.inputs), draw)
        start = network.start(1, *goal.shape[2:])
        made = network.shown(network.grown(start, _JUDGED, draw.keyed(torch.zeros(1, dtype=torch.int64))))
        rows = [
            unlike(made, goal[row : row + 1], draw.of("filters"), self._settings.filters) for row in range(len(goal))
        ]
        return torch.stack(rows) if rows else goal.new_zeros(0)
