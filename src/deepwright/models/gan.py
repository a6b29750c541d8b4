"""GAN for one picture: a generator that creates and a discriminator that compares. No row meets another in either.

Both follow R3GAN (Huang et al. 2024, arXiv 2501.05441) at a size for CPUs: no normalisation, residual blocks whose last
convolution starts at nothing, a learnt coarse grid to start from. Full 3×3 convolutions take the place of grouped ones,
which are slow on CPUs. Shapes: B rows, H × W pixels, C channels; pictures are (B, H, W, C) in `z` units.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from torch import Tensor, nn

from deepwright.contracts import FittedFeature, Network, Suits
from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Field, Fields
from deepwright.models.inputs import Embed, is_grid
from deepwright.registries import models
from deepwright.spaces import Box, Space

__all__ = ["GAN", "GANKnobs", "GANNetwork"]

_SLOPE = 0.2  # of leaky ReLUs
_GAIN = math.sqrt(2 / (1 + _SLOPE**2))
_COARSE = 12  # sides are halved while they are at least this
_WIDEST = 256


@models.register
class GAN(Config):
    """Creates pictures like those it has seen.

    Args:
        latent: numbers a creation is made from.
        width: channels at the finest grid; doubled with each halving of the sides, up to 256.
        blocks: residual blocks at the coarsest grid, in generator and discriminator each.
    """

    learns: ClassVar[Literal["target", "inputs"]] = "inputs"
    objective: ClassVar[str] = "adversarial"
    budget: ClassVar[str] = "10min"  # unless the person gives another

    kind: Literal["gan"] = "gan"
    latent: int = Setting(64, ge=1)
    width: int = Setting(16, ge=1)
    blocks: int = Setting(1, ge=0)

    @classmethod
    def suits(cls, spaces: Mapping[str, Space], heads: Mapping[str, int], rows: int) -> Suits | None:
        """Never found out from data: whoever wants creations says so."""
        return None

    def takes(self, spaces: Mapping[str, Space]) -> tuple[str, ...]:
        """The column it learns to create.

        Raises:
            Refused: there is not exactly one picture column.
        """
        grids = tuple(name for name, space in spaces.items() if is_grid(space))
        if len(grids) == 1:
            return grids
        if not grids:
            raise Refused(f"The model 'gan' creates pictures, and no column here is a picture: {', '.join(spaces)}.")
        raise Refused(
            f"The model 'gan' creates one picture column; here are {len(grids)}: {', '.join(grids)}. "
            "Leave all but one out with --ignore."
        )

    def recommended(self, rows: int) -> dict[str, Any]:
        """Train settings that suit this family."""
        return {
            "budget": self.budget, "batch": 64, "optimizer": {"kind": "adam", "lr": 1.5e-3, "betas": [0.0, 0.95]},
            "schedule": {"kind": "cosine", "warmup": 0.02, "floor": 0.05}, "average": {"kind": "ema", "decay": 0.999}, "clip": None,
            "early_stopping": None,
        }  # fmt: skip

    def sized(self, epochs: float) -> "GAN":
        return self

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from, unless the person says otherwise: recipe key → range."""
        return {
            "model.latent": [32, 64, 128], "model.width": [8, 16, 24], "objective.shift": {"float": [0.0, 0.2]},
            "train.batch": [32, 64, 128],
        }  # fmt: skip

    def build(self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int) -> "GANNetwork":
        if heads:
            raise Refused("The model 'gan' creates and answers nothing: train it without a target.")
        names = self.takes({name: feature.space for name, feature in features.items()})
        if len(features) > 1:
            rest = ", ".join(name for name in features if name not in names)
            raise Refused(f"The model 'gan' creates '{names[0]}' alone. Leave out with --ignore: {rest}.")
        return GANNetwork(self, features)


class GANKnobs(Config):
    """How a trained GAN is sampled.

    Args:
        truncation: latents are shortened to this share of their length: below 1 creations are more ordinary and more alike
            (Brock et al. 2019, arXiv 1809.11096, section 3.1, by shortening instead of drawing again).
    """

    truncation: float = Setting(1.0, ge=0.0, le=2.0)


