"""Automaton: a texture that grows by itself, by one rule that every cell of a grid follows; of any size, and alive.

Neural cellular automata (Mordvintsev et al. 2020, Distill, 10.23915/distill.00023; Niklasson et al. 2021, Distill,
10.23915/distill.00027.003). What is learnt is a few thousand numbers. Shapes: B rows, S states a cell, H × W cells.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field as Setting
from torch import Tensor

from deepwright.contracts import FittedFeature, Rule
from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields, concat_fields
from deepwright.models.layers.cells import Cells
from deepwright.models.layers.creator import Creator
from deepwright.models.layers.family import PictureFamily
from deepwright.models.layers.grid_points import GridPoints
from deepwright.models.layers.patches import unlike
from deepwright.models.layers.points import alone
from deepwright.registries import models

__all__ = ["Automaton", "AutomatonKnobs", "AutomatonNetwork"]

_JUDGED = 32  # steps after which a row is compared with what has grown
_FILTERS = 32
_AT_ONCE = 128 * 128  # cells that grow together
_MOST = 16  # grids


@models.register
class Automaton(PictureFamily):
    """Creates textures like those it has seen: of one picture, or of several of the same stuff.

    Args:
        states: numbers a cell consists of; the first are its colour. hidden: numbers between what it sees and how it changes.
        fires: share of the cells that change in a step, so that no clock is needed.
    """

    objective: ClassVar[str] = "automaton"
    does: ClassVar[str] = "creates textures from pictures"

    kind: Literal["automaton"] = "automaton"
    states: int = Setting(12, ge=4, le=64)
    hidden: int = Setting(96, ge=1, le=1024)
    fires: float = Setting(0.5, gt=0.0, le=1.0)

    def recommended(self, rows: int, values: int = 1) -> dict[str, Any]:
        """Train settings that suit this family."""
        return {
            "budget": self.budget, "batch": 4, "optimizer": {"kind": "adam", "lr": 2e-3},
            "schedule": {"kind": "cosine", "warmup": 0.02, "floor": 0.05}, "average": {"kind": "ema", "decay": 0.99}, "clip": 1.0,
            "early_stopping": None,
        }  # fmt: skip

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from, unless the person says otherwise: recipe key → range."""
        return {"model.hidden": [64, 96, 128], "train.optimizer.lr": {"log": [5e-4, 5e-3]}}

    def build(
        self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int, conditions: Sequence[str] = ()
    ) -> "AutomatonNetwork":
        """Raises Refused: there are labels, a target, or no picture."""
        if conditions:
            raise Refused("The model 'automaton' learns one texture and knows no labels: --set task.condition=[].")
        spaces = alone(self.kind, features, heads, conditions)
        return AutomatonNetwork(self, features, self.takes(spaces)[0])


class AutomatonKnobs(Config):
    """How a texture is grown.

    Args:
        steps: from nothing to what is shown. height, width: in pixels; None: those of the pictures it has learnt from.
    """

    steps: int = Setting(160, ge=1, le=100_000)
    height: int | None = Setting(None, ge=3, le=8192)
    width: int | None = Setting(None, ge=3, le=8192)


class AutomatonNetwork(Creator):
    """See `Automaton`. `body` gives {"distance": (B, 1)}: how far patches of a row are from those of what has grown."""

    knobs = AutomatonKnobs
    latent = None

    def __init__(self, settings: Automaton, features: Mapping[str, FittedFeature], name: str):
        super().__init__(features, ())
        self.points = GridPoints(name, features[name])
        self._colours, self._height, self._width = self.points.latent
        self._states = settings.states
        self.cells = Cells(settings.states, settings.hidden, settings.fires)

    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        """Nothing is learnt from rows beforehand."""

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return self.points.embed(inputs)

    def goal(self, z: Fields, draw: Draw) -> Tensor:
        return self.points.goal(z, draw)

    def start(self, n: int, height: int, width: int) -> Tensor:
        return torch.zeros(n, self._states, height, width, device=self.cells.first.weight.device)

    def grown(self, cells: Tensor, steps: int, draw: Draw) -> Tensor:
        for step in range(steps):
            cells = self.cells(cells, draw.of("step", step))
        return cells

    def shown(self, cells: Tensor) -> Tensor:
        return cells[:, : self._colours]

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        goal = self.goal(z, Draw(0))
        rows = len(goal)
        chance = Draw(0).keyed(torch.zeros(1, dtype=torch.int64)) if draw is None else draw
        cells = self.grown(self.start(rows if draw is not None else 1, self._height, self._width), _JUDGED, chance)
        made = self.shown(cells).expand(rows, -1, -1, -1)
        directions = chance.keyed(None).of("filters")
        apart = [unlike(made[row : row + 1], goal[row : row + 1], directions, _FILTERS) for row in range(rows)]
        return {"distance": Field(torch.stack(apart)[:, None] if apart else goal.new_zeros(0, 1))}

    def sample(
        self, n: int, draw: Draw, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """`n` textures, grown from nothing.

        Raises:
            Refused: a condition; there are none.
        """
        self.asked(condition)
        chosen = knobs if isinstance(knobs, AutomatonKnobs) else AutomatonKnobs()
        height, width = self._size(chosen)
        rows = torch.arange(n) if draw.rows is None else draw.rows
        parts = []
        for own in rows.split(self.together(chosen)):
            cells = self.grown(self.start(len(own), height, width), chosen.steps, draw.of("grow").keyed(own))
            parts.append(self.points.back(self.shown(cells)))
        return {name: concat_fields([part[name] for part in parts]) for name in parts[0]}

    def together(self, knobs: Config | None = None) -> int:
        height, width = self._size(knobs if isinstance(knobs, AutomatonKnobs) else AutomatonKnobs())
        return max(1, min(_MOST, _AT_ONCE // (height * width)))

    def _size(self, knobs: AutomatonKnobs) -> tuple[int, int]:
        return knobs.height or self._height, knobs.width or self._width

    def rule(self) -> Rule:
        first, second = self.cells.first, self.cells.second
        assert first.bias is not None
        return Rule(
            first.weight[..., 0, 0].detach(), first.bias.detach(), second.weight[..., 0, 0].detach(), self._colours,
            self.cells.fires, max(self._height, self._width),
        )  # fmt: skip
