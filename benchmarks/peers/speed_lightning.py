"""Lightning: a LightningModule and a Trainer, tensors in a TensorDataset; bars, logs and checkpoints off."""

import logging
import warnings

import lightning as L
import torch
import torch.nn.functional as F
from speed_common import BATCH, RATE, Timer, accuracy, arguments, finish, network, normalised, pictures
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")  # advice about workers, which do not pay on two cores
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Net(L.LightningModule):
    """The network, its loss and its optimiser."""

    def __init__(self, timer: Timer):
        super().__init__()
        self.net, self.timer = network(), timer

    def training_step(self, batch, number):
        x, y = batch
        return F.cross_entropy(self.net(x), y)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=RATE)

    def on_train_epoch_start(self):
        self.timer.start()

    def on_train_epoch_end(self):
        self.timer.stop()


def main() -> None:
    given = arguments()
    x, y = pictures(given.data, "train", given.steps)
    loader = DataLoader(TensorDataset(normalised(x), torch.from_numpy(y)), batch_size=BATCH, shuffle=True)
    timer = Timer()
    model = Net(timer)
    trainer = L.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, loader)
    model.eval()
    finish(timer, len(loader), accuracy(model.net, given.data, 1000 if given.steps else 10_000), "lightning")


main()
