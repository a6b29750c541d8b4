"""The loop: one for every kind of network. It yields events and knows feeds, players, gradient rules and losses only.

    for event in Trainer(network, objective, feed, settings, pace).run():
        ...

State after step s is a function of the recipe, the data and the choices made at the start; it does not matter how often
training was stopped on the way.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from deepwright.contracts import BoundObjective, Network
from deepwright.core.errors import TrainingError
from deepwright.data.feed import Feed
from deepwright.training.averages import Average
from deepwright.training.checkpoint import Checkpoint, Checkpoints
from deepwright.training.distributed import Ranks
from deepwright.training.events import Event, Replanned, Saved, Started, Stepped, Stopped, Validated
from deepwright.training.frozen import frozen_statistics
from deepwright.training.pace import Pace, Segment
from deepwright.training.settings import Train
from deepwright.training.step import PlayerStep
from deepwright.training.stopping import interrupts

__all__ = ["Trainer", "Validation"]


@dataclass(frozen=True)
class Validation:
    """How to judge the network on validation rows: `answer()` gives figures, `primary` is the one that decides.

    `seconds(rows)`: what one `answer()` takes, from answering some of the rows.
    """

    answer: Callable[[], Mapping[str, float]]
    seconds: Callable[[int], float]
    primary: str
    better: Literal["higher", "lower"]

    def improves(self, value: float, best: float | None) -> bool:
        return best is None or math.isnan(best) or (value > best if self.better == "higher" else value < best)


@dataclass
class Trainer:
    """One training.

    Args:
        network: on its device already. objective: bound to it. feed: the training rows.
        settings: complete (optimiser and schedule named). pace: planned, or to be loaded by `resume`.
        choices: what was measured or decided at the start; stored with every checkpoint and obeyed on resume.
    """

    network: Network
    objective: BoundObjective
    feed: Feed
    settings: Train
    pace: Pace
    validation: Validation | None = None
    checkpoints: Checkpoints | None = None
    ranks: Ranks = field(default_factory=Ranks)
    choices: dict[str, Any] = field(default_factory=dict)
    step: int = 0

    def __post_init__(self) -> None:
        self.players = [
            PlayerStep(player, self.network, self.objective, self.settings, self.ranks)
            for player in self.objective.players()
        ]
        self.average = None if self.settings.ema is None else Average(self.network, self.settings.ema)
        self.best: dict[str, Tensor] | None = None
        self._best_value: float | None = None
        self._bad = 0
        self._sums: dict[str, Tensor] = {}
        self._summed = 0
        self._saved_at = self.pace.clock()
        self._save_cost = 0.0
        self._validation_seconds = float(self.choices.get("validation_seconds", 0.0))

    def run(self) -> Iterator[Event]:
        """Train to the end of the budget; the network then holds the weights to keep.

        Raises:
            TrainingError: the loss is not a number any more.
        """
        self.choices.setdefault("log_every", max(1, self.pace.total // 200))
        yield Started(self.step, self.pace.total, self.pace.clock(), dict(self.choices))
        self.pace.start(self.step)
        reason: Literal["budget", "early stopping", "interrupted", "deadline"] = "budget"
        with interrupts() as asked:
            while self.step < self.pace.total:
                self.advance()
                yield from self._after_step()
                if self._stop_early():
                    reason = "early stopping"
                    break
                if self.ranks.agree(float(asked.is_set())):
                    reason = "interrupted"
                    break
                if self.ranks.agree(float(self.pace.overdue(self.reserve))):
                    reason = "deadline"
                    break
        if reason == "interrupted" or self._saved_step != self.step:
            yield from self._save()
        self.keep_best()
        yield Stopped(self.step, self.pace.total, self.pace.clock(), reason)

    _saved_step = -1

    @property
    def reserve(self) -> float:
        """Seconds to keep for what comes after the last step."""
        return float(self.choices.get("reserve", 0.0))

    def advance(self) -> None:
        """One step of every player whose turn it is."""
        self.network.train()
        fraction = self.pace.fraction(self.step)
        rate = self.settings.schedule.factor(fraction) if self.settings.schedule else 1.0
        batch = self.feed.at(self.step)
        logs: dict[str, Tensor] = {}
        for player in self.players:
            if self.step % player.player.every == 0:
                new = player.run(self.feed, batch, self.step, rate)
                prefix = "" if len(self.players) == 1 else f"{player.player.name}_"
                logs |= {f"{prefix}{name}": value for name, value in new.items()}
        if self.average is not None:
            self.average.update(self.step)
        self.objective.after_step(self.step, logs)
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._summed += 1
        self.step += 1

    def _after_step(self) -> Iterator[Event]:
        step, last = self.step, self.step >= self.pace.total
        validate = self._validation_due() and self.validation is not None
        if validate or last or step % self.choices["log_every"] == 0:
            yield self._stepped()
        if validate:
            yield self._validate()
        segment = self._replan() if self.ranks.count == 1 else self._agreed_replan()
        if segment is not None:
            yield Replanned(segment.step, segment.fraction, segment.total, self.pace.clock())
        if self._save_due():
            yield from self._save()

    def _replan(self) -> Segment | None:
        """Plan anew if steps have become slower or faster; what validations still to come will take is kept for them."""
        ahead = self._validations - math.floor(self.pace.fraction(self.step) * self._validations + 1e-9)
        return self.pace.replan(self.step, self.reserve + max(0, ahead - 1) * self._validation_seconds)

    def _agreed_replan(self) -> Segment | None:
        """Rank 0 looks at the clock, all follow."""
        segment = self._replan() if self.ranks.rank == 0 else None
        total = int(self.ranks.agree(float(segment.total if segment else -1)))
        if total >= 0 and segment is None:
            segment = self.pace.follow(self.step, total)
        return segment

    def _stepped(self) -> Stepped:
        means = {name: float(value) / max(1, self._summed) for name, value in self._sums.items()}
        loss = means.pop("loss", next(iter(means.values()), 0.0))
        self._sums, self._summed = {}, 0
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} at step {self.step}. Usual causes: a learning rate that is too high "
                "(--set train.optimizer.lr=…, a tenth of it), or extreme values in a column (see `deepwright inspect`)."
            )
        seconds = self.pace.clock()
        return Stepped(self.step, self.pace.total, seconds, loss, self._eta(seconds), means)

    def _eta(self, seconds: float) -> float:
        if self.pace.timed:
            return max(0.0, self.pace.budget.amount - seconds)
        first, began = self.pace.began
        return (seconds - began) / max(1, self.step - first) * (self.pace.total - self.step)

    def _validation_due(self) -> bool:
        """At every 1/n of the budget, at most once an epoch, and at the end."""
        before, now = (math.floor(self.pace.fraction(s) * self._validations + 1e-9) for s in (self.step - 1, self.step))
        return now > before or self.step >= self.pace.total

    @property
    def _validations(self) -> int:
        """How many there are in all."""
        return int(self.choices.get("validations", self.settings.validations))

    def _validate(self) -> Validated:
        assert self.validation is not None
        began = self.pace.clock()
        with frozen_statistics(self.network), torch.inference_mode(), self._averaged():
            figures = dict(self.validation.answer())
        self._validation_seconds = self.pace.clock() - began
        self.pace.set_aside(self._validation_seconds)
        value = figures[self.validation.primary]
        better = self.validation.improves(value, self._best_value)
        self._bad = 0 if better else self._bad + 1
        if better:
            self._best_value = value
            kept = self.average.tensors if self.average else self.network.state_dict()
            self.best = {name: tensor.detach().clone() for name, tensor in kept.items()}
        epoch = self.step / self.feed.steps_per_epoch
        return Validated(self.step, self.pace.total, self.pace.clock(), figures, better, epoch)

    def _averaged(self) -> Any:
        return self.average.applied() if self.average else nullcontext()

    def _stop_early(self) -> bool:
        stopping = self.settings.early_stopping
        return stopping is not None and self.step < self.pace.total and self._bad >= stopping.patience

    def keep_best(self) -> None:
        """Put the weights to keep into the network: best on validation, else the average, else as they are."""
        kept = self.best or (self.average.tensors if self.average else None)
        if kept is not None:
            self.network.load_state_dict(kept)

    def _save_due(self) -> bool:
        """By the clock: when a checkpoint is written changes nothing that is computed."""
        if self.checkpoints is None or self.ranks.rank:
            return False
        wait = max(self.settings.checkpoint_seconds, 30 * self._save_cost)
        return self.pace.clock() - self._saved_at >= wait

    def _save(self) -> Iterator[Event]:
        if self.checkpoints is None or self.ranks.rank:
            return
        if self._sums:
            yield self._stepped()  # also makes sure that no broken state is ever saved
        began = self.pace.clock()
        self.checkpoints.save(self.checkpoint())
        self._saved_at, self._saved_step = self.pace.clock(), self.step
        self._save_cost = self._saved_at - began
        self.pace.set_aside(self._save_cost)
        yield Saved(self.step, self._saved_at)

    def checkpoint(self) -> Checkpoint:
        """The whole state after `step` steps."""
        groups: dict[str, Mapping[str, Tensor]] = {"weights": self.network.state_dict()}
        groups |= {f"optimizer/{p.player.name}": p.state() for p in self.players}
        if self.average:
            groups["average"] = self.average.tensors
        if self.best is not None:
            groups["best"] = self.best
        own = self.objective.state()
        groups["objective"] = {name: value for name, value in own.items() if isinstance(value, Tensor)}
        tensors = {f"{group}/{name}": tensor for group, members in groups.items() for name, tensor in members.items()}
        values = {
            "pace": self.pace.state(), "choices": self.choices, "bad": self._bad, "best_value": self._best_value,
            "objective": {name: value for name, value in own.items() if not isinstance(value, Tensor)},
        }  # fmt: skip
        return Checkpoint(self.step, tensors, values)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take the state of a checkpoint; the next step is `checkpoint.step`."""
        self.network.load_state_dict(checkpoint.under("weights"))
        for player in self.players:
            player.load(checkpoint.under(f"optimizer/{player.player.name}"))
        if self.average:
            self.average.tensors = checkpoint.under("average")
        self.best = checkpoint.under("best") or None
        values = checkpoint.values
        self._bad, self._best_value = values["bad"], values["best_value"]
        self.choices = dict(values["choices"])
        self.objective.load({**values["objective"], **checkpoint.under("objective")})
        self.pace.load(values["pace"])
        self.step = self._saved_step = checkpoint.step
