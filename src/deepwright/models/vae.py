"""VAE: rows or a picture through a narrow code and back; new ones from codes like those of the training rows.

Kingma & Welling 2014, arXiv 1312.6114. Codes are drawn from a mixture of normal distributions fitted to the codes of training
rows (Ghosh et al. 2020, arXiv 1903.12436, section 3.3), not from the prior, which they never quite fill.
Shapes: B rows, L latents, D coordinates of a point.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from deepwright.contracts import FittedFeature
from deepwright.core.config import OFF, Config
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.models.layers.coders import GridEncoder, RowCoder
from deepwright.models.layers.creator import FromLatents
from deepwright.models.layers.family import Family
from deepwright.models.layers.grid_points import GridPoints
from deepwright.models.layers.grids import GridGenerator, Plan
from deepwright.models.layers.mixture import Mixture
from deepwright.models.layers.points import alone, points_of
from deepwright.models.layers.wishes import Wish
from deepwright.registries import models
from deepwright.spaces import Space

__all__ = ["VAE", "VAEKnobs", "VAENetwork"]

_WISH = 32  # width of what is known of a wish
_FITTED = 20_000  # codes that the mixture is fitted to
_WIDEST = 6.0  # logarithm of a standard deviation of a code is kept below, and above its negative
_MANY = 512  # values a row, from which more and smaller steps teach more


@models.register
class VAE(Family):
    """Creates pictures, or rows of plain columns, from a short code each.

    Args:
        latent: numbers of a code. width: of the layers (rows; None: 256), or channels at the finest grid (a picture; None: 24).
        depth: residual layers of encoder and decoder each (rows), or residual blocks (a picture).
        mixture: normal distributions that codes are drawn from.
    """

    objective: ClassVar[str] = "variational"
    suited: ClassVar[tuple[float, float]] = (0.3, 0.3)

    kind: Literal["vae"] = "vae"
    latent: int = Setting(16, ge=1, le=512)
    width: int | None = Setting(None, ge=1)
    depth: int = Setting(2, ge=0)
    mixture: int = Setting(10, ge=1, le=100)
    dropout: float = Setting(0.0, ge=0.0, lt=1.0, json_schema_extra=OFF)

    def recommended(self, rows: int, values: int = 1) -> dict[str, Any]:
        """Train settings that suit this family."""
        return {
            "budget": self.budget, "batch": 128 if values < _MANY else 64, "optimizer": {"kind": "adamw", "lr": 1e-3, "weight_decay": 1e-2},
            "schedule": {"kind": "cosine", "warmup": 0.02}, "average": {"kind": "ema", "decay": 0.999}, "clip": 1.0,
            "early_stopping": {"patience": 12},
        }  # fmt: skip

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from, unless the person says otherwise: recipe key → range."""
        return {
            "model.latent": [8, 16, 32, 64],
            "model.depth": {"int": [1, 4]},
            "objective.beta": {"float": [0.2, 2.0]},
        }

    def build(
        self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int, conditions: Sequence[str] = ()
    ) -> "VAENetwork":
        return VAENetwork(self, features, alone(self.kind, features, heads, conditions), conditions)


class VAEKnobs(Config):
    """How a trained VAE is sampled.

    Args:
        temperature: codes are drawn nearer to the middles of the mixture below 1, further from them above.
        noise: share of what a code leaves open that is drawn (rows); 0 gives the most likely row of each code.
    """

    temperature: float = Setting(1.0, ge=0.0, le=2.0)
    noise: float = Setting(1.0, ge=0.0, le=2.0)


