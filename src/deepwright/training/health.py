"""Health: whether the losses still look like those of a training, or have left for good.

Two signs. A loss or a weight that is **not a finite number** never comes back: at once. A loss **explodes** when it is at
LOOKS looks in a row far from everything it was, by both of two measures, since either alone fires on healthy training:

- above the first loss by more than ABOVE times its size (at least 1, the natural size of a loss a row: a nat, a squared
  standard deviation). A start network knows nothing, so no honest network is a hundred times worse. That alone would
  fire on critics whose scores have no unit and wander far, slowly.
- above the running range of its last MEMORY healthy looks by more than FAR times that range (from their 10 % to their
  90 % quantile, so that single blows widen it little). Losses that wander widen their own range; that alone would fire on
  a loss that has become small and smooth and takes one step back.

In a row, because losses with heavy tails (squared errors of targets with outliers) take single blows of any size: at a
tenth of blows among all looks, eight in a row come once in 10⁸. A look is 1/200 of the budget, so an explosion is told
after 4 % of it; what overflows is told at the next look.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepwright.training.settings import Train

__all__ = ["ABOVE", "FAR", "LOOKS", "MEMORY", "RATE", "Health", "all_finite", "causes"]

ABOVE = 100.0
FAR = 20.0
LOOKS = 8
MEMORY = 64
RATE = 0.5  # of the learning rate, after a roll-back


class Health:
    """Judges the losses of all players, look by look. Its state is JSON and goes into checkpoints."""

    def __init__(self) -> None:
        self._first: dict[str, float] = {}
        self._recent: dict[str, list[float]] = {}
        self._high: dict[str, int] = {}

    @property
    def calm(self) -> bool:
        """No loss is far out at the moment: the state may be gone back to."""
        return not any(self._high.values())

    def begin(self, losses: Mapping[str, float]) -> None:
        """The losses of the very first step: what a network that knows nothing has."""
        self._first = {name: value for name, value in losses.items() if math.isfinite(value)}

    def look(self, losses: Mapping[str, float]) -> str | None:
        """Look at the mean losses since the last look; what is wrong, in words, or None."""
        for name, value in losses.items():
            if not math.isfinite(value):
                return f"the {_words(name)} is {value}"
            if self._far(name, value):
                self._high[name] = self._high.get(name, 0) + 1
                if self._high[name] >= LOOKS:
                    return f"the {_words(name)} has risen to {value:.3g} and stays there; it began at {self._first[name]:.3g}"
                continue
            self._high[name] = 0
            self._recent[name] = [*self._recent.get(name, []), value][-MEMORY:]
        return None

    def _far(self, name: str, value: float) -> bool:
        first = self._first.setdefault(name, value)
        if value <= first + ABOVE * max(abs(first), 1.0):
            return False
        known = sorted(self._recent.get(name, [first]))
        low, high = known[len(known) // 10], known[-1 - len(known) // 10]
        return value > high + FAR * (high - low)

    def calm_down(self) -> None:
        """Begin to count anew, after the weights were put back."""
        self._high = {}

    def state(self) -> dict[str, Any]:
        return {"first": self._first, "recent": self._recent, "high": self._high}

    def load(self, state: Mapping[str, Any]) -> None:
        self._first, self._high = dict(state["first"]), dict(state["high"])
        self._recent = {name: list(values) for name, values in state["recent"].items()}


def _words(name: str) -> str:
    return name.replace("_", " ")


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether every floating number in them is finite."""
    sound = [tensor.isfinite().all() for tensor in tensors if tensor.is_floating_point()]
    return not sound or bool(torch.stack(sound).all())


def causes(settings: Train) -> str:
    """What usually lies behind it, and what to do."""
    lower = "" if settings.optimizer is None else f": --set train.optimizer.lr={settings.optimizer.lr / 10:.2g}"
    known = [
        f"a learning rate that is too high (try a tenth{lower})",
        "extreme values in a column (see `deepwright inspect`)",
    ]
    if settings.clip is None:
        known.append("gradients without a limit (--set train.clip=1)")
    if settings.precision == "bfloat16":
        known.append("half precision (--set train.precision=float32)")
    return f"Usual causes: {', '.join(known[:-1])}, or {known[-1]}."
