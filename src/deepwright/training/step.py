"""One step of one player: from a batch to new weights. Only this file reduces losses.

The gradient is that of  Σ w·value / W + penalty,  with W = Σ w over the whole batch and all ranks, known before any
forward. Hence a batch cut into pieces, or spread over ranks, gives the same gradient.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from deepwright.contracts import BoundObjective, Network, Player
from deepwright.core.seeds import derive
from deepwright.data.feed import Feed
from deepwright.draw import Draw, default_generators
from deepwright.fields import Batch
from deepwright.training.distributed import Ranks
from deepwright.training.frozen import kept_buffers
from deepwright.training.gradients import PlainGradient, RowLoss, full_precision
from deepwright.training.optimizers import load_state_tensors, parameter_groups, state_tensors, take_step
from deepwright.training.settings import Train

__all__ = ["PlayerStep", "native_half"]


class PlayerStep:
    """Updates the weights of one player."""

    def __init__(self, player: Player, network: Network, objective: BoundObjective, settings: Train, ranks: Ranks):
        self.player, self.network, self.objective = player, network, objective
        self._settings, self._ranks = settings, ranks
        self.parameters = {
            name: p for name, p in network.named_parameters() if name.startswith(player.parameters) and p.requires_grad
        }
        self._rule = player.gradient or PlainGradient()
        self._row_loss = RowLoss(network, objective, player.name, precision(network, objective, settings))
        optimizer = player.optimizer or settings.optimizer
        groups = parameter_groups(network, list(self.parameters), settings.l2, network.factors)
        self.optimizer: torch.optim.Optimizer = optimizer.build(groups)
        self._start_rates = [group["lr"] for group in self.optimizer.param_groups]

    @property
    def learning_rate(self) -> float:
        """That of the last step, of the first group of weights."""
        return float(self.optimizer.param_groups[0]["lr"])

    def run(self, feed: Feed, batch: Batch, step: int, rate: float) -> dict[str, Tensor]:
        """One update at `rate` times the start learning rate; the step's mean loss and logs, over all ranks."""
        for group, start in zip(self.optimizer.param_groups, self._start_rates, strict=True):
            group["lr"] = start * rate
        self.optimizer.zero_grad(set_to_none=True)
        draw = Draw(feed.seed, step, device=batch.row.device).of(self.player.name)
        with only_these(self.network, self.parameters, self.player.parameters != ""):
            if self.objective.coupled and (self._ranks.count > 1 or self._pieces(batch) > 1):
                logs = self._two_passes(feed, batch, step, draw)
            else:
                logs = self._one_pass(feed, batch, step, draw)
        self._reduce(logs)
        self._rule.finish(self.parameters, step, feed.size)
        if self._settings.clip is not None:
            nn.utils.clip_grad_norm_(self.parameters.values(), self._settings.clip)
        take_step(self.optimizer)
        return logs

    def _pieces(self, batch: Batch) -> int:
        size = self._settings.micro_batch or max(1, len(batch))
        return -(-len(batch) // size)

    def _split(self, batch: Batch) -> Iterable[Batch]:
        return [batch] if self._pieces(batch) <= 1 else batch.split(self._settings.micro_batch or 1)

    def _one_pass(self, feed: Feed, batch: Batch, step: int, draw: Draw) -> dict[str, Tensor]:
        if self._rule.expected_size:
            total = torch.tensor(float(feed.size), device=batch.row.device)
        else:
            total = self._ranks.sum(self.objective.weight(self.player.name, batch).sum()).clamp_min(1e-12)
        rows = max(1, len(batch)) * self._ranks.count
        sums: dict[str, Tensor] = {"loss": torch.zeros((), device=batch.row.device)}
        for number, piece in enumerate(self._split(batch)):
            default_generators(derive(feed.seed, step, self.player.name, self._ranks.rank, number))
            value, logs = self._rule.add(self._row_loss, piece, draw, 1.0 / total)
            for name, part in {"loss": value, **{k: v / rows for k, v in logs.items()}}.items():
                sums[name] = sums.get(name, 0.0) + part
        self._weigh(sums)
        return sums

    def _weigh(self, sums: dict[str, Tensor]) -> None:
        """Add the gradient of what belongs to the weights alone: L1 (once, shared by the ranks)."""
        if not self._settings.l1:
            return
        penalty = sum(p.abs().sum() for p in self.parameters.values()) * (self._settings.l1 / self._ranks.count)
        penalty.backward()
        sums["loss"] = sums["loss"] + penalty.detach()

    def _two_passes(self, feed: Feed, batch: Batch, step: int, draw: Draw) -> dict[str, Tensor]:
        """GradCache (Gao et al. 2021, arXiv 2101.06983): a loss over all rows, forwards over pieces.

        First all representations without a graph; the loss of the whole batch gives their gradients; then every piece
        is represented again, with the same draws, and these gradients flow into the weights.
        """
        pieces = list(self._split(batch))
        with torch.no_grad(), kept_buffers(self.network):
            parts = [self._represent(piece, feed, step, number, draw) for number, piece in enumerate(pieces)]
        own = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        everywhere = {name: self._ranks.gather(value).detach().requires_grad_() for name, value in own.items()}
        whole = feed.at(step, whole=True)
        loss = self.objective.loss(self.player.name, everywhere, whole, draw.keyed(whole.position))
        value = loss.value
        if value.dim():
            weight = self.objective.weight(self.player.name, whole)
            value = (value * weight).sum() / weight.sum().clamp_min(1e-12)
        gradients = dict(zip(everywhere, torch.autograd.grad(value, list(everywhere.values())), strict=True))
        start = int(batch.position[0]) if len(batch) else 0
        for number, piece in enumerate(pieces):
            reps = self._represent(piece, feed, step, number, draw)
            stop = start + len(piece)
            torch.autograd.backward([reps[n] for n in reps], [gradients[n][start:stop] for n in reps])
            start = stop
        logs = {"loss": value.detach() / self._ranks.count}
        self._weigh(logs)
        return logs | {name: part.detach() / self._ranks.count for name, part in loss.logs.items()}

    def _represent(self, piece: Batch, feed: Feed, step: int, number: int, draw: Draw) -> dict[str, Tensor]:
        default_generators(derive(feed.seed, step, self.player.name, self._ranks.rank, number))
        with self._row_loss.precision():
            reps = self.objective.represent(self.player.name, self.network, piece, draw.keyed(piece.position))
        return full_precision(reps)

    def pass_over(self, feed: Feed, step: int) -> None:
        """Represent the batch of a step, for what that leaves in running statistics."""
        batch = feed.at(step)
        draw = Draw(feed.seed, step, device=batch.row.device).of(self.player.name)
        for number, piece in enumerate(self._split(batch)):
            self._represent(piece, feed, step, number, draw)

    def _reduce(self, logs: dict[str, Tensor]) -> None:
        """Sum gradients and logs over the ranks."""
        if self._ranks.count == 1:
            return
        for parameter in self.parameters.values():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self._ranks.sum_all([p.grad for p in self.parameters.values() if p.grad is not None])
        self._ranks.sum_all([logs[name] for name in sorted(logs)])

    def state(self) -> dict[str, Tensor]:
        return state_tensors(self.optimizer)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        load_state_tensors(self.optimizer, tensors)


class only_these(AbstractContextManager[None]):
    """Gradients for one player's weights only, while it steps."""

    def __init__(self, network: nn.Module, parameters: Mapping[str, nn.Parameter], needed: bool):
        self._others = [p for name, p in network.named_parameters() if name not in parameters] if needed else []

    def __enter__(self) -> None:
        self._before = [p.requires_grad for p in self._others]
        for parameter in self._others:
            parameter.requires_grad_(False)

    def __exit__(self, *_: Any) -> None:
        for parameter, before in zip(self._others, self._before, strict=True):
            parameter.requires_grad_(before)


def precision(network: nn.Module, objective: BoundObjective, settings: Train) -> Any:
    """A factory of autocast contexts for the network's forward."""
    device = next((p.device.type for p in network.parameters()), "cpu")
    wanted = settings.precision
    if wanted == "auto":
        wanted = "bfloat16" if getattr(network, "half", False) and native_half(device) else "float32"
    if wanted == "float32":
        return nullcontext
    return lambda: torch.autocast(device, torch.bfloat16)


def native_half(device: str) -> bool:
    """Whether the device computes in bfloat16 itself, instead of imitating it slowly."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(False)
    asked = [getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")]
    return device == "cpu" and any(ask is not None and ask() for ask in asked)
