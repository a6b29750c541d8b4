"""The overfitting self-test: what cannot learn eight rows by heart will not learn more.

The recipe's own model, objective and optimiser, without what makes learning harder on purpose (`Config.bare`), train on
eight rows of different targets. Where several players play against each other none of their losses has to fall, so each
learns alone while the others hold still. What does not learn is tried again with other learning rates, so that the hint
names a cause that was seen, not one that is thinkable.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from deepwright import registries
from deepwright.contracts import Network
from deepwright.core.report import Text
from deepwright.core.seeds import derive
from deepwright.data.feed import Feed
from deepwright.draw import Draw
from deepwright.fields import Fields
from deepwright.preparation import Prepared
from deepwright.training.budget import Budget
from deepwright.training.health import all_finite
from deepwright.training.loop import Trainer
from deepwright.training.pace import Pace
from deepwright.verbs.validation import known_rows

__all__ = ["Learnt", "Overfitting", "overfit"]

ROWS = 8
AMONG = 512  # rows that the eight are chosen from
STEPS = 200
FEW = 50  # steps that say nothing
SECONDS = 5.0  # of all the players together; half as long again to look for a cause
LEARNT = 0.02  # of the first loss: enough
NOTHING = 0.01  # a loss that has no way left to fall
ANSWERS, CREATES = 0.5, 0.1  # the share by which the loss has to fall; losses of what creates have a floor of their own
RATES = (0.1, 10.0, 0.01, 100.0)  # times the recipe's learning rate, tried where it does not learn
HUGE = 1e4  # encoded inputs beyond this drown all others


@dataclass(frozen=True)
class Learnt:
    """How one player did.

    Args:
        start, end: the loss before the first step, and at the end (None: no finite number any more).
        moved: whether any weight changed. slope: whether any gradient was not zero.
    """

    player: str
    start: float
    end: float | None
    steps: int
    moved: bool
    slope: bool

    def fell(self, share: float) -> bool:
        """By this share of the first loss or more, or to nothing worth mentioning."""
        return self.end is not None and (0 <= self.end <= NOTHING or self.start - self.end >= share * abs(self.start))


@dataclass(frozen=True)
class Overfitting:
    """What the self-test found. `hint`: the likely cause where a loss did not fall."""

    rows: tuple[int, ...]
    players: tuple[Learnt, ...]
    hint: str | None = None

    def to_dict(self) -> dict[str, Any]:
        players = [{"player": p.player, "start": p.start, "end": p.end, "steps": p.steps} for p in self.players]
        return {"rows": list(self.rows), "fell": self.hint is None, "players": players, "hint": self.hint}

    def block(self) -> Text:
        """A sentence for people."""
        steps = max(player.steps for player in self.players)
        alone = len(self.players) > 1
        said = ", ".join(
            f"{p.player + ' ' if alone else ''}from {p.start:.3g} to {_shown(p.end)}" for p in self.players
        )
        each = "each loss, the other player held still," if alone else "the loss"
        if self.hint is None:
            return Text(f"Can learn: on {len(self.rows)} rows {each} falls {said} in {steps} steps.", "good")
        return Text(f"Does not learn {len(self.rows)} rows by heart ({said} in {steps} steps). {self.hint}", "warning")


def _shown(loss: float | None) -> str:
    return "no number" if loss is None else f"{loss:.3g}"


def overfit(prepared: Prepared) -> Overfitting:
    """Train on eight rows and say whether the loss falls, or why it may not. Ten seconds at most."""
    rows = _chosen(prepared)
    share = CREATES if prepared.task is None else ANSWERS
    with _one_thread():
        test = _Test(prepared, rows)
        count = len(test.trainer().players)
        players = tuple(test.run(number, SECONDS / count) for number in range(count))
        if all(player.fell(share) for player in players):
            return Overfitting(tuple(rows.tolist()), players)
        stuck = next(number for number, player in enumerate(players) if not player.fell(share))
        return Overfitting(tuple(rows.tolist()), players, test.hint(stuck, players[stuck], share))


def _chosen(prepared: Prepared) -> Tensor:
    """Eight training rows whose targets are spread as widely as they can be."""
    rows = prepared.rows("train")
    rows = rows[Draw(prepared.recipe.seed).at("overfit").permutation(len(rows))][:AMONG]
    if prepared.task is None:
        return rows[:ROWS]
    targets = prepared.packed.targets(rows)
    known = known_rows(targets, len(rows))
    rows = rows[known]
    first = next(iter(targets.values())).values[known].flatten(1) if len(rows) else torch.zeros(0, 1)
    order = first.double().sum(1).argsort(stable=True)
    places = torch.linspace(0, len(rows) - 1, min(ROWS, len(rows))).round().long()
    return rows[order[places]]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Eight rows are no work for two."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Test:
    """Trainings on the chosen rows, all from the same start weights."""

    def __init__(self, prepared: Prepared, rows: Tensor):
        self._prepared, self._rows = prepared, rows
        recipe: Any = prepared.recipe
        self._model, self._objective = recipe.model.bare(), recipe.objective.bare()

    def _network(self) -> Network:
        prepared, task = self._prepared, self._prepared.task
        torch.manual_seed(derive(prepared.recipe.seed, "weights"))
        heads, rows = {} if task is None else task.heads, len(prepared.rows("train"))
        network = self._model.build(prepared.features, heads, rows, prepared.recipe.conditions)
        rows = prepared.rows("train")[:5000]
        bias = {} if task is None else task.bias(prepared.packed.targets(rows))
        network.warm(lambda: prepared.packed.batches(rows, 1024), bias)
        return network

    def _usual(self) -> Any:
        """The optimiser that the model recommends."""
        recipe = self._prepared.recipe
        found = recipe.model.recommended(len(self._prepared.rows("train"))).get("optimizer")
        return None if found is None else registries.optimizers.parse(found)

    def trainer(self, optimizer: Any = None) -> Trainer:
        """On the chosen rows, with the recipe's optimiser unless another is given."""
        prepared, recipe = self._prepared, self._prepared.recipe
        network = self._network()
        bound = self._objective.planned(STEPS).bind(prepared.task, prepared.features, network)
        feed = Feed(
            prepared.packed, self._rows, ROWS, derive(recipe.seed, "feed"), order=bound.order, mates=bound.mates
        )
        changes = {
            "budget": Budget(STEPS, "steps"), "micro_batch": None, "average": None, "l1": 0.0, "l2": 0.0,
            "early_stopping": None, "precision": "float32",
            "optimizer": optimizer or recipe.train.optimizer,
        }  # fmt: skip
        trainer = Trainer(network, bound, feed, recipe.train.bare().model_copy(update=changes), Pace(
            Budget(STEPS, "steps"), feed.steps_per_epoch, clock=lambda: 0.0
        ))  # fmt: skip
        trainer.pace.plan()
        return trainer

    def run(self, number: int, seconds: float, optimizer: Any = None) -> Learnt:
        """Let one player learn for so long at most."""
        trainer = self.trainer(optimizer)
        player = trainer.players[number]
        trainer.players = [player]
        before = [weight.detach().clone() for weight in player.parameters.values()]
        until = time.perf_counter() + seconds
        losses: list[float] = []
        slope = False
        for _ in range(STEPS):
            logs = trainer.advance()
            if "loss" not in logs:
                continue  # not this player's turn
            losses.append(float(logs["loss"]))
            slope = slope or any(bool(w.grad.any()) for w in player.parameters.values() if w.grad is not None)
            done = losses[-1] <= LEARNT * losses[0] and len(losses) > 10
            if done or not math.isfinite(losses[-1]) or time.perf_counter() > until:
                break
        after = list(player.parameters.values())
        moved = any(_differs(old, new) for old, new in zip(before, after, strict=True))
        sound = math.isfinite(losses[-1]) and all_finite(after)
        end = median(losses[-10:] if not done else losses[-1:]) if sound else None
        return Learnt(player.player.name, losses[0], end, trainer.step, moved, slope)

    def hint(self, number: int, learnt: Learnt, share: float) -> str:
        """The likely cause why a player does not learn, in words."""
        batch = self._prepared.packed.take(self._rows)
        for cause in (self._twins(batch.inputs, batch.targets), _extreme(batch.inputs), _still(learnt)):
            if cause is not None:
                return cause
        if learnt.steps < FEW and learnt.end is not None:
            return (
                f"There was time for {learnt.steps} steps only, too few to tell: try again when the computer is free."
            )
        own = self._prepared.recipe.train.optimizer
        tries = [own.model_copy(update={"lr": own.lr * rate}) for rate in RATES]
        usual = self._usual()
        tries += [] if usual is None or usual.kind == own.kind else [usual]
        began = time.perf_counter()
        for optimizer in tries:
            if time.perf_counter() - began > SECONDS / 2:
                break
            tried = self.run(number, SECONDS / 2 / len(tries), optimizer)
            if tried.fell(share):
                return _better(own, optimizer, _shown(tried.end))
        return (
            "Other learning rates did not help either. Likely the network is too small or cut off somewhere: try a "
            "larger width or depth, another activation, or the default model (leave --model and --set model.… out)."
        )

    def _twins(self, inputs: Fields, targets: Fields) -> str | None:
        """Rows with the same inputs and different targets."""
        seen: dict[bytes, tuple[int, bytes]] = {}
        for place, row in enumerate(self._rows.tolist()):
            known, wanted = (_bytes(fields, place) for fields in (inputs, targets))
            other = seen.setdefault(known, (row, wanted))
            if other[1] != wanted:
                return (
                    f"Rows {other[0] + 1} and {row + 1} have the same inputs but different targets, and no network can tell "
                    "them apart: add a column that does, or look at the target."
                )
        if len(seen) == 1 and len(self._rows) > 1:
            return "All these rows have the same inputs, so there is nothing to learn from: look at the columns above."
        return None