class GANNetwork(Network):
    """See `GAN`. `body` gives {"score": (B, 1)}: the discriminator's, higher for what looks more real."""

    def __init__(self, settings: GAN, features: Mapping[str, FittedFeature]):
        super().__init__()
        self._settings = settings
        self.latent = (settings.latent,)
        self.inputs = Embed(features, 1)
        (self._name,) = self.inputs.grids
        space = features[self._name].space
        assert isinstance(space, Box)
        middle, reach = (space.high + space.low) / 2, (space.high - space.low) / 2
        self.register_buffer("middle", middle.clone(), persistent=False)  # of the space, hence with the features
        self.register_buffer("reach", reach.clone(), persistent=False)
        plan = Plan.of(space.shape, settings.width)
        self.generator = Generator(plan, settings).to(memory_format=torch.channels_last)
        self.discriminator = Discriminator(plan, settings).to(memory_format=torch.channels_last)

    middle: Tensor
    reach: Tensor
    knobs = GANKnobs

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return self.inputs(inputs)

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        unit = (z[self._name].values - self.middle) / self.reach  # from -1 to 1 whatever the training rows' mean
        return {"score": Field(self.discriminator(unit.permute(0, 3, 1, 2)))}

    def sample(
        self, n: int, draw: Draw, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """`n` pictures inside the space's bounds. Differentiable.

        Raises:
            Refused: a condition is given.
        """
        return self.from_latents(self.latents(n, draw), condition, knobs)

    def latents(self, n: int, draw: Draw) -> Tensor:
        return draw.at("latent").normal(n, self._settings.latent).to(self.middle.device)

    def from_latents(
        self, latents: Tensor, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """Raises Refused: a condition is given."""
        if condition:
            raise Refused(f"The model 'gan' creates without conditions; it cannot take {', '.join(condition)}.")
        if isinstance(knobs, GANKnobs) and knobs.truncation != 1:
            latents = latents * knobs.truncation
        unit = torch.tanh(self.generator(latents)).permute(0, 2, 3, 1)
        return {self._name: Field(unit * self.reach + self.middle)}


class Plan:
    """How the sides of a picture are halved.

    Args:
        height, width, channels: of the picture. widths: channels from the coarsest grid to the finest.
        grid: (h, w) of the coarsest one; h · 2ⁿ ≥ H, what stands over is cut off (generator) or filled up (discriminator).
    """

    def __init__(self, shape: tuple[int, int, int], widths: tuple[int, ...]):
        self.height, self.width, self.channels = shape
        self.widths = widths
        times = 2 ** (len(widths) - 1)
        self.grid = (-(-self.height // times), -(-self.width // times))
        self.over = (self.grid[0] * times - self.height, self.grid[1] * times - self.width)

    @classmethod
    def of(cls, shape: tuple[int, ...], width: int) -> "Plan":
        """At least one halving, and as many as leave a coarse grid of 6 or more."""
        side, halvings = min(shape[:2]), 1
        while side / 2**halvings >= _COARSE:
            halvings += 1
        return cls((shape[0], shape[1], shape[2]), tuple(min(_WIDEST, width * 2**n) for n in range(halvings, -1, -1)))


def _convolution(size: int, width: int, zero: bool = False) -> nn.Conv2d:
    layer = nn.Conv2d(size, width, 3, padding=1)
    nn.init.normal_(layer.weight, std=0.0 if zero else _GAIN / math.sqrt(9 * size))
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _started(layer: nn.Conv2d | nn.ConvTranspose2d, taps: int) -> nn.Module:
    """With weights that keep the spread of what comes in, where so many taps of each channel make a pixel."""
    nn.init.normal_(layer.weight, std=_GAIN / math.sqrt(taps * layer.in_channels))
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def _doubling(size: int, width: int) -> nn.Module:
    return _started(nn.ConvTranspose2d(size, width, 4, 2, 1), 4)


def _halving(size: int, width: int) -> nn.Module:
    return _started(nn.Conv2d(size, width, 4, 2, 1), 16)


class Block(nn.Module):
    """x + convolution(convolution(x)): starts as identity."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = _convolution(width, width), _convolution(width, width, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(F.leaky_relu(x, _SLOPE)), _SLOPE))


class Generator(nn.Module):
    """(B, latent) → (B, C, H, W), unbounded."""

    def __init__(self, plan: Plan, settings: GAN):
        super().__init__()
        self._plan = plan
        coarse = plan.widths[0]
        self.start = nn.Linear(settings.latent, coarse * plan.grid[0] * plan.grid[1])
        nn.init.normal_(self.start.weight, std=settings.latent**-0.5)
        nn.init.zeros_(self.start.bias)
        self.blocks = nn.Sequential(*(Block(coarse) for _ in range(settings.blocks)))
        self.up = nn.ModuleList(_doubling(a, b) for a, b in pairwise(plan.widths))
        self.out = _convolution(plan.widths[-1], plan.channels)

    def forward(self, latent: Tensor) -> Tensor:
        plan = self._plan
        x = self.start(latent).view(-1, *plan.grid, plan.widths[0]).permute(0, 3, 1, 2)
        x = self.blocks(x)
        for layer in self.up:
            x = layer(F.leaky_relu(x, _SLOPE))
        x = self.out(F.leaky_relu(x, _SLOPE))
        top, left = plan.over[0] // 2, plan.over[1] // 2
        return x[:, :, top : top + plan.height, left : left + plan.width]


class Discriminator(nn.Module):
    """(B, C, H, W) from -1 to 1 → (B, 1)."""

    def __init__(self, plan: Plan, settings: GAN):
        super().__init__()
        top, left = plan.over[0] // 2, plan.over[1] // 2
        self._fill = (left, plan.over[1] - left, top, plan.over[0] - top)
        widths = (plan.channels, *reversed(plan.widths[:-1]))
        self.down = nn.ModuleList(_halving(a, b) for a, b in pairwise(widths))
        coarse = widths[-1]
        self.blocks = nn.Sequential(*(Block(coarse) for _ in range(settings.blocks)))
        self.score = nn.Linear(coarse * plan.grid[0] * plan.grid[1], 1)
        nn.init.normal_(self.score.weight, std=self.score.in_features**-0.5)
        nn.init.zeros_(self.score.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, self._fill, mode="replicate") if any(self._fill) else x
        for place, layer in enumerate(self.down):
            x = layer(F.leaky_relu(x, _SLOPE) if place else x)
        x = F.leaky_relu(self.blocks(x), _SLOPE)
        return self.score(x.permute(0, 2, 3, 1).flatten(1))
