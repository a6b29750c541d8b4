"""GAN: a generator that creates and a discriminator that compares, with the bodies that suit what is to be created.

One picture (`layers/grids.py`) or rows of plain columns (`layers/rows.py`), whose numbers are normal scores for both players,
so that each column comes out with the distribution it has. No row meets another in either player.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field as Setting
from torch import Tensor, nn

from deepwright.contracts import FittedFeature
from deepwright.core.config import Config
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.models.inputs import is_grid
from deepwright.models.layers.creator import FromLatents
from deepwright.models.layers.family import Family
from deepwright.models.layers.grids import GridDiscriminator, GridGenerator, GridUnits, Plan
from deepwright.models.layers.points import alone
from deepwright.models.layers.row_points import RowPoints
from deepwright.models.layers.rows import RowDiscriminator, RowGenerator
from deepwright.registries import models
from deepwright.spaces import Space

__all__ = ["GAN", "POINT", "GANKnobs", "GANNetwork"]

POINT = "\0point"  # all plain columns together, as the players meet; no column of a table has such a name

_LATENT = 64
_ROW_WIDTH, _ROW_BLOCKS = 128, 2
_USUAL, _WIDTHS = 16, (8, 12, 16, 24, 32)
_STEPS = 4000  # below which a wider network only learns slower
_RATE = 8e-3  # of learning, at the narrowest
_FEW = 256  # values of a row of plain columns, at most
_COST, _DEAR = 1.6, 3.2  # powers of the width that a step's cost grows with, up to the usual one and beyond it


@models.register
class GAN(Family):
    """Creates pictures, or rows of plain columns, like those it has seen.

    Args:
        latent: numbers a creation is made from. None: 64, of rows as many as they have coordinates, up to 64.
        width: channels at the finest grid; doubled with each halving of the sides, up to 256. None: 16, and under a
            wall-clock budget as many (8 to 32) as leave it 4,000 steps; the recommended rate falls with it, from 0.008 at 8. Of
            rows: of the layers; None: 128.
        blocks: residual blocks at the coarsest grid (None: 1), or of rows (None: 2), in generator and discriminator each.
        spectral: no layer of the discriminator stretches anything (spectral normalisation); for the loss "hinge".
    """

    objective: ClassVar[str] = "adversarial"
    suited: ClassVar[tuple[float, float]] = (0.5, 0.8)

    kind: Literal["gan"] = "gan"
    latent: int | None = Setting(None, ge=1)
    width: int | None = Setting(None, ge=1)
    blocks: int | None = Setting(None, ge=0)
    spectral: bool = False

    def recommended(self, rows: int, values: int = 1) -> dict[str, Any]:
        """Train settings that suit this family; pictures (many values a row) bear long steps, narrow clouds of rows do not.

        Wider networks move as far at a lower rate, in inverse proportion (Yang et al. 2022, arXiv 2203.03466, table 3, for Adam).
        Long steps need a limit: without one the losses of 1,891 emoji leapt to a hundredfold every few hundred steps, and their
        creations were covered with speckles (after 1,500 steps a network found 7 % of them like real ones, 24 % with it).
        """
        rate = _RATE * min(1.0, _WIDTHS[0] / (self.width or _USUAL))
        batch, lr, clip = (32, rate, 1.0) if values > _FEW else (64, 1.5e-3, None)
        return {
            "budget": self.budget, "batch": batch, "optimizer": {"kind": "adam", "lr": lr, "betas": [0.0, 0.95]},
            "schedule": {"kind": "cosine", "warmup": 0.02, "floor": 0.05}, "average": {"kind": "ema", "decay": 0.999}, "clip": clip,
            "early_stopping": None,
        }  # fmt: skip

    def sized(self, epochs: float) -> "GAN":
        """As it is; see `sized_for`."""
        return self

    def sized_for(self, steps: float, grid: bool) -> "GAN":
        """Of pictures, the widest network of which the budget affords enough steps, given that of the usual one it affords
        `steps`; of rows the usual one, which is small.
        """
        if self.width is not None or not grid:
            return self
        powers = {width: _COST if width <= _USUAL else _DEAR for width in _WIDTHS}
        fitting = [width for width, power in powers.items() if steps * (_USUAL / width) ** power >= _STEPS]
        return self.model_copy(update={"width": max(fitting, default=_WIDTHS[0])})

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from, unless the person says otherwise: recipe key → range."""
        return {
            "train.optimizer.lr": {"log": [5e-4, 1e-2]}, "train.batch": [32, 64, 128],
        }  # fmt: skip

    def build(
        self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int, conditions: Sequence[str] = ()
    ) -> "GANNetwork":
        return GANNetwork(self, features, alone(self.kind, features, heads, conditions), conditions)