def _better(own: Any, found: Any, end: str) -> str:
    """The hint that follows from an optimiser with which the loss falls."""
    if found.kind != own.kind:
        return (
            f"With the optimiser '{found.kind}' that this model recommends the loss falls to {end}: leave train.optimizer out, "
            f"or choose other settings for '{own.kind}'."
        )
    word = "high" if found.lr < own.lr else "low"
    return (
        f"The learning rate is too {word}: with {found.lr:.2g} the loss falls to {end}. "
        f"Try --set train.optimizer.lr={found.lr:.2g}"
    )


def _differs(old: Tensor, new: Tensor) -> bool:
    """By more than a millionth of the largest weight."""
    return old.numel() > 0 and bool((new - old).abs().max() > 1e-6 * old.abs().max().clamp_min(1e-6))


def _bytes(fields: Fields, place: int) -> bytes:
    """All that is known of a row."""
    parts = []
    for name in sorted(fields):
        field = fields[name]
        flags = [flag[place] for flag in (field.mask, field.present) if flag is not None]
        parts += [part.cpu().contiguous().numpy().tobytes() for part in (field.values[place], *flags)]
    return b"|".join(parts)


def _extreme(inputs: Fields) -> str | None:
    """An input so large after encoding that it drowns the others."""
    for name, field in inputs.items():
        if field.values.is_floating_point():
            most = float(field.values.abs().max())
            if not most <= HUGE:
                return (
                    f"The input '{name}' reaches {most:.2g} after encoding, where a few units are usual: look for extreme "
                    f"values in it, or leave it out: --ignore '{name}'"
                )
    return None


def _still(learnt: Learnt) -> str | None:
    """Weights that do not move at all."""
    if not learnt.slope:
        return (
            "Every gradient is zero: the network is dead from the start. Units that are never active (another "
            "activation), or a part that is cut off from the loss, are the usual causes."
        )
    if not learnt.moved:
        return "Not one weight moves: the learning rate is far too low. Raise it: --set train.optimizer.lr=0.001"
    return None
