"""Averages of weights over training: one network that is often better than any it went through.

Settings say which; `build` gives what is kept up during training. At the end the loop compares what `candidates` offers
with the weights themselves on validation rows (`choosing.py`).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor, nn

from deepwright.core.config import Config
from deepwright.registries import averages

__all__ = ["EMA", "SWA", "Average", "Averaging", "Snapshots", "copied", "weights"]

Weights = Mapping[str, Tensor]


class Average(Protocol):
    """What is kept up during training.

    `live`: the averaged weights, where validations during training look at these instead of the network's own.
    `stale`: statistics of batch normalisation do not fit the averaged weights and have to be taken anew.
    """

    stale: bool

    @property
    def live(self) -> Weights | None: ...
    def update(self, step: int, before: float, now: float) -> None:
        """After a step.

        Args:
            step: counted from 0. before, now: the share of the budget used up before and after it.
        """
        ...

    def candidates(self) -> dict[str, Weights]:
        """Weights that may be kept, by a name for people; at the end of training."""
        ...

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors (not copies) and JSON values to be checkpointed."""
        ...

    def load(self, tensors: Weights, values: Mapping[str, Any]) -> None:
        """Take a state from elsewhere; a copy of it."""
        ...


class Averaging(Config):
    """What all kinds of averages share."""

    @property
    def compared(self) -> int:
        """Weights that are validated once more at the end, at most."""
        return 1

    def rate(self, schedule: Callable[[float], float], fraction: float) -> float:
        """The multiple of the learning rate at a fraction of the budget, where the average wants another than the schedule's."""
        return schedule(fraction)

    def build(self, network: nn.Module) -> Average:
        """Beginning with the network's present weights."""
        raise NotImplementedError


@averages.register
class EMA(Averaging):
    """The exponential moving average (Polyak & Juditsky 1992, SIAM J. Control Optim. 30), which also answers validations.

    Statistics of batch normalisation are averaged like weights: they move as slowly, and what was validated is what is kept.

    Args:
        decay: the share that stays each step; min(decay, (1 + t) / (10 + t)) at step t, so that short runs average too.
    """

    kind: Literal["ema"] = "ema"
    decay: float = Field(default=0.99, ge=0.0, lt=1.0)

    def build(self, network: nn.Module) -> "MovingAverage":
        return MovingAverage(network, self.decay)


@averages.register
class SWA(Averaging):
    """Stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407, algorithm 1): the mean of weights late in training.

    From `start` on the learning rate stays where the schedule has brought it, so that the weights go on moving around the
    optimum whose middle is wanted.

    Args:
        start: share of the budget from which on weights are averaged.
        samples: weights in the mean, evenly spread.
    """

    kind: Literal["swa"] = "swa"
    start: float = Field(default=0.75, ge=0.0, lt=1.0)
    samples: int = Field(default=20, ge=2)

    def rate(self, schedule: Callable[[float], float], fraction: float) -> float:
        return schedule(min(fraction, self.start))

    def build(self, network: nn.Module) -> "Mean":
        return Mean(network, self)


@averages.register
class Snapshots(Averaging):
    """Snapshots at the ends of cosine cycles (Huang et al. 2017, arXiv 1704.00109, eq. 2), averaged.

    The cycles take the place of the schedule, but for its warm-up. The paper averages the answers of the last snapshots; a
    run holds one network, so here their weights are averaged, which is tried for the last two, three … and only kept where
    validation finds it better than the last snapshot alone.

    Args:
        cycles: of the learning rate, from its full size to nothing; one snapshot each.
    """

    kind: Literal["snapshots"] = "snapshots"
    cycles: int = Field(default=5, ge=2, le=20)

    @property
    def compared(self) -> int:
        return self.cycles - 1

    def rate(self, schedule: Callable[[float], float], fraction: float) -> float:
        cycle = 0.5 * (1.0 + math.cos(math.pi * (fraction * self.cycles % 1.0)))
        return min(cycle, schedule(fraction)) if fraction * self.cycles < 0.5 else cycle

    def build(self, network: nn.Module) -> "Series":
        return Series(network, self.cycles)