class GANKnobs(Config):
    """How a trained GAN is sampled.

    Args:
        truncation: latents are shortened to this share of their length: below 1 creations are more ordinary and more alike
            (Brock et al. 2019, arXiv 1809.11096, section 3.1, by shortening instead of drawing again).
        temperature: the same by the name that it has in other families; both are multiplied.
    """

    truncation: float = Setting(1.0, ge=0.0, le=2.0)
    temperature: float = Setting(1.0, ge=0.0, le=2.0)


class GANNetwork(FromLatents):
    """See `GAN`. `body` gives {"score": (B, 1)}: the discriminator's, higher for what looks more real."""

    knobs = GANKnobs
    met: Tensor  # (D,) of rows: coordinates of labels that training rows have

    def __init__(
        self,
        settings: GAN,
        features: Mapping[str, FittedFeature],
        spaces: Mapping[str, Space],
        conditions: Sequence[str] = (),
    ):
        super().__init__(features, conditions)
        sizes, blocks, spectral = self.wished.sizes, settings.blocks, settings.spectral
        grids = [name for name, space in spaces.items() if is_grid(space)]
        if grids:
            self.units: GridUnits | RowPoints = GridUnits(grids[0], features[grids[0]])
            self._size, plan = settings.latent or _LATENT, Plan.of(self.units.shape, settings.width or _USUAL)
            generator = GridGenerator(plan, self._size, 1 if blocks is None else blocks, sizes)
            discriminator = GridDiscriminator(plan, 1 if blocks is None else blocks, sizes, spectral)
            self.generator: nn.Module = generator.to(memory_format=torch.channels_last)
            self.discriminator: GridDiscriminator | RowDiscriminator = discriminator.to(
                memory_format=torch.channels_last
            )
        else:
            self.units = RowPoints(spaces)
            self.register_buffer("met", torch.ones(self.units.width, dtype=torch.bool))
            self._size, width = settings.latent or min(_LATENT, self.units.width), settings.width or _ROW_WIDTH
            count = _ROW_BLOCKS if blocks is None else blocks
            self.generator = RowGenerator(self.units.width, self._size, width, count, sizes)
            self.discriminator = RowDiscriminator(self.units.width, width, count, sizes, spectral)
        self.half = bool(grids)
        smooth = isinstance(self.units, GridUnits) or self.units.numbers
        self.latent: tuple[int, ...] | None = (self._size,) if smooth else None  # labels alone change by jumps

    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        if isinstance(self.units, RowPoints):
            self.units.warm(batches())
            self.met.copy_(self.units.met(batches()))
        self.wished.learn(batches())

    def embed(self, inputs: Fields) -> dict[str, Field]:
        """What is created in `z` units; wishes as they are."""
        return self.beside_wishes(self.units.embed(inputs), inputs)

    def staged(self, z: Fields, draw: Draw) -> dict[str, Field]:
        """`z` as the players meet: pictures as they are, rows as one point. `draw` decides where shared values land."""
        if isinstance(self.units, GridUnits):
            return dict(z)
        point = self.units.without_missing(self.units.goal(z, draw))
        return self.beside_wishes({POINT: Field(point)}, z)

    def forged(self, n: int, draw: Draw, wishes: Fields) -> dict[str, Field]:
        """`n` creations as the players meet; differentiable."""
        if isinstance(self.units, GridUnits):
            return self.sample(n, draw, wishes)
        wishes = {**self.wishes(n, draw), **wishes}
        point = self.units.certain(self.generator(self.latents(n, draw), self.ids(wishes)), self.met)
        return {POINT: Field(self.units.without_missing(point))}

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        return {"score": Field(self.discriminator(self._unit(z), self.ids(z)))}

    def directed(self, z: Fields) -> tuple[Tensor, Tensor]:
        """(B, F) features and directions: their product is the score, but for a constant."""
        unit = self._unit(z)
        return self.discriminator.features(unit), self.discriminator.directions(len(unit), self.ids(z))

    def _unit(self, z: Fields) -> Tensor:
        """What the discriminator looks at."""
        if isinstance(self.units, GridUnits):
            return self.units.unit(z)
        if POINT not in z:
            rows = len(next(iter(z.values())))
            z = self.staged(z, Draw(0).keyed(torch.zeros(rows, dtype=torch.int64)))
        return z[POINT].values

    def latents(self, n: int, draw: Draw) -> Tensor:
        return draw.at("latent").normal(n, self._size).to(next(self.parameters()).device)

    def from_latents(
        self, latents: Tensor, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """Raises Refused: a condition that the network does not know."""
        ids = self.ids(self.asked(condition))
        share = knobs.truncation * knobs.temperature if isinstance(knobs, GANKnobs) else 1.0
        if share != 1:
            latents = latents * share
        made = self.generator(latents, ids)
        return self.units.back(self.units.certain(made, self.met) if isinstance(self.units, RowPoints) else made)
