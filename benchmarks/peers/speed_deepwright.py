"""Deepwright: the classic cnn through the one loop that trains everything; augmentation off."""

import polars as pl
import torch
from speed_common import (
    BATCH,
    DEVIATION,
    MEAN,
    RATE,
    WIDTHS,
    Timer,
    accuracy,
    arguments,
    faster_precision,
    finish,
    pictures,
)
from torch import nn

from deepwright.core.config import Config
from deepwright.data.feed import Feed
from deepwright.data.pack import from_fields
from deepwright.fields import Field
from deepwright.models.cnn import CNN
from deepwright.objectives.supervised import Supervised
from deepwright.spaces import Box
from deepwright.tasks.classify import Classify
from deepwright.training.loop import Trainer
from deepwright.training.optimizers import AdamW
from deepwright.training.pace import Pace
from deepwright.training.schedules import Constant
from deepwright.training.settings import Train


class Scaled(nn.Module):
    """(B, H, W, C) uint8 → float with mean 0 and deviation 1."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values.float().mul_(1 / (255 * DEVIATION)).sub_(MEAN / DEVIATION)


class Pixels(Config):
    """A fitted picture feature without augmentation: what the network and the objective ask of one."""

    @property
    def space(self) -> Box:
        low, high = torch.tensor(-MEAN / DEVIATION), torch.tensor((1 - MEAN) / DEVIATION)
        return Box((28, 28, 1), low, high, torch.tensor(False), torch.tensor(1 / (255 * DEVIATION)))

    def embedder(self) -> nn.Module:
        return Scaled()

    def augment(self, field: Field, draw: object) -> tuple[Field, None]:
        return field, None


def trainer(x: torch.Tensor, labels: pl.DataFrame, steps: int, precision: str) -> Trainer:
    """A training of so many steps with fresh weights."""
    torch.manual_seed(0)
    settings = Classify()
    task = settings.fit(settings.summarise(labels), ["label"])
    features = {"image": Pixels()}
    model = CNN(style="classic", widths=WIDTHS, dropout=0.0).build(features, task.heads, len(x))
    objective = Supervised().bind(task, features, model)
    feed = Feed(from_fields({"image": Field(x)}, task.encode(labels)), torch.arange(len(x)), BATCH, seed=0)
    train = Train(
        budget=f"{steps}steps", batch=BATCH, optimizer=AdamW(lr=RATE), schedule=Constant(), precision=precision
    )
    pace = Pace(train.budget, feed.steps_per_epoch, clock=lambda: 0.0)
    pace.plan()
    return Trainer(model, objective, feed, train, pace)


def main() -> None:
    given = arguments()
    x, y = pictures(given.data, "train", given.steps)
    values = torch.from_numpy(x)[..., None]
    labels = pl.DataFrame({"label": [str(label) for label in y]})
    steps = -(-len(x) // BATCH)
    names = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
    trials = {dtype: trainer(values[:1024], labels[:1024], 100, name) for dtype, name in names.items()}
    dtype = faster_precision(lambda dtype: trials[dtype].advance())
    made = trainer(values, labels, steps, names[dtype])
    timer = Timer()
    timer.start()
    for _ in made.run():
        pass
    timer.stop()
    net = made.network.eval()

    def answer(part: torch.Tensor) -> torch.Tensor:
        return net.body({"image": Field(part.permute(0, 2, 3, 1))})["logits"].values

    finish(timer, steps, accuracy(answer, given.data, 1000 if given.steps else 10_000), precision=str(dtype))


main()