class MovingAverage(Average):
    """See `EMA`. Floating tensors are averaged, others are taken as they are."""

    stale = False

    def __init__(self, network: nn.Module, decay: float):
        self._network, self.decay = network, decay
        self.tensors = copied(network.state_dict())

    @property
    def live(self) -> Weights:
        return self.tensors

    @torch.no_grad()
    def update(self, step: int, before: float, now: float) -> None:
        _towards(self.tensors, self._network.state_dict(), 1.0 - min(self.decay, (1 + step) / (10 + step)))

    def candidates(self) -> dict[str, Weights]:
        return {}  # the best of them is known from the validations

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(self.tensors), {}

    def load(self, tensors: Weights, values: Mapping[str, Any]) -> None:
        for name, value in tensors.items():
            self.tensors[name].copy_(value)


class Mean(Average):
    """See `SWA`."""

    stale = True
    live = None

    def __init__(self, network: nn.Module, settings: SWA):
        self._network, self._settings = network, settings
        self._tensors: dict[str, Tensor] = {}
        self._count = 0

    @torch.no_grad()
    def update(self, step: int, before: float, now: float) -> None:
        first, count = self._settings.start, self._settings.samples
        if not _passed(count * (before - first) / (1 - first), count * (now - first) / (1 - first)):
            return
        self._count += 1
        current = self._network.state_dict()
        self._tensors = self._tensors or copied(current)
        _towards(self._tensors, current, 1.0 / self._count)

    def candidates(self) -> dict[str, Weights]:
        return {f"mean of {self._count} weights (SWA)": self._tensors} if self._count > 1 else {}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(self._tensors), {"count": self._count}

    def load(self, tensors: Weights, values: Mapping[str, Any]) -> None:
        self._tensors, self._count = _placed(tensors, self._network), values["count"]


class Series(Average):
    """See `Snapshots`."""

    stale = True
    live = None

    def __init__(self, network: nn.Module, cycles: int):
        self._network, self._cycles = network, cycles
        self._taken: list[dict[str, Tensor]] = []

    @torch.no_grad()
    def update(self, step: int, before: float, now: float) -> None:
        if _passed(self._cycles * before, self._cycles * now):
            self._taken.append(copied(self._network.state_dict()))

    def candidates(self) -> dict[str, Weights]:
        taken = self._taken[::-1]
        return {f"mean of the last {k} snapshots": _mean(taken[:k]) for k in range(2, len(taken) + 1)}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {f"{place}/{name}": value for place, one in enumerate(self._taken) for name, value in one.items()}
        return tensors, {"count": len(self._taken)}

    def load(self, tensors: Weights, values: Mapping[str, Any]) -> None:
        parts: list[dict[str, Tensor]] = [{} for _ in range(values["count"])]
        for path, value in tensors.items():
            place, _, name = path.partition("/")
            parts[int(place)][name] = value
        self._taken = [_placed(one, self._network) for one in parts]


def _passed(before: float, now: float) -> bool:
    """Whether a whole number from 1 on lies in (before, now]."""
    return math.floor(now + 1e-9) > max(0, math.floor(before + 1e-9))


def copied(tensors: Weights) -> dict[str, Tensor]:
    """The same weights, untouched by later steps."""
    return {name: value.detach().clone() for name, value in tensors.items()}


def _placed(tensors: Weights, network: nn.Module) -> dict[str, Tensor]:
    """A copy, laid out and on the device as the network's own."""
    own = network.state_dict()
    return {name: torch.empty_like(own[name]).copy_(value) for name, value in tensors.items()}


def _towards(tensors: dict[str, Tensor], current: Weights, share: float) -> None:
    """Move floating tensors this share of the way to the current ones, in place; others are copied."""
    names = [name for name, value in current.items() if value.is_floating_point()]
    torch._foreach_lerp_([tensors[n] for n in names], [current[n] for n in names], share)
    for name in current.keys() - set(names):
        tensors[name].copy_(current[name])


@torch.no_grad()
def _mean(many: Sequence[Weights]) -> dict[str, Tensor]:
    """The mean, so that what is the same in all stays the same to the bit; what is no float as in the first."""
    mean = copied(many[0])
    for count, one in enumerate(many[1:], 2):
        floats = {name: value for name, value in one.items() if value.is_floating_point()}
        _towards(mean, floats, 1.0 / count)
    return mean


@contextmanager
def weights(network: nn.Module, tensors: Weights | None) -> Iterator[None]:
    """The network with these weights inside the block (None: its own), its own again afterwards."""
    if tensors is None:
        yield
        return
    before = copied(network.state_dict())
    network.load_state_dict(tensors)
    try:
        yield
    finally:
        network.load_state_dict(before)
