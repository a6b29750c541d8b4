"""Forwards that must leave no trace in a network."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["frozen_statistics", "kept_buffers"]


@contextmanager
def frozen_statistics(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, restored afterwards even when something fails: no running statistic moves, no dropout."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def kept_buffers(network: nn.Module) -> Iterator[None]:
    """Training mode as it is, but buffers come back to what they were (the first of two passes)."""
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                buffer.copy_(before[name])
