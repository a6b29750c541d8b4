"""Optimisers: settings that build torch's own, and their state as named tensors."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from deepwright.core.config import Config
from deepwright.registries import optimizers

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Muon",
    "MuonWithAdamW",
    "RMSprop",
    "load_state_tensors",
    "parameter_groups",
    "state_tensors",
]  # fmt: skip

Groups = list[dict[str, Any]]


def parameter_groups(
    network: nn.Module, names: Sequence[str], weight_decay: float | None, factors: Mapping[str, float]
) -> Groups:
    """Weights by learning-rate factor (longest matching prefix) and by whether they decay.

    Vectors (biases, norms) and embedding tables never decay. Without `weight_decay` the optimiser's own default is
    used where weights decay.
    """
    parameters = dict(network.named_parameters())
    tables = {f"{name}.weight" for name, module in network.named_modules() if isinstance(module, nn.Embedding)}
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    for name in names:
        prefix = max((p for p in factors if name.startswith(p)), key=len, default=None)
        factor = 1.0 if prefix is None else factors[prefix]
        decays = parameters[name].dim() > 1 and name not in tables
        group = groups.setdefault((factor, decays), {"params": [], "names": [], "factor": factor})
        if not decays:
            group["weight_decay"] = 0.0
        elif weight_decay is not None:
            group["weight_decay"] = weight_decay
        group["params"].append(parameters[name])
        group["names"].append(name)
    return list(groups.values())


def _rated(groups: Groups, lr: float) -> Groups:
    return [{**group, "lr": lr * group["factor"]} for group in groups]


class _Optimizer(Config):
    lr: float = Field(1e-3, gt=0.0)
    weight_decay: float = Field(0.0, ge=0.0)


@optimizers.register
class SGD(_Optimizer):
    """Stochastic gradient descent with momentum (Polyak 1964), optionally Nesterov's (1983)."""

    kind: Literal["sgd"] = "sgd"
    lr: float = Field(0.1, gt=0.0)
    momentum: float = Field(0.9, ge=0.0, lt=1.0)
    nesterov: bool = True

    def build(self, groups: Groups) -> torch.optim.Optimizer:
        nesterov = self.nesterov and self.momentum > 0
        return torch.optim.SGD(
            _rated(groups, self.lr), lr=self.lr, momentum=self.momentum, nesterov=nesterov, weight_decay=self.weight_decay, fused=True
        )  # fmt: skip


@optimizers.register
class Adam(_Optimizer):
    """Adam (Kingma & Ba 2015, arXiv 1412.6980)."""

    kind: Literal["adam"] = "adam"
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(1e-8, gt=0.0)

    def build(self, groups: Groups) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            _rated(groups, self.lr), lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=True
        )  # fmt: skip


