"""fastai: a Learner over DataLoaders of tensors, AdamW at a constant rate; bars off."""

from functools import partial

import fastai.callback.progress  # noqa: F401  (gives Learner its no_bar)
import torch
import torch.nn.functional as F
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.optimizer import OptimWrapper
from speed_common import BATCH, RATE, Timer, accuracy, arguments, finish, network, normalised, pictures
from torch.utils.data import TensorDataset


class Timing(Callback):
    """Seconds of the training part of the epoch."""

    def __init__(self, timer: Timer):
        self.timer = timer

    def before_train(self):
        self.timer.start()

    def after_train(self):
        self.timer.stop()


def main() -> None:
    given = arguments()
    x, y = pictures(given.data, "train", given.steps)
    data = TensorDataset(normalised(x), torch.from_numpy(y))
    loader = DataLoader(data, bs=BATCH, shuffle=True, num_workers=0, drop_last=False)
    held = DataLoader(TensorDataset(*data[:BATCH]), bs=BATCH, num_workers=0)
    timer = Timer()
    net = network()
    learner = Learner(
        DataLoaders(loader, held, device=torch.device("cpu")), net, loss_func=F.cross_entropy, cbs=Timing(timer),
        opt_func=partial(OptimWrapper, opt=torch.optim.AdamW),
    )  # fmt: skip
    with learner.no_bar(), learner.no_logging():
        learner.fit(1, lr=RATE)
    net.eval()
    finish(timer, len(loader), accuracy(net, given.data, 1000 if given.steps else 10_000), "fastai")


main()
