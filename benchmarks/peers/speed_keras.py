"""Keras 3 on torch: a Sequential network, compile and fit on arrays; bars off."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
from speed_common import BATCH, RATE, SEED, WIDTHS, Timer, accuracy, arguments, finish, normalised, pictures


class Timing(keras.callbacks.Callback):
    """Seconds of the epoch."""

    def __init__(self, timer: Timer):
        super().__init__()
        self.timer = timer

    def on_epoch_begin(self, epoch, logs=None):
        self.timer.start()

    def on_epoch_end(self, epoch, logs=None):
        self.timer.stop()


def main() -> None:
    given = arguments()
    keras.utils.set_random_seed(SEED)
    x, y = pictures(given.data, "train", given.steps)
    values = normalised(x).permute(0, 2, 3, 1).numpy()
    layers = [keras.Input((28, 28, 1))]
    for place, width in enumerate(WIDTHS):
        layers += [keras.layers.MaxPooling2D(2)] if place else []
        layers += [
            keras.layers.Conv2D(width, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
            keras.layers.ReLU(),
        ]
    net = keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(optimizer=keras.optimizers.AdamW(learning_rate=RATE, weight_decay=0.01), loss=loss)
    timer = Timer()
    net.fit(values, y, batch_size=BATCH, epochs=1, verbose=0, callbacks=[Timing(timer)])
    right = accuracy(
        lambda part: torch.as_tensor(net(part.permute(0, 2, 3, 1), training=False)), given.data,
        1000 if given.steps else 10_000,
    )  # fmt: skip
    finish(timer, -(-len(x) // BATCH), right, "keras")


main()
