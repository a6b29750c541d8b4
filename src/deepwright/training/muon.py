"""Muon: momentum made orthogonal, for hidden weights."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from deepwright.registries import optimizers
from deepwright.training.optimizers import Beta, Decay, Groups, Optimizer, Rate, fused, take_step

__all__ = ["Muon", "MuonWithAdamW", "newton_schulz"]

_SMALL = 2**18  # values of a matrix that is turned together with those of its shape


@optimizers.register
class Muon(Optimizer):
    """Momentum made orthogonal for hidden weights, AdamW for the rest.

    Jordan et al. 2024 (kellerjordan.github.io/posts/muon). A convolution is the matrix of its flattened filters. Biases,
    scales, embeddings, stacked weights of ensembles, the last weight and those of `edges` go to AdamW.

    Args:
        lr, momentum, nesterov: of the hidden weights. steps: of the Newton-Schulz iteration.
        adam_lr, betas, eps: of the rest.
        edges: parts of names ("heads" is a part of "heads.price.weight") that mark input and output layers.
    """

    kind: Literal["muon"] = "muon"
    lr: Rate = 0.02
    adam_lr: Rate = 1e-3
    weight_decay: Decay = 0.01
    momentum: Beta = 0.95
    nesterov: bool = True
    steps: int = Field(5, ge=1, lt=100)
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: Rate = 1e-8
    edges: tuple[str, ...] = ("embedders", "heads", "tables")

    def _build(self, groups: Groups) -> torch.optim.Optimizer:
        parts = [part for group in groups for part in self._split(group)]
        return MuonWithAdamW(parts, self)

    def _split(self, group: dict[str, Any]) -> Groups:
        """A group's part for Muon and its part for AdamW, those that are not empty."""
        parts = []
        for muon in (True, False):
            members = [
                (name, parameter)
                for name, parameter in zip(group["names"], group["params"], strict=True)
                if muon == (group["hidden"] and not set(name.split(".")) & set(self.edges))
            ]
            if members:
                names, parameters = (list(part) for part in zip(*members, strict=True))
                rate = (self.lr if muon else self.adam_lr) * group["factor"]
                parts.append({**group, "names": names, "params": parameters, "lr": rate, "muon": muon})
        return parts


class MuonWithAdamW(torch.optim.Optimizer):
    """One optimiser of two rules: groups with "muon" true are orthogonalised, the others go to torch's AdamW."""

    def __init__(self, groups: Groups, settings: Muon):
        self._settings = settings
        super().__init__(groups, {"lr": settings.lr, "weight_decay": settings.weight_decay, "muon": False})
        rest = [group for group in self.param_groups if not group["muon"]]
        self._adamw = None
        if rest:
            one_pass = fused(rest, "cpu", "cuda", "mps")
            self._adamw = torch.optim.AdamW(rest, betas=settings.betas, eps=settings.eps, fused=one_pass)
            self._adamw.state = self.state  # one state; the groups are the same dictionaries already

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moving = [parameter for parameter in group["params"] if group["muon"] and parameter.grad is not None]
            for alike in _alike(moving):
                self._turn(alike, group["lr"], group["weight_decay"])
        if self._adamw is not None:
            take_step(self._adamw)
        return loss

    def _turn(self, parameters: Sequence[nn.Parameter], lr: float, weight_decay: float) -> None:
        """A step of parameters whose matrices have one shape, all at once: a small network has many, and each call costs."""
        updates = torch.stack([self._update(parameter).flatten(1) for parameter in parameters])
        longer = math.sqrt(max(1.0, updates.shape[1] / updates.shape[2]))
        for parameter, turned in zip(parameters, newton_schulz(updates, self._settings.steps), strict=True):
            parameter.mul_(1 - lr * weight_decay)
            parameter.add_(turned.reshape(parameter.shape).to(parameter.dtype), alpha=-lr * longer)

    def _update(self, parameter: nn.Parameter) -> Tensor:
        """The momentum after this step's gradient."""
        momentum, state = self._settings.momentum, self.state[parameter]
        assert parameter.grad is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        average: Tensor = state["momentum_buffer"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(average, momentum) if self._settings.nesterov else average


def _alike(parameters: Sequence[nn.Parameter]) -> list[list[nn.Parameter]]:
    """In groups of one shape, as matrices, and one kind of number; large ones, which would need much memory, alone."""
    groups: dict[Any, list[nn.Parameter]] = {}
    for parameter in parameters:
        kind = (parameter.shape[0], parameter[0].numel(), parameter.dtype, parameter.device)
        groups.setdefault(kind if parameter.numel() <= _SMALL else id(parameter), []).append(parameter)
    return list(groups.values())


def newton_schulz(matrices: Tensor, steps: int) -> Tensor:
    """Roughly U Vᵀ of each matrix U S Vᵀ (…, M, N), by the quintic iteration of Jordan (2024); singular values end near 0.7 to 1.2.

    In bfloat16 where the device multiplies it fast, else in float32.
    """
    x = matrices.to(torch.bfloat16 if matrices.is_cuda else torch.float32).reshape(-1, *matrices.shape[-2:])
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / x.flatten(1).norm(dim=1).clamp(min=1e-7)[:, None, None]
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315), x, beta=3.4445)
    return (x.mT if tall else x).reshape(matrices.shape)
