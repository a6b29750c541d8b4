"""Five small kinds of learning that together use every seam of the loop."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.contracts import Loss, Network, Player
from deepwright.data.feed import Feed
from deepwright.data.pack import from_fields
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.training.averages import EMA
from deepwright.training.gradients import PrivateGradient
from deepwright.training.loop import Trainer
from deepwright.training.optimizers import AdamW
from deepwright.training.pace import Pace
from deepwright.training.schedules import Cosine
from deepwright.training.settings import Train


class ToyObjective:
    """What the toys share: one player, no state."""

    coupled = False
    second_order = False
    order: Literal["shuffle", "poisson"] = "shuffle"
    mates = False

    def players(self) -> tuple[Player, ...]:
        return (Player("network"),)

    def weight(self, player: str, batch: Batch) -> Tensor:
        return torch.ones(len(batch))

    def progress(self, fraction: float) -> None: ...
    def after_step(self, step: int, logs: Mapping[str, Any]) -> None: ...

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: Mapping[str, Any]) -> None: ...

    def finish(self, network: Network, batches: Callable[[], Iterator[Batch]], draw: Draw) -> None: ...


class Plain(Network):
    """x → y, with dropout of others (default generator) and of our own (keyed)."""

    def __init__(self, foreign_dropout: float = 0.0) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 16), nn.Linear(16, 3)
        self.foreign = nn.Dropout(foreign_dropout)

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return dict(inputs)

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        hidden = self.foreign(torch.tanh(self.first(z["x"].values)))
        if draw is not None:
            hidden = hidden * draw.at("drop").bernoulli(0.8, *hidden.shape) / 0.8
        return {"y": Field(self.last(hidden))}


class Regression(ToyObjective):
    """Supervised: weighted rows."""

    def weight(self, player: str, batch: Batch) -> Tensor:
        return 1.0 + (batch.row % 3)

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        return {"y": network.body(network.embed(batch.inputs), draw)["y"].values}

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        return Loss((reps["y"] - batch.targets["t"].values).square().sum(1))


class Private(Regression):
    """DP-SGD: per-example gradients, Poisson sampling, a fixed divisor."""

    order: Literal["shuffle", "poisson"] = "poisson"

    def weight(self, player: str, batch: Batch) -> Tensor:
        return torch.ones(batch.row.shape)

    def players(self) -> tuple[Player, ...]:
        return (Player("network", gradient=PrivateGradient(clip=0.5, noise=0.3, key=11)),)


class Contrastive(ToyObjective):
    """InfoNCE (van den Oord et al. 2018, arXiv 1807.03748) between two noisy views: rows meet in the loss."""

    coupled = True

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        x = batch.inputs["x"].values
        views = [x + 0.1 * draw.at("view", side).normal(*x.shape) for side in range(2)]
        reps = [network.body({"x": Field(view)}, draw.of(side))["y"].values for side, view in enumerate(views)]
        return {"a": F.normalize(reps[0], dim=1), "b": F.normalize(reps[1], dim=1)}

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        similarity = reps["a"] @ reps["b"].T / 0.2
        return Loss(F.cross_entropy(similarity, torch.arange(len(similarity)), reduction="none"))


class Pair(Network):
    """A generator and a discriminator of points in R⁴."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 4))
        self.discriminator = nn.Sequential(nn.Linear(4, 16), nn.Softplus(), nn.Linear(16, 1))

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return dict(inputs)

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        return {"score": Field(self.discriminator(z["x"].values))}

    def sample(self, n: int, draw: Draw, condition: Fields | None = None) -> dict[str, Field]:
        return {"x": Field(self.generator(draw.at("latent").normal(n, 2)))}


class Adversarial(ToyObjective):
    """Two players; R1 and R2 (Roth et al. 2017; Mescheder et al. 2018) differentiate a gradient."""

    second_order = True

    def players(self) -> tuple[Player, ...]:
        return (Player("discriminator", "discriminator."), Player("generator", "generator.", every=2))

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        fake = network.sample(len(batch), draw)["x"].values
        if player == "generator":
            return {"fake": network.body({"x": Field(fake)})["score"].values[:, 0]}
        reps = {}
        for name, points in (("real", batch.inputs["x"].values), ("fake", fake.detach())):
            points = points.detach().requires_grad_()
            score = network.body({"x": Field(points)})["score"].values[:, 0]
            (slope,) = torch.autograd.grad(score.sum(), points, create_graph=True)
            reps |= {name: score, f"{name}_slope": slope.square().sum(1)}
        return reps

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        if player == "generator":
            return Loss(F.softplus(-reps["fake"]))
        penalty = 0.5 * (reps["real_slope"] + reps["fake_slope"])
        return Loss(F.softplus(-reps["real"]) + F.softplus(reps["fake"]) + penalty, {"penalty": penalty.mean()})


