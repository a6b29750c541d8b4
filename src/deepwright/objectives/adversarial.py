"""Adversarial learning: a discriminator compares what is real with what is created, a generator learns to win.

By default relativistic pairing with both gradient penalties (R3GAN: Huang et al. 2024, arXiv 2501.05441, section 2): row i
of the batch is compared with creation i, so that no row meets another row.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from pydantic import Field as Setting
from torch import Tensor

from deepwright.contracts import BoundObjective, FittedFeature, FittedTask, Loss, Network, Player
from deepwright.core.config import OFF, Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields, concat_fields
from deepwright.objectives import duels
from deepwright.objectives.differentiable import Change, changed
from deepwright.objectives.whole_rows import whole_rows
from deepwright.registries import objectives
from deepwright.spaces import Box, Space

__all__ = ["Adversarial", "BoundAdversarial"]

_VALUES = 784  # gamma is measured on 28 × 28 grey pictures
_PLAIN = 0.1  # of it, for rows of plain columns
_LEAST = 0.0125  # of 784 values: as many at least are counted for such rows
_LATE = 0.2  # of gamma, at the end
_EVERY = 8  # rows, of pictures: one look at a slope
MOST = 0.8  # share of changed rows: beyond it creations begin to look changed (Karras et al. 2020, arXiv 2006.06676, sec. 2.2)
STEP = 0.1  # by which the share is raised


@runtime_checkable
class Directed(Protocol):
    """A network whose score is features along a direction."""

    def directed(self, z: Fields) -> tuple[Tensor, Tensor]:
        """(B, F) each."""
        ...


@runtime_checkable
class Staging(Protocol):
    """A network whose players meet in another form than that of its creations: fields of its own, which `body` scores."""

    def staged(self, z: Fields, draw: Draw) -> dict[str, Field]:
        """Real rows (B, …) in that form, with their wishes."""
        ...

    def forged(self, n: int, draw: Draw, wishes: Fields) -> dict[str, Field]:
        """`n` creations in that form, of the same shapes, without wishes; differentiable."""
        ...


@objectives.register
class Adversarial(Config):
    """Learn to create what the inputs look like.

    Args:
        loss: "relativistic" compares pairs (R3GAN); "non_saturating", "hinge" (with --set model.spectral=true), "wgan_gp",
            "least_squares", and "san" (a score along a direction of length 1) judge each row on its own.
        gamma: weight of the squared slopes of the score at real inputs (R1) and at creations (R2), in units in which every
            input runs from -1 to 1; for wgan_gp of its own penalty. Higher is calmer and blurs. None: 1 for a picture of
            784 values, in proportion for others, since a slope is spread over all of them; a tenth of that for rows of plain
            columns; 10 for wgan_gp, 0 for hinge.
        gamma_end: the weight at the end of the budget, reached on a half cosine. None: a fifth of `gamma`.
        every: each step looks at the slopes of one row in so many, another part each time, with that much more weight, since
            slopes cost more than all else in the discriminator's step. All rows in one step of so many (Karras et al. 2020,
            arXiv 1912.04958, section 3.1) give rare large gradients, which `train.clip` cuts. A batch should hold as many
            rows. None: 8 for pictures, 1 for rows. wgan_gp looks at all.
        augment: how rows are changed before they are judged, real and created ones alike. None: shifted, and where a unit
            has several values (colours) also covered in part and changed in tone.
        share: of the rows that each of these changes meets. "adaptive": none at first, more when the discriminator tells
            training rows from validation rows (see the health of the run).
    """

    kind: Literal["adversarial"] = "adversarial"
    loss: duels.Loss = "relativistic"
    gamma: float | None = Setting(None, ge=0.0)
    gamma_end: float | None = Setting(None, ge=0.0)
    every: int | None = Setting(None, ge=1, le=64)
    augment: tuple[Change, ...] | None = None
    share: Literal["adaptive"] | float = Setting("adaptive", json_schema_extra=OFF)

    def planned(self, epochs: float) -> "Adversarial":
        return self

    def bind(
        self, task: FittedTask | None, features: Mapping[str, FittedFeature], network: Network
    ) -> "BoundAdversarial":
        parts = {name.split(".")[0] for name, _ in network.named_parameters()}
        if not {"generator", "discriminator"} <= parts:
            raise Refused("The objective 'adversarial' needs a generator and a discriminator: choose the model gan.")
        if self.loss == "san" and not isinstance(network, Directed):
            raise Refused(
                "The loss 'san' needs a discriminator that tells features from directions, as that of gan does."
            )
        if self.share != "adaptive" and not 0 <= self.share <= 1:
            raise Refused(f"objective.share: expected a share from 0 to 1, or adaptive; got {self.share:g}.")
        return BoundAdversarial(self, {n: one.space for n, one in features.items() if n not in network.conditions})


def _half(space: Space) -> Tensor:
    """Half the range of each coordinate, 1 where it has no end: a slope times this is a slope in units from -1 to 1."""
    if not isinstance(space, Box):
        return torch.ones(())
    half = (space.high - space.low) / 2
    return torch.where(torch.isfinite(half), half, 1.0)


def _middle(space: Space) -> Tensor:
    """The middle of the range of each coordinate, 0 where it has no end."""
    if not isinstance(space, Box):
        return torch.zeros(())
    middle = (space.high + space.low) / 2
    return torch.where(torch.isfinite(middle), middle, 0.0)


class BoundAdversarial(BoundObjective):
    """See `Adversarial`. `share` and `factor` (of gamma) are its state: what watches the training may change them."""

    coupled = False
    second_order = True
    order: Literal["shuffle", "poisson"] = "shuffle"
    mates = False

    def __init__(self, settings: Adversarial, spaces: Mapping[str, Space]):
        self._settings, self._duel = settings, duels.DUELS[settings.loss]
        self._half = {name: _half(space) for name, space in spaces.items()}
        self._middle = {name: _middle(space) for name, space in spaces.items()}
        boxes = [space.shape for space in spaces.values() if isinstance(space, Box)]
        values = max(1, sum(torch.Size(shape).numel() for shape in boxes))
        pictured = any(len(shape) > 1 for shape in boxes)
        scale = values / _VALUES if pictured else _PLAIN * max(values / _VALUES, _LEAST)
        usual = self._duel.gamma * (scale if self._duel.penalty == "slopes" else 1.0)
        self._start = usual if settings.gamma is None else settings.gamma
        late = _LATE if self._duel.penalty == "slopes" else 1.0
        self._end = self._start * late if settings.gamma_end is None else settings.gamma_end
        self._every = settings.every or (_EVERY if pictured else 1)
        colours = any(len(shape) > 1 and shape[-1] > 1 for shape in boxes)
        usual_changes: tuple[Change, ...] = ("shift", "cutout", "colour") if colours else ("shift",)
        self._changes = usual_changes if settings.augment is None else settings.augment
        self.adaptive = settings.share == "adaptive" and pictured and bool(self._changes)
        self.share = settings.share if isinstance(settings.share, float) else 0.0
        self.factor, self._fraction = 1.0, 0.0

    @property
    def gamma(self) -> float:
        """The weight of the penalty now."""
        if self._start == self._end:
            return self._start * self.factor
        way = 0.5 * (1 - math.cos(math.pi * min(1.0, self._fraction)))
        return (self._start + (self._end - self._start) * way) * self.factor

    def progress(self, fraction: float) -> None:
        self._fraction = fraction

    def players(self) -> tuple[Player, ...]:
        return (
            Player("discriminator", "discriminator."),
            Player("generator", "generator.", every=self._duel.turns),
        )

    def weight(self, player: str, batch: Batch) -> Tensor:
        return whole_rows(batch)

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """Scores (B,) of real and created rows; for the discriminator also what is penalised (B,)."""
        wishes = {name: batch.inputs[name] for name in network.conditions}
        with torch.set_grad_enabled(player == "generator"):
            forge = network.forged if isinstance(network, Staging) else network.sample
            fake = {**forge(len(batch), draw.of("sample"), wishes), **wishes}
        with torch.no_grad():
            real = network.embed(batch.inputs)
            if isinstance(network, Staging):
                real = network.staged(real, draw.of("stage"))
        if player == "generator":

            def score(side: str, z: Fields) -> Tensor:
                own = draw.of(side)
                return self._scored(network, self._altered(z, own), own, "generator")["score"]

            scores = {"fake": score("fake", fake)}
            if self._duel.paired:
                with torch.no_grad():
                    scores["real"] = score("real", real)
            return scores
        slopes = bool(self._start or self._end) and self._duel.penalty == "slopes"
        reps = self._compared(network, real, fake, draw, slopes and self._every == 1)
        if slopes and self._every > 1:
            reps |= self._slopes_in_turn(network, real, fake, batch, draw)
        if self._duel.penalty == "between" and self._start:
            reps["between"] = self._between(network, real, fake, draw)
        return reps

    def _slopes_in_turn(
        self, network: Network, real: Fields, fake: Fields, batch: Batch, draw: Draw
    ) -> dict[str, Tensor]:
        """(B,) squared slopes, 0 for rows whose turn it is not."""
        mine = (batch.position.cpu() % self._every == draw.step % self._every).nonzero()[:, 0]
        none = torch.zeros(len(batch), device=batch.row.device)
        found = {"real_slope": none, "fake_slope": none}
        if not len(mine):
            return found
        some = [{name: field[mine] for name, field in z.items()} for z in (real, fake)]
        reps = self._compared(network, some[0], some[1], draw.keyed(batch.position[mine]), slopes=True)
        return {name: value.index_copy(0, mine.to(value.device), reps[name]) for name, value in found.items()}

    def _compared(self, network: Network, real: Fields, fake: Fields, draw: Draw, slopes: bool) -> dict[str, Tensor]:
        """What the discriminator makes of real and created rows, looked at in one pass; for the penalty also the squared lengths
        of the scores' slopes with respect to rows as they were before augmentation."""
        sides = {"real": dict(real), "fake": dict(fake)}
        for z in sides.values() if slopes else ():
            for name in (name for name in real if name not in network.conditions):
                z[name] = z[name].with_values(z[name].values.detach().requires_grad_())
        leaves = {side: {n: f for n, f in z.items() if f.values.requires_grad} for side, z in sides.items()}
        both = [self._altered(z, draw.of(side)) for side, z in sides.items()]
        rows = None if draw.rows is None else draw.rows.repeat(2)
        joined = {name: concat_fields([z[name] for z in both]) for name in real}
        found = self._scored(network, joined, draw.of("both").keyed(rows))
        if slopes:
            found["slope"] = self._squared_slopes(found["score"], list(leaves.values()))
        reps = {}
        for name, value in found.items():
            for side, part in zip(sides, value.chunk(2), strict=True):
                reps[side if name == "score" else f"{side}_{name}"] = part
        return reps

    def _squared_slopes(self, score: Tensor, leaves: Sequence[Fields]) -> Tensor:
        """(B · sides,) in units in which every input runs from -1 to 1."""
        wanted = [(name, field.values) for side in leaves for name, field in side.items()]
        slopes = torch.autograd.grad(score.sum(), [values for _, values in wanted], create_graph=True)
        squares = []
        for (name, _), slope in zip(wanted, slopes, strict=True):
            scaled = slope * self._half[name].to(slope.device) if name in self._half else slope
            squares.append(scaled.square().flatten(1).sum(1))
        count = len(squares) // len(leaves)
        return torch.cat([torch.stack(squares[k : k + count]).sum(0) for k in range(0, len(squares), count)])

    def _between(self, network: Network, real: Fields, fake: Fields, draw: Draw) -> Tensor:
        """(‖slope‖ - 1)² at a point between each row and its creation (Gulrajani et al. 2017, eq. 3)."""
        count = len(next(iter(real.values())))
        share = draw.at("between").uniform(count)
        leaves = {}
        for name in (name for name in real if name not in network.conditions):
            a, b = real[name].values.detach(), fake[name].values.detach()
            way = share.to(a.device).view(-1, *[1] * (a.dim() - 1))
            leaves[name] = Field((a * way + b * (1 - way)).requires_grad_())
        score = network.body({**real, **leaves}, draw)["score"].values[:, 0]
        return (self._squared_slopes(score, [leaves]).clamp_min(1e-12).sqrt() - 1).square()

    def _altered(self, z: Fields, draw: Draw) -> Fields:
        """Augmented, where that is asked for."""
        if not (self.share and self._changes):
            return z
        return {name: self._changed(name, field, draw.of(name)) for name, field in z.items()}

    def _scored(self, network: Network, z: Fields, draw: Draw, player: str = "discriminator") -> dict[str, Tensor]:
        """The scores of rows; of "san" for the discriminator also those that teach the direction alone."""
        if self._settings.loss != "san" or not isinstance(network, Directed):
            return {"score": network.body(z, draw)["score"].values[:, 0]}
        features, direction = network.directed(z)
        unit = direction / direction.norm(dim=1, keepdim=True).clamp_min(1e-12)
        score = (features * unit.detach()).sum(1)
        if player == "generator":
            return {"score": score}
        return {"score": score, "turn": (features.detach() * unit).sum(1)}

    def _changed(self, name: str, field: Field, draw: Draw) -> Field:
        if field.values.dim() < 3 or name not in self._half:
            return field
        half, middle = self._half[name].to(field.values.device), self._middle[name].to(field.values.device)
        return field.with_values(
            changed((field.values - middle) / half, self._changes, self.share, draw) * half + middle
        )

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        fake = reps["fake"]
        if player == "generator":
            return Loss(self._duel.generator(reps.get("real", fake), fake))
        real = reps["real"]
        value = self._duel.discriminator(real, fake)
        if "real_turn" in reps:
            value = value + reps["fake_turn"] - reps["real_turn"]
        logs = {"accuracy": (real > fake).float().mean()}
        penalty = None
        if "real_slope" in reps:
            penalty = 0.5 * self.gamma * self._every * (reps["real_slope"] + reps["fake_slope"])
        elif "between" in reps:
            penalty = self.gamma * reps["between"]
        if penalty is not None:
            value, logs = value + penalty, logs | {"penalty": penalty.mean()}
        return Loss(value, logs)

    def raise_share(self, by: float = STEP) -> bool:
        """Change more rows (or fewer); whether that was possible."""
        new = min(MOST, max(0.0, round(self.share + by, 6)))
        moved, self.share = self.adaptive and new != self.share, new if self.adaptive else self.share
        return moved

    def scale_gamma(self, times: float) -> bool:
        """Multiply gamma, within a factor of 32 of where it began; whether that was possible."""
        new = min(32.0, max(1 / 32, self.factor * times))
        moved, self.factor = bool(self._start) and new != self.factor, new
        return moved

    def state(self) -> dict[str, Any]:
        return {"share": self.share, "factor": self.factor, "fraction": self._fraction}

    def load(self, state: Mapping[str, Any]) -> None:
        self.share, self.factor, self._fraction = state["share"], state["factor"], state["fraction"]
