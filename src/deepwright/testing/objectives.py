"""What every objective promises, in the loop that trains everything.

objectives.suite(Contrast)                    # with every registered model it can be bound to
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

import deepwright.models
import deepwright.tasks
import deepwright.training.muon
import deepwright.training.optimizers
import deepwright.training.schedules  # noqa: F401  registers the kinds
from deepwright import registries
from deepwright.contracts import BoundObjective, FittedFeature, FittedTask, Network
from deepwright.core.errors import Refused
from deepwright.data.feed import Feed
from deepwright.data.pack import Packed, from_fields
from deepwright.draw import Draw
from deepwright.fields import Batch
from deepwright.testing import samples
from deepwright.testing.fields import expect
from deepwright.testing.models import SETS, fitted_columns
from deepwright.testing.settings import check_sentence, check_settings, json_round, variants
from deepwright.training.checkpoint import Checkpoint
from deepwright.training.loop import Trainer
from deepwright.training.pace import Pace
from deepwright.training.settings import Train

__all__ = ["CHECKS", "Case", "cases", "suite"]

BATCH = 12
_SETS = ("plain", "picture", "picture and plain")


@dataclass(frozen=True)
class Case:
    """An objective bound to a model, inputs and (where the model answers) a task."""

    settings: Any
    model: Any
    features: Mapping[str, FittedFeature]
    task: FittedTask | None
    packed: Packed
    name: str

    def network(self) -> Network:
        """Fresh, the same each time, with start values from the data."""
        torch.manual_seed(2)
        network = self.model.build(self.features, {} if self.task is None else self.task.heads, 500)
        rows = torch.arange(self.packed.rows)
        bias = {} if self.task is None else self.task.bias(self.packed.take(rows).targets)
        network.warm(lambda: self.packed.batches(rows, 16), bias)
        return network

    def bind(self, network: Network) -> BoundObjective:
        return self.settings.bind(self.task, self.features, network)

    def trainer(self, micro: int | None = None, steps: int = 4) -> Trainer:
        network = self.network()
        bound = self.bind(network)
        feed = Feed(self.packed, torch.arange(self.packed.rows), BATCH, seed=3, order=bound.order, mates=bound.mates)
        sgd, constant = registries.optimizers.get("sgd")(lr=0.005), registries.schedules.get("constant")()  # type: ignore[call-arg]
        train = Train.model_validate(
            {
                "budget": f"{steps}steps",
                "micro_batch": micro,
                "optimizer": sgd,
                "schedule": constant,
                "precision": "float32",
                "clip": 1.0,  # squared losses of two players run away from each other in plain steps
            }
        )
        pace = Pace(train.budget, feed.steps_per_epoch, clock=lambda: 0.0)
        pace.plan()
        return Trainer(network, bound, feed, train, pace)

    @cached_property
    def couples_rows(self) -> bool:
        return self.network().couples_rows

    def __str__(self) -> str:
        changed = {n: v for n, v in self.settings if n != "kind" and v != type(self.settings).model_fields[n].default}
        return f"{self.settings.kind} {self.model.kind} {self.name}" + "".join(f" {n}={v}" for n, v in changed.items())


def cases(kind: type[Any], models: Sequence[type[Any]]) -> Iterator[Case]:
    """Every option of an objective with every model and set of inputs it can be bound to; refusals are sentences."""
    task_kind = registries.tasks.get("classify")
    frame = samples.targets()["many labels"]
    task = task_kind().fit(task_kind().summarise(frame), frame.columns)  # type: ignore[attr-defined]
    for name in _SETS:
        features = fitted_columns(SETS[name])
        inputs = {n: feature.encode(samples.columns()[n]) for n, feature in features.items()}
        for model in models:
            own = task if model.learns == "target" else None
            packed = from_fields(inputs, {} if own is None else own.encode(frame))
            for settings in (kind(), *variants(kind())):
                case = Case(settings, _apart(model, features, own), features, own, packed, name)
                try:
                    case.bind(case.network())
                except Refused as error:
                    check_sentence(error)
                    continue
                yield case


def _apart(model: type[Any], features: Mapping[str, FittedFeature], task: FittedTask | None) -> Any:
    """Settings of a model under which rows do not meet, where it has such: then a split batch must learn the same."""
    for settings in (model(), *variants(model())):
        try:
            network = settings.build(features, {} if task is None else task.heads, 500)
        except Refused:
            return model()
        if not network.couples_rows:
            return settings
    return model()


def suite(kind: type[Any], models: Sequence[type[Any]] | None = None) -> None:
    """All checks with all models the objective can be bound to; at least one.

    Raises:
        AssertionError: a promise is broken.
    """
    check_settings(kind)
    found = list(cases(kind, list(registries.models) if models is None else models))
    expect(found, f"{kind.__name__} can be bound to no model given.")
    for case in found:
        for check in CHECKS:
            check(case)


def players_share_the_weights(case: Case) -> None:
    """Players have names and weights of their own, and together all of them."""
    network = case.network()
    bound = case.bind(network)
    players, names = bound.players(), [name for name, _ in network.named_parameters()]
    expect(players and len({p.name for p in players}) == len(players), f"{case}: players need different names.")
    owned = [name for player in players for name in names if name.startswith(player.parameters)]
    expect(sorted(owned) == sorted(names), f"{case}: every weight must belong to one player.")
    expect(any(player.every == 1 for player in players), f"{case}: one player must step every time.")
    for flag in ("coupled", "second_order", "mates"):
        expect(isinstance(getattr(bound, flag), bool), f"{case}: '{flag}' must be true or false.")


def steps_learn(case: Case) -> None:
    """Some steps: finite losses, every weight moves, only gradients of the player that steps."""
    trainer = case.trainer(steps=4)
    before = {name: value.detach().clone() for name, value in trainer.network.named_parameters()}
    events = list(trainer.run())
    expect(trainer.step == 4 and events[-1].step == 4, f"{case}: four steps were asked for.")
    moved = {name: not torch.equal(value, before[name]) for name, value in trainer.network.named_parameters()}
    for player in trainer.players:
        own = [moved[name] for name in player.parameters]
        expect(sum(own) >= 0.6 * len(own), f"{case}: most weights of '{player.player.name}' do not move.")
    fine = all(bool(value.isfinite().all()) for value in trainer.network.state_dict().values())
    expect(fine, f"{case}: weights are not finite after four steps.")
    expect(all(p.requires_grad for p in trainer.network.parameters()), f"{case}: a step leaves weights frozen.")


def weights_are_known_before(case: Case) -> None:
    """(B,), 0 or more, the same before and after a forward."""
    network = case.network()
    bound, feed = case.bind(network), case.trainer().feed
    batch = feed.at(0)
    for player in bound.players():
        weight = bound.weight(player.name, batch)
        expect(weight.shape == (len(batch),) and bool((weight >= 0).all()), f"{case}: weight must be (B,), 0 or more.")
        _represented(case, network, bound, batch, player.name)
        expect(torch.equal(bound.weight(player.name, batch), weight), f"{case}: weights change with the forward.")


def _represented(case: Case, network: Network, bound: BoundObjective, batch: Batch, player: str) -> dict[str, Tensor]:
    network.train()
    draw = Draw(3, 1).of(player).keyed(batch.position)
    return {name: value.detach() for name, value in bound.represent(player, network, batch, draw).items()}


def rows_are_represented_alone(case: Case) -> None:
    """What `represent` gives for a row is the same in any company."""
    if case.couples_rows:
        return
    network = case.network()
    bound, batch = case.bind(network), case.trainer().feed.at(1)
    rows = torch.tensor([7, 2, 5])
    for player in bound.players():
        whole = _represented(case, network, bound, batch, player.name)
        part = _represented(case, network, bound, batch[rows], player.name)
        for name, value in whole.items():
            expect(len(value) == len(batch), f"{case}: '{name}' of '{player.name}' must have one row an example.")
            near = torch.allclose(part[name], value[rows], atol=1e-4, rtol=1e-4)
            expect(near, f"{case}: '{name}' of '{player.name}' depends on the other rows of the piece.")


def a_split_batch_teaches_the_same(case: Case) -> None:
    """Whole batches or pieces of 5: the same weights after two steps."""
    if case.couples_rows:
        return
    results = []
    for micro in (None, 5):
        trainer = case.trainer(micro, steps=2)
        list(trainer.run())
        results.append(trainer.network.state_dict())
    for name, value in results[0].items():
        near = torch.allclose(value, results[1][name], atol=1e-5, rtol=1e-3)
        expect(near, f"{case}: '{name}' differs when batches are learnt in pieces.")


def a_stop_changes_nothing(case: Case) -> None:
    """Two steps, a checkpoint through JSON, a fresh start, two more steps: bit for bit four steps."""
    whole, first, again = case.trainer(), case.trainer(), case.trainer()
    list(whole.run())
    for _ in range(2):
        first.advance()
    stored = first.checkpoint()
    again.resume(Checkpoint(stored.step, {n: t.clone() for n, t in stored.tensors.items()}, json_round(stored.values)))
    list(again.run())
    for name, value in whole.network.state_dict().items():
        same = torch.equal(value, again.network.state_dict()[name])
        expect(same, f"{case}: '{name}' differs after a stop; state() and load() must hold everything that adapts.")


def finishing_leaves_the_network(case: Case) -> None:
    """`finish` may learn what only comes after training; it must not fail on a network just built."""
    trainer = case.trainer()
    rows = torch.arange(case.packed.rows)
    trainer.objective.finish(trainer.network, lambda: case.packed.batches(rows, 16), Draw(1).of("finish"))
    fine = all(bool(value.isfinite().all()) for value in trainer.network.state_dict().values())
    expect(fine, f"{case}: finish leaves weights that are not finite.")


CHECKS: tuple[Callable[[Case], None], ...] = (
    players_share_the_weights,
    steps_learn,
    weights_are_known_before,
    rows_are_represented_alone,
    a_split_batch_teaches_the_same,
    a_stop_changes_nothing,
    finishing_leaves_the_network,
)