class VAENetwork(FromLatents):
    """See `VAE`. `body` gives {"cost": (B, 1)}: nats a coordinate with the mean code; high for what is unusual."""

    knobs = VAEKnobs

    def __init__(
        self,
        settings: VAE,
        features: Mapping[str, FittedFeature],
        spaces: Mapping[str, Space],
        conditions: Sequence[str],
    ):
        super().__init__(features, conditions)
        self.points = points_of(features, spaces)
        size, told = settings.latent, _WISH if conditions else 0
        self.wish = Wish(self.wished.sizes, _WISH) if conditions else None
        self.spread = nn.Parameter(torch.zeros(self.points.numbers))
        self.mixture, self._size = Mixture(size, settings.mixture), size
        self._coordinates = math.prod(self.points.latent)
        self.encoder: nn.Module
        self.decoder: nn.Module
        if isinstance(self.points, GridPoints):
            channels, height, width = self.points.latent
            plan = Plan.of((height, width, channels), settings.width or 24)
            self.encoder = GridEncoder(plan, 2 * size)
            self.decoder = GridGenerator(plan, size + told, settings.depth, ()).to(memory_format=torch.channels_last)
            self._open = 0
        else:
            parts = settings.width or 256, settings.depth, settings.dropout
            self.encoder = RowCoder(self.points.width + told, 2 * size, *parts)
            self.decoder = RowCoder(size + told, self.points.width, *parts)
            self._open = self.points.width
        self.latent = (1 + size + self._open,) if self.points.numbers else None  # labels alone change by jumps

    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        self.points.warm(batches())
        self.wished.learn(batches())

    def embed(self, inputs: Fields) -> dict[str, Field]:
        """What is created in `z` units; wishes as they are."""
        return self.beside_wishes(self.points.embed(inputs), inputs)

    def _told(self, z: Fields, rows: Tensor) -> Tensor:
        """(B, told) what is wished; nothing where no wish is told."""
        ids = self.ids(z)
        if self.wish is None or ids is None:
            return rows.new_zeros(len(rows), 0 if self.wish is None else _WISH)
        return self.wish(ids)

    def _codes(self, z: Fields, goal: Tensor, draw: Draw | None) -> tuple[Tensor, Tensor]:
        """(B, L) means and logarithms of standard deviations of the codes."""
        if isinstance(self.points, GridPoints):
            coded = self.encoder(goal)
        else:
            own = None if draw is None else draw.of("encoder")
            coded = self.encoder(torch.cat([goal, self._told(z, goal)], 1), own)
        mean, spread = coded.chunk(2, 1)
        return mean, _WIDEST * torch.tanh(spread / _WIDEST)

    def _built(self, code: Tensor, told: Tensor, draw: Draw | None = None) -> Tensor:
        inner = torch.cat([code, told], 1)
        return self.decoder(inner) if isinstance(self.points, GridPoints) else self.decoder(inner, draw)

    def bound(self, z: Fields, draw: Draw | None) -> tuple[Tensor, Tensor]:
        rows = len(next(iter(z.values())))
        chance = Draw(0).keyed(torch.zeros(rows, dtype=torch.int64)) if draw is None else draw
        goal = self.points.goal(z, chance.of("goal"))
        mean, spread = self._codes(z, goal, draw if self.training else None)
        code = mean if draw is None else mean + spread.exp() * draw.at("code").normal(*mean.shape).to(mean.device)
        raw = self._built(code, self._told(z, goal), draw.of("decoder") if draw and self.training else None)
        costs = 0.5 * (mean.square() + (2 * spread).exp() - 1) - spread
        return self.points.unlikely(raw, self.spread, z, goal) / self._coordinates, costs / self._coordinates

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        built, code = self.bound(z, draw)
        return {"cost": Field((built + code.sum(1))[:, None])}

    def settle(self, batches: Callable[[], Iterator[Batch]], draw: Draw) -> None:
        codes, seen = [], 0
        for batch in batches():
            own = draw.of("settle").keyed(batch.row)
            z = self.embed(batch.to(self.spread.device).inputs)
            goal = self.points.goal(z, own)
            mean, spread = self._codes(z, goal, None)
            codes.append((mean + spread.exp() * own.at("code").normal(*mean.shape).to(mean.device)).cpu())
            seen += len(batch)
            if seen >= _FITTED:
                break
        self.mixture.to("cpu").fit(torch.cat(codes), draw)
        self.mixture.to(self.spread.device)

    def latents(self, n: int, draw: Draw) -> Tensor:
        """(n, 1 + L + D): which part of the mixture, the code within it, and (rows) what the code leaves open."""
        return draw.at("latent").normal(n, 1 + self._size + self._open).to(self.spread.device)

    def from_latents(
        self, latents: Tensor, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """Raises Refused: a condition that the network does not know."""
        wished = self.asked(condition)
        chosen = knobs if isinstance(knobs, VAEKnobs) else VAEKnobs()
        which, code, left = latents.split([1, self._size, self._open], 1)
        code = self.mixture(torch.cat([which, code * chosen.temperature], 1))
        raw = self._built(code, self._told(wished, code))
        return self.points.back(self.points.drawn(raw, self.spread, left * chosen.noise))
