"""The loop: one for every kind of network. It yields events and knows feeds, players, gradient rules and losses only.

    for event in Trainer(network, objective, feed, settings, pace).run():
        ...

State after step s is a function of the recipe, the data and the choices made at the start; it does not matter how often
training was stopped on the way.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from deepwright.contracts import BoundObjective, Network
from deepwright.core.errors import TrainingError
from deepwright.data.feed import Feed
from deepwright.training.averages import copied, weights
from deepwright.training.checkpoint import Checkpoint, Checkpoints, paths
from deepwright.training.choosing import compare
from deepwright.training.distributed import Ranks
from deepwright.training.events import Chosen, Event, Replanned, RolledBack, Saved, Started, Stepped, Stopped, Validated
from deepwright.training.frozen import frozen_statistics
from deepwright.training.health import RATE, Health, all_finite, causes
from deepwright.training.judging import Validation
from deepwright.training.pace import Pace, Segment
from deepwright.training.settings import Train
from deepwright.training.snapshot import copied_state, put_back, state_of
from deepwright.training.step import PlayerStep
from deepwright.training.stopping import interrupts
from deepwright.training.threads import Threads
from deepwright.training.watching import Watcher

__all__ = ["Trainer"]

SAVE_SHARE = 50  # times its own cost lie between two checkpoints: at most 2 % of the training go into them
Reason = Literal["budget", "early stopping", "interrupted", "deadline"]


@dataclass
class Trainer:
    """One training.

    Args:
        network: on its device already. objective: bound to it. feed: the training rows.
        settings: complete (optimiser and schedule named). pace: planned, or to be loaded by `resume`.
        choices: what was measured or decided at the start; stored with every checkpoint and obeyed on resume.
        threads: how many compute, where that may change or be followed. watcher: looks at more than losses, and may act.
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
    threads: Threads | None = None
    watcher: Watcher | None = None

    def __post_init__(self) -> None:
        self.players = [
            PlayerStep(player, self.network, self.objective, self.settings, self.ranks)
            for player in self.objective.players()
        ]
        self.average = None if self.settings.average is None else self.settings.average.build(self.network)
        self.best: dict[str, Tensor] | None = None
        self.best_value: float | None = None
        self._bad = 0
        self._sums: dict[str, Tensor] = {}
        self._summed = 0
        self.health, self.rate = Health(), 1.0  # rate: of the recipe's learning rate, halved by a roll-back
        self._gone_back: int | None = None  # the step of the roll-back
        self._saved_at = self.pace.clock()
        self._save_cost = 0.0
        self._validation_seconds = float(self.choices.get("validation_seconds", 0.0))
        self._watch_seconds = 0.0
        self._healthy = copied_state(self)  # what a roll-back goes back to; the start weights at first

    def run(self) -> Iterator[Event]:
        """Train to the end of the budget; the network then holds the weights to keep.

        Raises:
            TrainingError: the loss left for good, and again after a roll-back; `best` is then what can be kept.
        """
        self.choices.setdefault("log_every", max(1, self.pace.total // 200))
        if self.step == 0:
            yield Started(self.step, self.pace.total, self.pace.clock(), dict(self.choices))
        self.pace.start(self.step)
        with interrupts() as asked:
            while (reason := self._over(asked.is_set)) is None:
                began = self.pace.clock()
                self.advance()
                yield from self._after_step(self.pace.clock() - began)
        if reason == "deadline" and self._sums:
            yield from self._look(deep=True)  # it may have come between two looks
        if reason == "interrupted" or self._saved_step != self.step:
            yield from self._save()
        if reason == "interrupted":
            self.keep_best()
        else:
            yield from self._keep()
        yield Stopped(self.step, self.pace.total, self.pace.clock(), reason)

    _saved_step = -1

    def _over(self, interrupted: Callable[[], bool]) -> Reason | None:
        """Why training is over, None while it is not; asked before a step, so that it is the same after a resume."""
        if self.step >= self.pace.total:
            return "budget"
        if self.step == 0:
            return None
        if self._stop_early():
            return "early stopping"
        if (ended := self.pace.ended(self.step)) is not None:
            return ended
        if self.ranks.agree(float(interrupted())):
            return "interrupted"
        return "deadline" if self.ranks.agree(float(self.pace.overdue(self.reserve))) else None

    @property
    def reserve(self) -> float:
        """Seconds to keep for what comes after the last step."""
        compared = 0 if self.settings.average is None else self.settings.average.compared
        after = compared * self._validation_seconds + self._watch_seconds + self._save_cost
        return float(self.choices.get("reserve", 0.0)) + after

    def advance(self) -> Mapping[str, Tensor]:
        """One step of every player whose turn it is; its losses and logs."""
        self.network.train()
        fraction = self.pace.fraction(self.step)
        rate = self._factor(fraction) * self.rate
        self.objective.progress(fraction)
        batch = self.feed.at(self.step)
        logs: dict[str, Tensor] = {}
        for player in self.players:
            if self.step % player.player.every == 0:
                new = player.run(self.feed, batch, self.step, rate)
                prefix = "" if len(self.players) == 1 else f"{player.player.name}_"
                logs |= {f"{prefix}{name}": value for name, value in new.items()}
        if self.average is not None:
            self.average.update(self.step, fraction, self.pace.fraction(self.step + 1))
        self.objective.after_step(self.step, logs)
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._summed += 1
        self.step += 1
        return logs

    def _factor(self, fraction: float) -> float:
        """Of the recipe's learning rate, at a fraction of the budget."""
        schedule, average = self.settings.schedule, self.settings.average
        factor = (lambda _: 1.0) if schedule is None else schedule.factor
        return factor(fraction) if average is None else average.rate(factor, fraction)

    def _after_step(self, seconds: float) -> Iterator[Event]:
        """Args: seconds: what the step took."""
        step, due = self.step, self._validation_due()
        if step == 1:
            self.health.begin(self._losses(self._means()))
        if due or step % self.choices["log_every"] == 0:
            yield from self._look(deep=due)
        if self.watcher is not None:
            yield from self.watcher.each(self)
        segment = self._replan() if self.ranks.count == 1 else self._agreed_replan()
        if segment is not None:
            yield Replanned(segment.step, segment.fraction, segment.total, self.pace.clock())
        if self.threads is not None:
            yield from self.threads.changes(step, seconds)
        if self._save_due():
            yield from self._save()

    def _look(self, deep: bool) -> Iterator[Event]:
        """Read the losses; go on, or back.

        All of it happens at steps that do not depend on the clock, so that a roll-back gives the same network each time.

        Args:
            deep: look at the weights too, validate, and keep the state as one to go back to.
        """
        means = self._means()
        wrong = self.health.look(self._losses(means))
        if wrong is None and deep and not self._sound():
            wrong = "weights are not finite any more"
        wrong = self.ranks.word(wrong or "")
        if wrong:
            yield from self._roll_back(wrong)
            return
        yield self._stepped(means)
        if deep and self.validation is not None:
            yield self._validate()
        if deep and self.watcher is not None:
            began = self.pace.clock()
            yield from self.watcher.look(self)
            self._watch_seconds = self.pace.clock() - began
            self.pace.set_aside(self._watch_seconds)
        if deep and self.health.calm and (self.watcher is None or self.watcher.calm):
            self._healthy = copied_state(self)

    def _roll_back(self, reason: str) -> Iterator[Event]:
        """Put the last healthy state back and go on from this step at half the rate; the second time, give up.

        The step is not turned back: the same batches would come again, and a budget of steps would not hold.
        """
        seconds = self.pace.clock()
        if self._gone_back is not None:
            yield Stopped(self.step, self.pace.total, seconds, "diverged")
            raise TrainingError(
                f"At step {self.step} {reason}, as before at step {self._gone_back}, although half the learning rate was "
                f"used since. Training was given up. {causes(self.settings)}"
            )
        put_back(self, self._healthy)
        self._sums, self._summed = {}, 0
        self.health.calm_down()
        self.rate, self._gone_back = RATE, self.step
        yield RolledBack(self.step, self.pace.total, seconds, self._healthy.step, reason, self.rate)

    def go_back(self) -> int:
        """Put the last healthy state back because the watcher says so; the step it is of."""
        put_back(self, self._healthy)
        self._sums, self._summed = {}, 0
        self.health.calm_down()
        return self._healthy.step

    def _sound(self) -> bool:
        """Whether sums, weights, optimisers and averages hold finite numbers only."""
        average = self.average.state()[0] if self.average else {}
        remembered = [value for player in self.players for value in player.state().values()]
        return all_finite([*self._sums.values(), *self.network.parameters(), *remembered, *average.values()])

    def _replan(self) -> Segment | None:
        """Plan anew if steps have become slower or faster; what validations still to come will take is kept for them."""
        ahead = self._validations - math.floor(self.pace.fraction(self.step) * self._validations + 1e-9)
        looks = max(0, ahead - 1) * (self._validation_seconds + self._watch_seconds)
        return self.pace.replan(self.step, self.reserve + looks)

    def _agreed_replan(self) -> Segment | None:
        """Rank 0 looks at the clock, all follow."""
        segment = self._replan() if self.ranks.rank == 0 else None
        total = int(self.ranks.agree(float(segment.total if segment else -1)))
        if total >= 0 and segment is None:
            segment = self.pace.follow(self.step, total)
        return segment

    @property
    def mean_loss(self) -> float:
        """Since the last report of steps; of several players the first one's."""
        return next(iter(self._losses(self._means()).values()), math.nan)

    def _means(self) -> dict[str, float]:
        """The losses and logs of the steps since the last look, on average."""
        return {name: float(value) / max(1, self._summed) for name, value in self._sums.items()}

    def _losses(self, means: Mapping[str, float]) -> dict[str, float]:
        """The players' losses among them."""
        names = ["loss"] if len(self.players) == 1 else [f"{player.player.name}_loss" for player in self.players]
        return {name: means[name] for name in names if name in means}

    def _stepped(self, means: dict[str, float]) -> Stepped:
        loss = means.pop("loss", next(iter(means.values()), 0.0))
        self._sums, self._summed = {}, 0
        seconds = self.pace.clock()
        rate = self.players[0].learning_rate
        return Stepped(self.step, self.pace.total, seconds, loss, self._eta(seconds), means, rate)

    def _eta(self, seconds: float) -> float:
        """Seconds until the last step; of a wall-clock budget no more than is left of it (steps may end before)."""
        first, began = self.pace.began
        measured = (seconds - began) / max(1, self.step - first) * (self.pace.total - self.step)
        return min(measured, max(0.0, self.pace.budget.amount - seconds)) if self.pace.timed else measured

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
        with weights(self.network, self.live):
            figures = self.figures()
        self._validation_seconds = self.pace.clock() - began
        self.pace.set_aside(self._validation_seconds)
        value = figures[self.validation.primary]
        better = self.validation.improves(value, self.best_value)
        self._bad = 0 if better else self._bad + 1
        if better:
            self.best_value = value
            kept = self.live or self.network.state_dict()
            self.best = copied(kept)
        epoch = self.step / self.feed.steps_per_epoch
        expected = self.validation.expected(self.pace.fraction(self.step), figures)
        return Validated(self.step, self.pace.total, self.pace.clock(), figures, better, epoch, expected)

    @property
    def live(self) -> Mapping[str, Tensor] | None:
        """Averaged weights, where they are those that count during training."""
        return self.average.live if self.average else None

    def figures(self) -> dict[str, float]:
        """Those of the network as it is, on validation rows; the one that decides is the first rank's."""
        assert self.validation is not None
        with frozen_statistics(self.network), torch.inference_mode():
            figures = dict(self.validation.answer())
        return {**figures, self.validation.primary: self.ranks.agree(figures[self.validation.primary])}

    @property
    def _curve(self) -> list[tuple[float, float]]:
        """Of the figure that is forecast, so far."""
        return self.validation.forecast.points if self.validation and self.validation.forecast else []

    def _stop_early(self) -> bool:
        stopping = self.settings.early_stopping
        return stopping is not None and self.step < self.pace.total and self._bad >= stopping.patience

    def keep_best(self) -> None:
        """Put the weights to keep into the network: best on validation, else the average, else as they are."""
        if self.best is None and not self._sound():
            put_back(self, self._healthy)  # stopped between two looks
        kept = self.best or self.live
        if kept is not None:
            self.network.load_state_dict(kept)

    def _keep(self) -> Iterator[Event]:
        """The same; of averages and the weights themselves what is best on validation."""
        last = copied(self.network.state_dict())
        self.keep_best()
        choice = None if self.average is None or self.validation is None else compare(self, last)
        if choice is not None:
            assert self.validation is not None
            self.network.load_state_dict(choice.tensors)
            seconds, figure = self.pace.clock(), self.validation.primary
            yield Chosen(self.step, self.pace.total, seconds, choice.kept, figure, choice.figures)

    def _save_due(self) -> bool:
        """By the clock: when a checkpoint is written changes nothing that is computed."""
        if self.checkpoints is None or self.ranks.rank:
            return False
        wait = max(self.settings.checkpoint_seconds, SAVE_SHARE * self._save_cost)
        return self.pace.clock() - self._saved_at >= wait

    def _save(self) -> Iterator[Event]:
        """Write a checkpoint, unless the state is broken: then the next look goes back, and so will a resumed run."""
        if self.checkpoints is None or self.ranks.rank:
            return
        began = self.pace.clock()
        if self._sound():
            self.checkpoints.save(self.checkpoint())
            self._saved_step = self.step
        self._saved_at = self.pace.clock()
        self._save_cost = self._saved_at - began
        self.pace.set_aside(self._save_cost)
        if self._saved_step == self.step:
            yield Saved(self.step, self._saved_at, self._save_cost)

    def checkpoint(self) -> Checkpoint:
        """The whole state after `step` steps."""
        state, healthy, best = state_of(self), self._healthy, self.best_value
        groups = {"best": self.best or {}, "sums": self._sums, "healthy": healthy.tensors}
        values = {
            **state.values, "pace": self.pace.state(), "choices": self.choices,
            "threads": None if self.threads is None else self.threads.count, "bad": self._bad,
            "best_value": best if best is not None and math.isfinite(best) else None,  # else there is nothing to beat
            "curve": self._curve, "summed": self._summed, "health": self.health.state(), "rate": self.rate,
            "gone_back": self._gone_back, "watcher": None if self.watcher is None else self.watcher.state(), "healthy": {"step": healthy.step, **healthy.values},
        }  # fmt: skip
        return Checkpoint(self.step, {**state.tensors, **paths(groups)}, values)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take the state of a checkpoint; the next step is `checkpoint.step`."""
        put_back(self, checkpoint)
        values = checkpoint.values
        self.best = checkpoint.under("best") or None
        self._bad, self.best_value = values["bad"], values["best_value"]
        self._sums, self._summed = checkpoint.under("sums"), values["summed"]
        self.health.load(values["health"])
        self.rate, self._gone_back = values["rate"], values["gone_back"]
        self._healthy = Checkpoint(values["healthy"]["step"], checkpoint.under("healthy"), values["healthy"])
        if self.watcher is not None and values.get("watcher") is not None:
            self.watcher.load(values["watcher"])
        self._curve[:] = [(fraction, value) for fraction, value in values["curve"]]
        self.choices = dict(values["choices"])
        self.pace.load(values["pace"])
        self.step = self._saved_step = checkpoint.step