@optimizers.register
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101)."""

    kind: Literal["adamw"] = "adamw"
    weight_decay: float = Field(0.01, ge=0.0)

    def build(self, groups: Groups) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            _rated(groups, self.lr), lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=True
        )  # fmt: skip


@optimizers.register
class RMSprop(_Optimizer):
    """RMSprop (Tieleman & Hinton 2012)."""

    kind: Literal["rmsprop"] = "rmsprop"
    alpha: float = Field(0.99, ge=0.0, lt=1.0)
    momentum: float = Field(0.0, ge=0.0, lt=1.0)
    eps: float = Field(1e-8, gt=0.0)

    def build(self, groups: Groups) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(
            _rated(groups, self.lr), lr=self.lr, alpha=self.alpha, eps=self.eps, momentum=self.momentum, weight_decay=self.weight_decay
        )  # fmt: skip


@optimizers.register
class Adagrad(_Optimizer):
    """Adagrad (Duchi, Hazan & Singer 2011)."""

    kind: Literal["adagrad"] = "adagrad"
    lr: float = Field(1e-2, gt=0.0)
    eps: float = Field(1e-10, gt=0.0)

    def build(self, groups: Groups) -> torch.optim.Optimizer:
        return torch.optim.Adagrad(_rated(groups, self.lr), lr=self.lr, eps=self.eps, weight_decay=self.weight_decay)


@optimizers.register
class Muon(_Optimizer):
    """Muon for hidden matrices and convolutions (Jordan 2024), AdamW for everything else.

    Args:
        lr: for the matrices. adam_lr: for vectors, tables, the first and the last layer.
    """

    kind: Literal["muon"] = "muon"
    lr: float = Field(0.02, gt=0.0)
    adam_lr: float = Field(1e-3, gt=0.0)
    momentum: float = Field(0.95, ge=0.0, lt=1.0)
    steps: int = Field(5, ge=1)
    weight_decay: float = Field(0.01, ge=0.0)

    def build(self, groups: Groups) -> torch.optim.Optimizer:
        return MuonWithAdamW(groups, self)


class MuonWithAdamW(torch.optim.Optimizer):
    """Each matrix moves along the orthogonalised momentum of its gradient (Newton–Schulz, five steps); others by AdamW."""

    def __init__(self, groups: Groups, settings: Muon):
        self._settings = settings
        split: Groups = []
        for group in groups:
            matrices = [_is_hidden(name, p) for name, p in zip(group["names"], group["params"], strict=True)]
            for muon in (True, False):
                chosen = [place for place, flag in enumerate(matrices) if flag is muon]
                if chosen:
                    part = {key: [group[key][place] for place in chosen] for key in ("params", "names")}
                    rate = (settings.lr if muon else settings.adam_lr) * group["factor"]
                    split.append({**group, **part, "muon": muon, "lr": rate})
        super().__init__(split, {"weight_decay": settings.weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                (self._orthogonal if group["muon"] else self._adam)(parameter, group["lr"])

    def _orthogonal(self, parameter: Tensor, lr: float) -> None:
        state, grad = self.state[parameter], parameter.grad
        momentum = state.setdefault("momentum", torch.zeros_like(parameter))
        momentum.lerp_(grad, 1 - self._settings.momentum)
        direction = grad.lerp(momentum, self._settings.momentum).flatten(1)
        update = newton_schulz(direction, self._settings.steps)
        scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
        parameter.sub_(update.view_as(parameter), alpha=lr * scale)

    def _adam(self, parameter: Tensor, lr: float) -> None:
        state, grad = self.state[parameter], parameter.grad
        if not state:
            state |= {
                "step": torch.zeros(()),
                "first": torch.zeros_like(parameter),
                "second": torch.zeros_like(parameter),
            }
        state["step"] += 1
        count = float(state["step"])
        state["first"].lerp_(grad, 0.1)
        state["second"].lerp_(grad.square(), 0.001)
        root = (state["second"] / (1 - 0.999**count)).sqrt_().add_(1e-8)
        parameter.addcdiv_(state["first"], root, value=-lr / (1 - 0.9**count))


def _is_hidden(name: str, parameter: Tensor) -> bool:
    return parameter.dim() in (2, 4) and not name.startswith(("heads.", "embedders.", "tables."))


def newton_schulz(matrix: Tensor, steps: int) -> Tensor:
    """Roughly U Vᵀ of a matrix U S Vᵀ, by the quintic iteration of Jordan (2024)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def state_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state by "<weight>/<what>"; needs groups made by `parameter_groups`."""
    return {
        f"{name}/{key}": torch.as_tensor(value)
        for group in optimizer.param_groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
        for key, value in optimizer.state.get(parameter, {}).items()
        if value is not None
    }


def load_state_tensors(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Take back what `state_tensors` gave; each tensor gets the device and memory layout of its weight."""
    places = {n: p for group in optimizer.param_groups for n, p in zip(group["names"], group["params"], strict=True)}
    for path, value in tensors.items():
        name, _, key = path.rpartition("/")
        parameter = places[name]
        if value.shape == parameter.shape and value.dim():
            own = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        else:
            own = value.clone()
        optimizer.state[parameter][key] = own
