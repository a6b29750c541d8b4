"""Soup: the average of the weights of good trials, kept only where validation rows say so.

Wortsman et al. 2022, arXiv 2203.05482, algorithm 1 (greedy soup): trials join in the order of their figures, each only if the
average with it is at least as good. They may share an average because all trials start from the same weights and see the
same order of examples; whether they really do is what the validation rows decide.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from deepwright.contracts import Network
from deepwright.data.pack import Packed
from deepwright.training.tensor_files import read_tensors

__all__ = ["Soup", "mean_of", "restated", "soup"]

BATCHES = 40  # of training examples, from which running statistics are measured again
SIZE = 256

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Soup:
    """What came of it.

    Args:
        trials: that are in it, the winner first. tried: how many others could have joined.
        alone: the winner's own figure. value: that of the average.
    """

    trials: tuple[int, ...]
    tried: int
    alone: float | None
    value: float | None

    @property
    def kept(self) -> bool:
        return len(self.trials) > 1

    def to_dict(self) -> dict[str, Any]:
        return {
            "trials": list(self.trials),
            "tried": self.tried,
            "alone": self.alone,
            "value": self.value,
            "kept": self.kept,
        }


def mean_of(parts: Sequence[Weights]) -> dict[str, Tensor]:
    """The mean of each floating tensor, in float64 on the way; others as in the first."""
    return {
        name: torch.stack([part[name].double() for part in parts]).mean(0).to(first.dtype)
        if first.is_floating_point() else first.clone()
        for name, first in parts[0].items()
    }  # fmt: skip


@torch.no_grad()
def restated(network: Network, packed: Packed, rows: Tensor) -> None:
    """Measure running statistics (BatchNorm) on training rows anew: those of an average are not the average of those."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        return
    before = [(norm, norm.momentum) for norm in norms]
    modes = [(module, module.training) for module in network.modules()]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
    network.train()
    device = next(network.parameters()).device
    some = rows[torch.linspace(0, len(rows) - 1, min(len(rows), BATCHES * SIZE)).long()]
    for batch in packed.batches(some[: max(SIZE, len(some) // SIZE * SIZE)], SIZE):
        network.body(network.embed(batch.to(device).inputs))
    for norm, momentum in before:
        norm.momentum = momentum
    for module, training in modes:
        module.training = training


def soup(
    network: Network, winner: int, others: Sequence[tuple[int, Path]], figure: Callable[[], float | None],
    better: Literal["lower", "higher"], restate: Callable[[Network], None],
) -> Soup:  # fmt: skip
    """Average greedily; the network holds the better of winner and average afterwards.

    Args:
        network: with the winner's weights. others: trials and their weights' files, best first.
        figure: the network's validation figure. restate: called after the weights were changed.
    """
    own = {name: value.detach().clone() for name, value in network.state_dict().items()}
    alone = best = figure()
    members, parts, mean = [winner], [own], own
    fitting = [(number, weights) for number, path in others if (weights := _fitting(path, own)) is not None]
    for number, weights in fitting:
        tried = mean_of([*parts, weights])
        network.load_state_dict(tried)
        restate(network)
        value = figure()
        if value is not None and (best is None or (value <= best if better == "lower" else value >= best)):
            best, mean = value, {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
            members.append(number)
            parts.append(weights)
    gained = best is not None and alone is not None and best != alone
    network.load_state_dict(mean if gained else own)
    return Soup(tuple(members) if gained else (winner,), len(fitting), alone, best if gained else None)


def _fitting(path: Path, own: Weights) -> dict[str, Tensor] | None:
    """Weights of the same architecture, or None."""
    try:
        weights = read_tensors(path)[0]
    except (OSError, ValueError):  # gone, or harmed
        return None
    same = weights.keys() == own.keys() and all(weights[name].shape == own[name].shape for name in own)
    return weights if same else None
