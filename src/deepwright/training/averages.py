"""Exponential moving averages of weights (Polyak & Juditsky 1992), with a ramp for the first steps."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["Average"]


class Average:
    """The average of every floating tensor of a network; others are taken as they are.

    Args:
        decay: the share that stays each step; min(decay, (1 + t) / (10 + t)) at step t, so that short runs average too.
    """

    def __init__(self, network: nn.Module, decay: float):
        self._network, self.decay = network, decay
        self.tensors = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        share = 1.0 - min(self.decay, (1 + step) / (10 + step))
        current = self._network.state_dict()
        names = [name for name, value in current.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.tensors[n] for n in names], [current[n] for n in names], share)
        for name in current.keys() - set(names):
            self.tensors[name].copy_(current[name])

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take an average from elsewhere; a copy of it."""
        for name, value in tensors.items():
            self.tensors[name].copy_(value)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network with averaged weights inside the block."""
        with weights(self._network, self.tensors):
            yield


@contextmanager
def weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """The network with these weights inside the block, its own again afterwards."""
    before = {name: value.detach().clone() for name, value in network.state_dict().items()}
    network.load_state_dict(tensors)
    try:
        yield
    finally:
        network.load_state_dict(before)
