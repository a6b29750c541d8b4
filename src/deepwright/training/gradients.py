"""Gradient rules: how the losses of a piece of a batch become gradients of a player's weights."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.utils import _pytree as pytree

from deepwright.contracts import BoundObjective, Network
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch

__all__ = ["GradientRule", "PlainGradient", "PrivateGradient", "RowLoss", "full_precision"]


class RowLoss(nn.Module):
    """The weighted loss of a batch piece as a module: what autograd and per-example gradients both go through."""

    def __init__(self, network: Network, objective: BoundObjective, player: str, precision: Any = nullcontext):
        super().__init__()
        self.network = network
        self.objective, self.player, self.precision = objective, player, precision

    def forward(self, batch: Batch, draw: Draw, scale: Tensor | float) -> tuple[Tensor, dict[str, Tensor]]:
        """Σ w·value · scale, and sums of the logs over rows. A coupled loss that is a scalar already stays as it is."""
        draw = draw.keyed(batch.position)
        with self.precision():
            reps = self.objective.represent(self.player, self.network, batch, draw)
        loss = self.objective.loss(self.player, full_precision(reps), batch, draw)
        weight = self.objective.weight(self.player, batch)
        logs = {name: value.detach() * len(batch) for name, value in loss.logs.items()}
        value = (loss.value * weight).sum() * scale if loss.value.dim() else loss.value
        return value, logs


def full_precision(reps: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors with half-precision ones as float32: losses are computed in full."""
    half = (torch.bfloat16, torch.float16)
    return pytree.tree_map(lambda t: t.float() if isinstance(t, Tensor) and t.dtype in half else t, dict(reps))


class GradientRule(Protocol):
    """Adds the gradient of one piece to `.grad`; `finish` runs once a step, after ranks were summed."""

    expected_size: bool  # divide by the expected batch size instead of the weights' sum

    def add(
        self, row_loss: RowLoss, batch: Batch, draw: Draw, scale: Tensor | float
    ) -> tuple[Tensor, dict[str, Tensor]]: ...
    def finish(self, parameters: Mapping[str, nn.Parameter], step: int, size: int) -> None: ...


@dataclass(frozen=True)
class PlainGradient:
    """One backward pass over the sum."""

    expected_size: bool = False

    def add(
        self, row_loss: RowLoss, batch: Batch, draw: Draw, scale: Tensor | float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        total, logs = row_loss(batch, draw, scale)
        total.backward()
        return total.detach(), logs

    def finish(self, parameters: Mapping[str, nn.Parameter], step: int, size: int) -> None:
        """Nothing is left to do."""


@dataclass(frozen=True)
class PrivateGradient:
    """DP-SGD (Abadi et al. 2016, arXiv 1607.00133, algorithm 1).

    Every example's gradient is clipped to length `clip`; Gaussian noise of deviation `noise`·`clip` is added to their
    sum, which is divided by the expected batch size. The noise comes from `key`, which is kept out of the run folder:
    who knows it can subtract the noise.
    """

    clip: float
    noise: float
    key: int
    expected_size: bool = True

    def add(
        self, row_loss: RowLoss, batch: Batch, draw: Draw, scale: Tensor | float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if row_loss.network.couples_rows:
            raise Refused(
                "Private training needs a network whose rows do not meet; choose norm: group instead of batch."
            )
        trained = {name: p for name, p in row_loss.named_parameters() if p.requires_grad}
        if not len(batch):
            return torch.zeros(()), {}

        def one(weights: dict[str, Tensor], row: Batch) -> Any:
            single = pytree.tree_map(lambda part: part.unsqueeze(0) if isinstance(part, Tensor) else part, row)
            return functional_call(row_loss, weights, (single, draw, 1.0))

        axes = pytree.tree_map(lambda part: 0 if isinstance(part, Tensor) else None, batch)
        detached = {name: p.detach() for name, p in trained.items()}
        per_row, (total, logs) = vmap(_with_value(one), in_dims=(None, axes), randomness="error")(detached, batch)
        norm = torch.sqrt(sum(g.flatten(1).square().sum(1) for g in per_row.values()))
        shrink = (self.clip / norm.clamp_min(1e-12)).clamp(max=1.0) * scale
        for name, parameter in trained.items():
            clipped = torch.einsum("b,b...->...", shrink, per_row[name])
            parameter.grad = clipped if parameter.grad is None else parameter.grad + clipped
        return total.sum() * scale, {name: value.sum() for name, value in logs.items()}

    def finish(self, parameters: Mapping[str, nn.Parameter], step: int, size: int) -> None:
        for name, parameter in sorted(parameters.items()):
            noise = Draw(self.key, step).at("private", name).normal(1, parameter.numel()).view_as(parameter)
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            parameter.grad += noise.to(parameter.device) * (self.noise * self.clip / size)


def _with_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gradient with respect to the first argument, together with (value, logs)."""

    def valued(*args: Any) -> tuple[Tensor, tuple[Tensor, Any]]:
        value, logs = function(*args)
        return value, (value, logs)

    return grad(valued, has_aux=True)