class Sequence(Network):
    """Next-symbol prediction by a GRU, and sampling from it."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.cell, self.out = nn.Embedding(6, 8), nn.GRU(8, 16, batch_first=True), nn.Linear(16, 6)

    def embed(self, inputs: Fields) -> dict[str, Field]:
        ids = inputs["x"].values
        return {"x": Field(self.table(F.pad(ids, (1, 0))[:, :-1]), inputs["x"].mask)}

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        return {"next": Field(self.out(self.cell(z["x"].values)[0]), z["x"].mask)}

    def sample(self, n: int, draw: Draw, condition: Fields | None = None) -> dict[str, Field]:
        ids, state, token = [], None, torch.zeros(n, 1, dtype=torch.int64)
        for place in range(8):
            hidden, state = self.cell(self.table(token), state)
            noise = -torch.log(-torch.log(draw.at("choose", place).uniform(n, 6).clamp(1e-9, 1 - 1e-7)))
            token = (self.out(hidden)[:, 0] + noise).argmax(1, keepdim=True)
            ids.append(token)
        return {"x": Field(torch.cat(ids, 1))}


class Autoregressive(ToyObjective):
    """Loss a symbol, averaged over the real symbols: the weight is the length."""

    def weight(self, player: str, batch: Batch) -> Tensor:
        return batch.inputs["x"].mask.sum(1).float()

    def represent(self, player: str, network: Network, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        return {"next": network.body(network.embed(batch.inputs), draw)["next"].values}

    def loss(self, player: str, reps: Mapping[str, Tensor], batch: Batch, draw: Draw) -> Loss:
        field = batch.inputs["x"]
        each = F.cross_entropy(reps["next"].transpose(1, 2), field.values, reduction="none") * field.mask
        return Loss(each.sum(1) / field.mask.sum(1))


MOVING = EMA(decay=0.9)
CASES: dict[str, tuple[Callable[[], Network], type[ToyObjective]]] = {
    "supervised": (Plain, Regression),
    "adversarial": (Pair, Adversarial),
    "contrastive": (Plain, Contrastive),
    "private": (Plain, Private),
    "autoregressive": (Sequence, Autoregressive),
}


def toy_data(case: str) -> tuple[dict[str, Field], dict[str, Field]]:
    draw = Draw(99)
    if case == "autoregressive":  # 0 1 2 3 … in rings of six, from a random start, of random length
        start, length = draw.at("start").integers(6, 96), 4 + draw.at("length").integers(5, 96)
        ids = (start[:, None] + torch.arange(8)) % 6
        return {"x": Field(ids, torch.arange(8) < length[:, None])}, {}
    x = draw.at("x").normal(96, 4)
    return {"x": Field(x)}, {"t": Field(torch.sin(x[:, :3]) + x[:, 1:])}


def trainer(
    case: str, micro: int | None = None, rank: int = 0, ranks: Any = None, steps: int = 12, bound: Any = None,
    average: Any = MOVING, **more: Any,
) -> Trainer:  # fmt: skip
    """A trainer of a toy case with fresh, seeded weights; `bound`: another objective than the case's own; `average`: or none."""
    build, objective = CASES[case]
    torch.manual_seed(5)
    network, bound = build(), bound or objective()
    packed = from_fields(*toy_data(case))
    count = ranks.count if ranks else 1
    feed = Feed(packed, torch.arange(90), 32, seed=3, order=bound.order, mates=bound.mates, rank=rank, ranks=count)
    settings = Train(
        budget=f"{steps}steps", micro_batch=micro, optimizer=AdamW(lr=0.01), schedule=Cosine(), average=average
    )
    pace = Pace(settings.budget, feed.steps_per_epoch, clock=lambda: 0.0)
    pace.plan()
    if ranks:
        more["ranks"] = ranks
    return Trainer(network, bound, feed, settings, pace, **more)


def finished(made: Trainer) -> dict[str, Tensor]:
    """The weights after training, averages aside."""
    for _ in made.run():
        pass
    return {name: value.clone() for name, value in made.network.state_dict().items()}
