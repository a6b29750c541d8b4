"""Flow matching: learn to carry noise to data along straight lines (rectified flow).

Liu et al. 2023, arXiv 2209.03003, eq. 1; Lipman et al. 2023, arXiv 2210.02747, section 4.1: with noise x₀, data x₁ and
x_t = (1 - t) x₀ + t x₁ the network learns x₁ - x₀ at x_t, or the x₁ that it leads to. Times come from a low-discrepancy sequence
over the batch, so that every batch sees all of them evenly (Kingma et al. 2021, arXiv 2107.00630, appendix I.1).
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field as Setting
from pydantic import SerializerFunctionWrapHandler, model_serializer
from torch import Tensor

from deepwright.contracts import BoundObjective, Carries, FittedFeature, FittedTask, Loss, Network, Player
from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field
from deepwright.objectives.leaps import leaps_missed
from deepwright.objectives.whole_rows import whole_rows
from deepwright.registries import objectives

__all__ = ["BoundFlow", "Flow"]

_GOLDEN = (5**0.5 - 1) / 2
_LEAPING = 0.5  # share of the rows that learn leaps, once these are learnt
_JUDGED = 4  # times at which a held-out row is judged


@objectives.register
class Flow(Config):
    """Learn to carry noise to what the inputs look like.

    Args:
        times: "uniform" on the way from noise to data, or "middle": σ(N(centre, spread²)), where most is to be learnt (Esser
            et al. 2024, arXiv 2403.03206, section 3.1).
        centre, spread: of "middle". A centre below 0 is nearer to noise. None: 0 for rows of plain columns, -0.8 for pictures.
        unheard: share of rows whose wishes are not told, so that creations can also be made without, and guided (Ho & Salimans
            2022, arXiv 2207.12598, algorithm 1).
    """

    kind: Literal["flow"] = "flow"
    times: Literal["uniform", "middle"] = "middle"
    centre: float | None = Setting(None, ge=-5.0, le=5.0)
    spread: float = Setting(1.0, gt=0.0, le=5.0)
    unheard: float = Setting(0.1, ge=0.0, le=1.0)

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Where nobody chose a centre, recipes read, and are hashed, as they were before it could be chosen."""
        stored: dict[str, Any] = handler(self)
        return {name: value for name, value in stored.items() if name != "centre" or value is not None}

    def planned(self, epochs: float) -> "Flow":
        return self

    def bind(self, task: FittedTask | None, features: Mapping[str, FittedFeature], network: Network) -> "BoundFlow":
        if not isinstance(network, Carries):
            raise Refused("The objective 'flow' needs a network that carries noise to data: choose the model flow.")
        return BoundFlow(self, network.leaps, network.centre if self.centre is None else self.centre)


class BoundFlow(BoundObjective):
    """See `Flow`."""

    coupled = False
    second_order = False
    order: Literal["shuffle", "poisson"] = "shuffle"
    mates = False
    judges = True

    def __init__(self, settings: Flow, leaps: float, centre: float):
        self._settings, self._leaps, self._leaping, self._centre = settings, leaps, False, centre

    def players(self) -> tuple[Player, ...]:
        return (Player("flow"),)

    def weight(self, player: str, batch: Batch) -> Tensor:
        return whole_rows(batch)

    def progress(self, fraction: float) -> None:
        self._leaping = self._leaps > 0 and fraction >= 1 - self._leaps

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """{"mistake": (B,)} at one time each."""
        start = draw.keyed(None).at("time").uniform(1).double()
        share = ((start + batch.position.cpu().double() * _GOLDEN) % 1.0).float().to(batch.row.device)
        heard = None
        if network.conditions and self._settings.unheard:
            heard = ~draw.at("unheard").bernoulli(self._settings.unheard, len(batch)).to(batch.row.device)
        z, goal, noise = self._ends(network, batch, draw)
        time = self._times(share)
        if not self._leaping:
            return {"mistake": network.mistakes(z, goal, noise, time, draw.of("network"), heard)}
        far = draw.at("leaping").bernoulli(_LEAPING, len(batch)).to(batch.row.device)
        mistake = torch.zeros_like(time)
        for rows, leaping in ((far.nonzero()[:, 0], True), ((~far).nonzero()[:, 0], False)):
            if not len(rows):
                continue
            own, told = {name: field[rows] for name, field in z.items()}, None if heard is None else heard[rows]
            chance = draw.keyed(batch.position[rows])
            if leaping:
                found = leaps_missed(network, own, goal[rows], noise[rows], chance, told)
            else:
                found = network.mistakes(own, goal[rows], noise[rows], time[rows], chance.of("network"), told)
            mistake = mistake.index_copy(0, rows, found)
        return {"mistake": mistake}

    @staticmethod
    @torch.no_grad()
    def _ends(network: Network, batch: Batch, draw: Draw) -> tuple[dict[str, Field], Tensor, Tensor]:
        """`z`, and the data and the noise that the way lies between."""
        assert isinstance(network, Carries)
        z = network.embed(batch.inputs)
        goal = network.goal(z, draw.of("goal"))
        return z, goal, draw.at("noise").normal(*goal.shape).to(goal.device)

    def _times(self, share: Tensor) -> Tensor:
        if self._settings.times == "uniform":
            return share
        return torch.sigmoid(self._centre + self._settings.spread * torch.special.ndtri(share.clamp(1e-6, 1 - 1e-6)))

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        return Loss(reps["mistake"])

    def judge(self, network: Network, batch: Batch) -> Tensor:
        """(B,) mistakes at a few times, with the same chance for a row each time it is asked."""
        parts = []
        for part in range(_JUDGED):
            draw = Draw(0).of("judge", part).keyed(batch.row)
            share = (part + draw.at("time").uniform(len(batch))) / _JUDGED
            z, goal, noise = self._ends(network, batch, draw)
            time = self._times(share.to(batch.row.device))
            parts.append(network.mistakes(z, goal, noise, time, None))
        mistake = torch.stack(parts).mean(0)
        return mistake + leaps_missed(network, z, goal, noise, draw) if self._leaps else mistake
