"""skorch: a NeuralNetClassifier fitted on arrays; printing and validation off."""

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from speed_common import BATCH, RATE, Timer, accuracy, arguments, finish, network, normalised, pictures


class Timing(Callback):
    """Seconds of the epoch."""

    def __init__(self, timer: Timer):
        self.timer = timer

    def on_epoch_begin(self, net, **_):
        self.timer.start()

    def on_epoch_end(self, net, **_):
        self.timer.stop()


def main() -> None:
    given = arguments()
    x, y = pictures(given.data, "train", given.steps)
    timer = Timer()
    net = network()
    model = NeuralNetClassifier(
        net, criterion=torch.nn.CrossEntropyLoss, optimizer=torch.optim.AdamW, lr=RATE, batch_size=BATCH, max_epochs=1,
        train_split=None, iterator_train__shuffle=True, verbose=0, callbacks=[("timing", Timing(timer))],
    )  # fmt: skip
    model.fit(normalised(x).numpy(), y)
    trained = model.module_.eval()
    finish(timer, -(-len(x) // BATCH), accuracy(trained, given.data, 1000 if given.steps else 10_000), "skorch")


main()
