"""Flow: noise is carried to data, by the body that suits the space of the columns. No row meets another.

Rectified flow (Liu et al. 2023, arXiv 2209.03003), solved with Heun's method. Shapes: B rows, D coordinates of a point.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from pydantic import SerializerFunctionWrapHandler, model_serializer
from torch import Tensor, nn

from deepwright.contracts import LEAPS, FittedFeature
from deepwright.core.config import OFF, Config
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.models.layers.creator import FromLatents
from deepwright.models.layers.denoiser import Denoiser
from deepwright.models.layers.family import Family
from deepwright.models.layers.grid_points import GridPoints
from deepwright.models.layers.points import alone, points_of
from deepwright.models.layers.row_velocity import RowVelocity
from deepwright.models.layers.time_waves import TOLD
from deepwright.models.layers.wishes import Wish
from deepwright.registries import models
from deepwright.spaces import Space

__all__ = ["Flow", "FlowKnobs", "FlowNetwork", "euler", "heun", "heun_undone"]

_SEEN = (0.125, 0.375, 0.625, 0.875)  # times at which a row is judged without chance
_FEW = 256  # values of a row of plain columns, at most
_SMALL = 4_000  # rows of plain columns below which a wide network learns rows by heart before it has learnt the rest
_BATCH = 32  # pictures: many steps teach more than large ones
_USUAL, _WIDTHS = 32, (24, 32, 48)
_STEPS = 4000  # below which a wider network only learns slower
_TRIES = 4  # to undo a step
_COST = 1.6  # the power of the width that a step's cost grows with


@models.register
class Flow(Family):
    """Creates pictures, or rows of plain columns, like those it has seen.

    Args:
        width: of the residual layers (rows; None: 256, of fewer than 4,000 rows 64 to 128), or channels at the finest grid (a
            picture; None: 32, and under a wall-clock budget as many, 24 to 48, as leave it 4,000 steps).
        depth: residual layers (rows; None: 4, of fewer than 4,000 rows 2), or residual blocks at each grid, on each way (a
            picture; None: 1).
        dropout: inside them, against learning rows by heart.
        leaps: share of the budget, at its end, in which leaps over 1, 1/2, 1/4 and 1/8 of the way are learnt too, so that 1 to
            8 evaluations make a creation; 0: none.
    """

    objective: ClassVar[str] = "flow"
    suited: ClassVar[tuple[float, float]] = (0.8, 0.6)

    kind: Literal["flow"] = "flow"
    width: int | None = Setting(None, ge=1)
    depth: int | None = Setting(None, ge=1)
    dropout: float = Setting(0.0, ge=0.0, lt=1.0, json_schema_extra=OFF)
    leaps: float = Setting(0.0, ge=0.0, le=1.0)

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without leaps, recipes read, and are hashed, as they were before there were any."""
        stored: dict[str, Any] = handler(self)
        return {name: value for name, value in stored.items() if name != "leaps" or value}

    def recommended(self, rows: int, values: int = 1) -> dict[str, Any]:
        """Train settings that suit this family; Muon learns pictures (many values a row) in half the steps."""
        optimizer = {"kind": "adamw", "lr": 1e-3, "weight_decay": 1e-2}
        if values > _FEW:
            optimizer = {"kind": "muon", "lr": 0.02, "adam_lr": 2e-3, "weight_decay": 0.0}
        batch = _BATCH if values > _FEW else 128 if rows < 4_000 else 256 if rows < 20_000 else 512
        return {
            "budget": self.budget, "batch": batch, "optimizer": optimizer,
            "schedule": {"kind": "cosine", "warmup": 0.02}, "average": {"kind": "ema", "decay": 0.999}, "clip": 1.0,
            "early_stopping": {"patience": 12},
        }  # fmt: skip

    def sized_for(self, steps: float, grid: bool) -> "Flow":
        """Of pictures, the widest network of which the budget affords enough steps, given that of the usual one it affords
        `steps`; of rows it is as wide as their number wants.
        """
        if self.width is not None or not grid:
            return self
        fitting = [width for width in _WIDTHS if steps * (_USUAL / width) ** _COST >= _STEPS]
        return self.model_copy(update={"width": max(fitting, default=_WIDTHS[0])})

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from, unless the person says otherwise: recipe key → range."""
        return {
            "model.dropout": {"float": [0.0, 0.3]}, "objective.times": ["uniform", "middle"],
            "train.optimizer.lr": {"log": [3e-4, 3e-2]},
        }  # fmt: skip

    def build(
        self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int, conditions: Sequence[str] = ()
    ) -> "FlowNetwork":
        return FlowNetwork(self, features, alone(self.kind, features, heads, conditions), conditions, rows)


def _size(rows: int) -> tuple[int, int]:
    """Width and depth that suit so many rows of plain columns.

    Of 1,172 rows of 74 columns, 67 % of the creations lay nearer to training rows than to held-out ones with 256 and 4, and
    58 % with 64 and 2, for learners of the creations equally useful (benchmarks/synthetic_tables.py, ames).
    """
    if rows >= _SMALL:
        return 256, 4
    return min(128, max(64, 32 * round(2 * math.sqrt(rows) / 32))), 2


class FlowKnobs(Config):
    """How a trained flow is sampled.

    Args:
        steps: of Heun's method from noise to data; two evaluations each, but for the last.
        temperature: the noise is multiplied by it: below 1 creations are more ordinary and more alike.
        guidance: above 1 creations are more like what is wished than the network believes, and more alike; 0 leaves wishes
            unheard (classifier-free guidance: Ho & Salimans 2022, arXiv 2207.12598, eq. 6). Without wishes it changes nothing.
    """

    steps: int = Setting(16, ge=1, le=1000)
    temperature: float = Setting(1.0, ge=0.0, le=2.0)
    guidance: float = Setting(1.0, ge=0.0, le=20.0)


class FlowNetwork(FromLatents):
    """See `Flow`. `body` gives {"mistake": (B, 1)}: how badly the way to a row is known; high for what is unusual."""

    knobs = FlowKnobs
    quick = FlowKnobs(steps=6)

    def __init__(
        self,
        settings: Flow,
        features: Mapping[str, FittedFeature],
        spaces: Mapping[str, Space],
        conditions: Sequence[str],
        rows: int,
    ):
        super().__init__(features, conditions)
        self.wish = Wish(self.wished.sizes, TOLD) if conditions else None
        self.leaps = settings.leaps
        if self.leaps:  # starts at nothing: until it has learnt, a leap is a step along the velocity
            self.reach = nn.Parameter(torch.zeros(len(LEAPS), TOLD))
        self.points = points_of(features, spaces)
        self.centre = self.points.centre
        width, depth, drop = settings.width, settings.depth, settings.dropout
        self.half = isinstance(self.points, GridPoints)
        if isinstance(self.points, GridPoints):
            grid = Denoiser(self.points.latent, width or _USUAL, depth or 1, drop)
            # By its name weights from before, which guess velocities, are refused.
            self.denoiser = grid.to(memory_format=torch.channels_last)
        else:
            usual = _size(rows)
            self.velocity = RowVelocity(self.points.width, width or usual[0], depth or usual[1], drop)
        self.latent = self.points.latent if self.points.numbers else None  # labels alone change by jumps

    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        self.points.warm(batches())
        self.wished.learn(batches())

    def embed(self, inputs: Fields) -> dict[str, Field]:
        """What is created in `z` units; wishes as they are."""
        return self.beside_wishes(self.points.embed(inputs), inputs)

    def goal(self, z: Fields, draw: Draw) -> Tensor:
        return self.points.goal(z, draw)

    def mistakes(
        self, z: Fields, goal: Tensor, noise: Tensor, time: Tensor, draw: Draw | None, heard: Tensor | None = None
    ) -> Tensor:
        share = time.view(-1, *[1] * (goal.ndim - 1))
        raw = self._raw(torch.lerp(noise, goal, share), time, self._told(z, heard), draw)
        return self.points.mistakes(raw, z, goal, goal - noise, time)

    def ahead(self, z: Fields, point: Tensor, time: Tensor, leap: Tensor | None, heard: Tensor | None = None) -> Tensor:
        """Mean velocities over the leaps; see `Carries`. In float32: leaps are taught by small differences."""
        told = self._told(z, heard)
        if leap is not None:
            far = F.pad(self.reach, (0, 0, 0, 1))[leap]
            told = far if told is None else told + far
        return self.points.guess(self._raw(point, time, told).float(), point, time)

    def _raw(self, point: Tensor, time: Tensor, told: Tensor | None, draw: Draw | None = None) -> Tensor:
        """(B, …) what the points make a velocity of, see their `guess`."""
        guesses: nn.Module = self.denoiser if isinstance(self.points, GridPoints) else self.velocity
        return cast(Tensor, guesses(point, time, told, draw))

    def _told(self, z: Fields, heard: Tensor | None = None) -> Tensor | None:
        """(B, width) what is wished; nothing for rows that are not heard."""
        ids = self.ids(z)
        if self.wish is None or ids is None:
            return None
        told = self.wish(ids)
        return told if heard is None else told * heard[:, None].to(told.dtype)

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        rows = len(next(iter(z.values())))
        chance = Draw(0).keyed(torch.zeros(rows, dtype=torch.int64)) if draw is None else draw
        goal = self.goal(z, chance.of("goal"))
        found = []
        for time in _SEEN if draw is None else _SEEN[:1]:
            noise = chance.at("noise", time).normal(*goal.shape).to(goal.device)
            times = torch.full((rows,), time) if draw is None else draw.at("time").uniform(rows)
            found.append(self.mistakes(z, goal, noise, times.to(goal.device), draw))
        return {"mistake": Field(torch.stack(found).mean(0)[:, None])}

    def latents(self, n: int, draw: Draw) -> Tensor:
        return draw.at("latent").normal(n, *self.points.latent).to(next(self.parameters()).device)

    def from_latents(
        self, latents: Tensor, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """Raises Refused: a condition that the network does not know."""
        wished = self.asked(condition)
        chosen = knobs if isinstance(knobs, FlowKnobs) else FlowKnobs()
        leap = LEAPS.index(chosen.steps) if self.leaps and chosen.steps in LEAPS else None

        def velocity(point: Tensor, time: float) -> Tensor:
            times = point.new_full((len(point),), time)
            far = None if leap is None else torch.full_like(times, leap, dtype=torch.int64)
            found = self.ahead(wished if chosen.guidance else {}, point, times, far)
            if not wished or chosen.guidance in (0, 1):
                return found
            plain = self.ahead({}, point, times, far)
            return plain + chosen.guidance * (found - plain)

        solver = heun if leap is None else euler
        return self.points.back(solver(velocity, latents * chosen.temperature, chosen.steps))

    def retraced(self, z: Fields, condition: Fields | None = None) -> Tensor:
        """See `Retraces`: the default steps, undone."""
        wished = self.asked(condition)
        rows = len(next(iter(z.values())))
        goal = self.goal(z, Draw(0).of("retrace").keyed(torch.zeros(rows, dtype=torch.int64)))

        def velocity(point: Tensor, time: float) -> Tensor:
            return self.ahead(wished, point, point.new_full((rows,), time), None)

        return heun_undone(velocity, goal, FlowKnobs().steps)


def heun(velocity: Callable[[Tensor, float], Tensor], point: Tensor, steps: int) -> Tensor:
    """The point carried from time 0 to 1 in equal steps: Heun's method, the last step by Euler's."""
    for step in range(steps):
        point = _step(velocity, point, step, steps)
    return point


def heun_undone(velocity: Callable[[Tensor, float], Tensor], point: Tensor, steps: int) -> Tensor:
    """The point that `heun` carries near to this one: each step is undone by a fixed-point iteration.

    But for the last: there data says nothing about the noise that it came from, so none is put into it. Undone like the others,
    it would fill the point with whatever of the data a network cannot make.
    """
    point = point * (1 - 1 / steps)
    for step in reversed(range(steps - 1)):
        wanted = point
        for _ in range(_TRIES):
            point = point + wanted - _step(velocity, point, step, steps)
    return point


def _step(velocity: Callable[[Tensor, float], Tensor], point: Tensor, step: int, steps: int) -> Tensor:
    """The point one of `heun`'s steps further."""
    now, then = step / steps, (step + 1) / steps
    first = velocity(point, now)
    ahead = point + first / steps
    return ahead if step == steps - 1 else point + (first + velocity(ahead, then)) / (2 * steps)


def euler(velocity: Callable[[Tensor, float], Tensor], point: Tensor, steps: int) -> Tensor:
    """The point carried from time 0 to 1 in equal steps, each along one velocity."""
    for step in range(steps):
        point = point + velocity(point, step / steps) / steps
    return point
