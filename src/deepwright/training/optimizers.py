"""Optimisers: settings that build torch optimisers, groups of parameters, and their state as plain named tensors."""

import inspect
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from deepwright.core.config import Config
from deepwright.core.errors import DeepwrightError, RecipeError, RunError
from deepwright.registries import optimizers

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Beta",
    "Decay",
    "Groups",
    "Optimizer",
    "RMSprop",
    "Rate",
    "fused",
    "load_state_tensors",
    "parameter_groups",
    "state_tensors",
    "take_step",
]

Groups = list[dict[str, Any]]
Beta = Annotated[float, Field(ge=0.0, lt=1.0)]
Rate = Annotated[float, Field(gt=0.0)]
Decay = Annotated[float, Field(ge=0.0)]


def parameter_groups(
    network: nn.Module, names: list[str], weight_decay: float | None, factors: Mapping[str, float]
) -> Groups:
    """Parameters that are treated alike, in groups for `build`.

    Args:
        names: the parameters to train, as in `network.named_parameters()`.
        weight_decay: for weights; biases, scales (at most one dimension) and embeddings have 0. None leaves it out of
            the weights' groups, so that the optimiser's own default applies.
        factors: start of a parameter's name → factor of its learning rate; the longest that fits counts.

    Returns:
        Dictionaries with "params", "names", "factor", "hidden" (matrices and convolutions but the last: what muon is
        meant for) and perhaps "weight_decay".
    """
    known = dict(network.named_parameters())
    embeddings = _weights_of(network, (nn.Embedding, nn.EmbeddingBag))
    convolutions = _weights_of(network, (_ConvNd,))
    decayed = [name for name in names if known[name].dim() > 1 and id(known[name]) not in embeddings]
    matrices = [
        name
        for name in decayed
        if id(known[name]) in convolutions or (known[name].dim() == 2 and "weight" in name.rpartition(".")[2])
    ]
    groups: dict[tuple[float, bool, bool], dict[str, Any]] = {}
    for name in names:
        hidden = name in matrices[:-1]
        key = (_factor(name, factors), name in decayed, hidden)
        if key not in groups:
            groups[key] = {"params": [], "names": [], "factor": key[0], "hidden": hidden}
            if name not in decayed:
                groups[key]["weight_decay"] = 0.0
            elif weight_decay is not None:
                groups[key]["weight_decay"] = weight_decay
        groups[key]["params"].append(known[name])
        groups[key]["names"].append(name)
    return list(groups.values())


def _factor(name: str, factors: Mapping[str, float]) -> float:
    fitting = [prefix for prefix in factors if name.startswith(prefix)]
    return float(factors[max(fitting, key=len)]) if fitting else 1.0


def _weights_of(network: nn.Module, kinds: tuple[type[nn.Module], ...]) -> set[int]:
    """Identities of the weights of layers of these kinds."""
    return {id(layer._parameters.get("weight")) for layer in network.modules() if isinstance(layer, kinds)}


class Optimizer(Config):
    """What all optimisers share.

    Args:
        lr: the learning rate, multiplied by the schedule and by each group's factor.
        weight_decay: where `train.l2` gives none. With adamw and muon it is decoupled from the gradient; the others add
            it to the gradient, as their authors did.
    """

    lr: Rate = 1e-3
    weight_decay: Decay = 0.0

    def build(self, groups: Groups) -> torch.optim.Optimizer:
        """The optimiser of groups made by `parameter_groups`.

        Raises:
            RecipeError: there is no parameter to train.
        """
        if not groups:
            raise RecipeError("Nothing is left to train: all parameters are frozen.")
        _spare_compiler()
        rated = [{**group, "lr": self.lr * group.get("factor", 1.0)} for group in groups]
        made = self._build(rated)
        made.register_step_pre_hook(_prepare)
        return made

    def space(self) -> dict[str, Any]:
        """What `tune` chooses from around these settings: rates from a fifth to five times, the decay further."""
        rates = {name: getattr(self, name) for name in type(self).model_fields if name.endswith("lr")}
        found = {name: {"log": [value / 5, value * 5]} for name, value in rates.items()}
        decay = self.weight_decay
        return found | ({"weight_decay": {"log": [decay / 20, min(1.0, decay * 5)]}} if 0 < decay < 1 else {})

    def _build(self, groups: Groups) -> torch.optim.Optimizer:
        raise NotImplementedError


def _spare_compiler() -> None:
    """Keep torch from loading its compiler (seconds) when the first optimiser of a process is made.

    It does so only to mark methods of optimisers as not to be compiled; where no compiler is loaded they may stand as
    they are.
    """
    if "torch._dynamo" in sys.modules:
        return
    for method in vars(torch.optim.Optimizer).values():
        inner = getattr(method, "__wrapped__", None)
        if inner is not None and not hasattr(inner, "__dynamo_disable"):
            inner.__dynamo_disable = inner


@torch.no_grad()
def take_step(optimizer: torch.optim.Optimizer) -> None:
    """Update the weights by the bare rule of an optimiser of `Optimizer.build`.

    What torch wraps around `step` (profiling, graph breaks) loads its compiler at the first call.
    """
    _prepare(optimizer)
    inspect.unwrap(type(optimizer).step)(optimizer)


def fused(groups: Groups, *devices: str) -> bool | None:
    """True where the one-pass kernels exist, else None: torch's own choice."""
    parameters = [p for group in groups for p in group["params"]]
    return all(p.device.type in devices and p.is_floating_point() for p in parameters) or None


def _prepare(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """What fused kernels silently rely on: gradients laid out as their parameters, and momentum for all or for none."""
    for group in optimizer.param_groups:
        if not group.get("fused"):
            continue
        momentum = isinstance(optimizer, torch.optim.SGD) and group["momentum"] != 0
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            if parameter.grad.stride() != parameter.stride():
                parameter.grad = torch.empty_like(parameter).copy_(parameter.grad)
            if momentum and "momentum_buffer" not in optimizer.state[parameter]:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


@optimizers.register
class SGD(Optimizer):
    """Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013, ICML 28)."""

    kind: Literal["sgd"] = "sgd"
    lr: Rate = 0.1
    momentum: Beta = 0.9
    nesterov: bool = True

    def _build(self, groups: Groups) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            groups,
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov and self.momentum > 0,
            weight_decay=self.weight_decay,
            fused=fused(groups, "cpu", "cuda", "mps"),
        )


@optimizers.register
class Adam(Optimizer):
    """Steps scaled by running moments of the gradient (Kingma & Ba 2015, arXiv 1412.6980)."""

    kind: Literal["adam"] = "adam"
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: Rate = 1e-8

    def _build(self, groups: Groups) -> torch.optim.Optimizer:
        one_pass = fused(groups, "cpu", "cuda", "mps")
        return torch.optim.Adam(
            groups, lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=one_pass
        )


@optimizers.register
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv 1711.05101)."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: Rate = 1e-8
    weight_decay: Decay = 0.01

    def _build(self, groups: Groups) -> torch.optim.Optimizer:
        one_pass = fused(groups, "cpu", "cuda", "mps")
        return torch.optim.AdamW(
            groups, lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=one_pass
        )


@optimizers.register
class RMSprop(Optimizer):
    """Steps scaled by a running root mean square of the gradient (Tieleman & Hinton 2012, lecture 6.5)."""

    kind: Literal["rmsprop"] = "rmsprop"
    alpha: Beta = 0.99
    eps: Rate = 1e-8
    momentum: Beta = 0.0
    centered: bool = False

    def _build(self, groups: Groups) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(
            groups,
            lr=self.lr,
            alpha=self.alpha,
            eps=self.eps,
            momentum=self.momentum,
            centered=self.centered,
            weight_decay=self.weight_decay,
        )


@optimizers.register
class Adagrad(Optimizer):
    """Steps scaled by the sum of all squared gradients so far (Duchi et al. 2011, JMLR 12)."""

    kind: Literal["adagrad"] = "adagrad"
    lr: Rate = 0.01
    eps: Rate = 1e-10

    def _build(self, groups: Groups) -> torch.optim.Optimizer:
        return torch.optim.Adagrad(
            groups, lr=self.lr, eps=self.eps, weight_decay=self.weight_decay, fused=fused(groups, "cpu")
        )


def state_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimiser remembers, by "<parameter>/<entry>"; the tensors themselves, not copies.

    Raises:
        DeepwrightError: an optimiser remembers something that is no tensor.
    """
    found = {}
    for name, parameter, _ in _members(optimizer):
        for entry, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                found[f"{name}/{entry}"] = value.detach()
            elif value is not None:
                raise DeepwrightError(
                    f"{type(optimizer).__name__} keeps '{entry}' of '{name}' as {type(value).__name__}; "
                    "only tensors can be written to a checkpoint."
                )
    return found


def load_state_tensors(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Replace what the optimiser remembers, so that it goes on bit for bit where `state_tensors` was taken.

    Raises:
        RunError: the tensors belong to other parameters.
    """
    entries: dict[str, dict[str, Tensor]] = {}
    for path, value in tensors.items():
        name, _, entry = path.rpartition("/")
        entries.setdefault(name, {})[entry] = value
    members = list(_members(optimizer))
    unknown = sorted(set(entries) - {name for name, _, _ in members})
    if unknown:
        raise RunError(
            f"The checkpoint holds the optimiser's state of '{unknown[0]}', which this network does not train. "
            "It was written by another recipe: start a new run."
        )
    optimizer.state.clear()
    for name, parameter, group in members:
        if name in entries:
            optimizer.state[parameter] = {
                entry: _placed(entry, value, parameter, group) for entry, value in entries[name].items()
            }


def _members(optimizer: torch.optim.Optimizer) -> list[tuple[str, Tensor, dict[str, Any]]]:
    return [
        (name, parameter, group)
        for group in optimizer.param_groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
    ]


def _placed(entry: str, value: Tensor, parameter: Tensor, group: Mapping[str, Any]) -> Tensor:
    """A copy on the device and in the memory format where the optimiser would have made it."""
    if entry == "step":  # torch keeps it on the CPU unless its kernels read it on the device
        device = parameter.device if group.get("fused") or group.get("capturable") else torch.device("cpu")
        return value.detach().to(device, copy=True)
    if value.shape != parameter.shape:
        return value.detach().to(parameter.device, copy=True)
    like = torch.empty_like(parameter, dtype=value.dtype, memory_format=torch.preserve_format, requires_grad=False)
    return like.copy_(value.detach())
