"""What every model promises.

models.suite(Tree)                                   # on the sets of inputs in `inputs()`
models.suite(Tree, {"mine": (features, batch)})      # on your own
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

import deepwright.features  # noqa: F401  registers the kinds
from deepwright import registries
from deepwright.contracts import FittedFeature, Network, Suits
from deepwright.core.errors import RecipeError, Refused
from deepwright.draft import Draft, split_path
from deepwright.draw import Draw
from deepwright.fields import Batch, Field
from deepwright.ranges import TUNED, read
from deepwright.recipe import Recipe
from deepwright.spaces import Box
from deepwright.testing import samples
from deepwright.testing.creating import creations_are_keyed, creations_come_from_latents
from deepwright.testing.fields import expect
from deepwright.testing.settings import check_sentence, check_settings, variants
from deepwright.training.frozen import frozen_statistics
from deepwright.training.settings import Train
from deepwright.verbs.tune.points import param_of

__all__ = ["CHECKS", "HEADS", "SETS", "Case", "cases", "fitted_columns", "inputs", "suite"]

SETS: Mapping[str, tuple[str, ...]] = {
    "numbers": ("Blood. Pressure", "Betrag", "doors"),
    "labels": ("colour", "sunny", "paid"),
    "dates": ("sold on", "seen"),
    "plain": ("reading", "colour", "sunny", "at"),
    "picture": ("scan",),
    "pictures": ("scan", "photo"),
    "picture and plain": ("photo", "doors", "colour"),
}
HEADS: Mapping[str, Mapping[str, int]] = {"one": {"logits": 3}, "two": {"value": 1, "spread": 4}}
ROWS = 16
_CLOSE = 2e-5

Inputs = tuple[Mapping[str, FittedFeature], Batch]


def fitted_columns(names: tuple[str, ...], rows: int = samples.ROWS) -> dict[str, FittedFeature]:
    """Sample columns as the kinds that suit them best."""
    known, found = samples.columns(rows), {}
    for name in names:
        every: list[Suits] = [s for kind in registries.features if (s := kind.suits(known[name])) is not None]  # type: ignore[attr-defined]
        settings = max(every, key=lambda suits: suits.score).settings
        found[name] = settings.fit(settings.summarise(known[name]), name)
    return found


def inputs() -> dict[str, Inputs]:
    """Sets of inputs: fitted features and a batch of their training rows."""
    made = {}
    for name, columns in SETS.items():
        features = fitted_columns(columns)
        encoded = {n: feature.encode(samples.columns()[n])[:ROWS] for n, feature in features.items()}
        made[name] = (features, Batch(encoded, {}, torch.arange(ROWS), torch.arange(ROWS)))
    return made


@dataclass(frozen=True)
class Case:
    """Settings of a model with inputs and heads it was built for."""

    settings: Any
    features: Mapping[str, FittedFeature]
    batch: Batch
    heads: Mapping[str, int]
    name: str = ""

    def build(self, seed: int = 0) -> Network:
        torch.manual_seed(seed)
        return self.settings.build(self.features, self.heads, 500)

    def taken(self) -> "Case":
        """Of the columns that a creating model learns, the others left out."""
        names = self.settings.takes({name: feature.space for name, feature in self.features.items()})
        inputs = {name: self.batch.inputs[name] for name in names}
        batch = Batch(inputs, self.batch.targets, self.batch.row, self.batch.position)
        return replace(self, features={name: self.features[name] for name in names}, batch=batch)

    @cached_property
    def network(self) -> Network:
        """With start values from the data, and no weight at exactly zero: what starts at nothing is tested too."""
        network = self.build()
        bias = {name: torch.linspace(-1, 1, width) for name, width in self.heads.items()}
        network.warm(lambda: iter([self.batch]), bias)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
        return network

    def outputs(self, batch: Batch, training: bool, network: Network | None = None) -> dict[str, Tensor]:
        """In training mode with chance keyed by the position in the batch; otherwise evaluated."""
        network = self.network if network is None else network
        draw = Draw(3, 5).keyed(batch.position) if training else None
        modes = [(module, module.training) for module in network.modules()]
        network.train(training)
        try:
            return {name: field.values for name, field in network.body(network.embed(batch.inputs), draw).items()}
        finally:
            for module, mode in modes:
                module.training = mode

    def __str__(self) -> str:
        changed = {n: v for n, v in self.settings if n != "kind" and v != type(self.settings).model_fields[n].default}
        heads = "no target" if not self.heads else f"{len(self.heads)} heads"
        return f"{self.settings.kind} {self.name} {heads}" + "".join(f" {n}={v}" for n, v in changed.items())


def cases(kind: type[Any], sets: Mapping[str, Inputs]) -> Iterator[Case]:
    """A kind on all sets of inputs it can be built for; on the first of them with every option."""
    heads = HEADS if kind.learns == "target" else {"none": {}}
    first = True
    for (name, (features, batch)), own in product(sets.items(), heads.values()):
        case = Case(kind(), features, batch, own, name)
        suits = kind.suits({n: feature.space for n, feature in features.items()}, own, 500)
        expect(suits is None or isinstance(suits, Suits), f"{kind.__name__}.suits must give Suits or None.")
        try:
            if kind.learns == "inputs":
                case = case.taken()
            case.build()
        except Refused as error:
            check_sentence(error)
            expect(suits is None, f"{kind.__name__} suits {name} and then refuses to be built: {error}")
            continue
        yield case
        if first:
            yield from (replace(case, settings=settings) for settings in variants(kind()))
        first = False


def suite(kind: type[Any], sets: Mapping[str, Inputs] | None = None) -> None:
    """All checks on all sets of inputs the kind can be built for; at least one.

    Raises:
        AssertionError: a promise is broken.
    """
    check_kind(kind)
    found = list(cases(kind, inputs() if sets is None else sets))
    expect(found, f"{kind.__name__} takes none of the sets of inputs given.")
    for case in found:
        for check in CHECKS:
            check(case)


def check_kind(kind: type[Any]) -> None:
    """Settings, what it learns, and recommended settings that make a recipe."""
    check_settings(kind)
    expect(kind.learns in ("target", "inputs"), f"{kind.__name__}.learns must be 'target' or 'inputs'.")
    expect(kind.objective in registries.objectives, f"{kind.__name__}.objective names no known objective.")
    for rows in (10, 1_000, 100_000, 10_000_000):
        train = Train.model_validate(kind().recommended(rows))
        expect(
            train.batch and train.optimizer and train.schedule,
            f"{kind.__name__} must recommend batch, optimizer, schedule.",
        )
        objective = {"kind": kind.objective}
        recipe = Recipe.model_validate({"model": kind(), "objective": objective, "train": kind().recommended(rows)})
        expect(recipe.model == kind(), f"{kind.__name__} does not survive a recipe.")
        check_space(kind, rows)
    for epochs in (0.0, 0.1, 3.0, 1e6):
        sized = kind().sized(epochs)
        expect(isinstance(sized, kind), f"{kind.__name__}.sized must give a {kind.__name__}.")
        expect(sized.sized(epochs / 2) == sized, f"{kind.__name__}.sized must leave alone what it has decided.")
    try:
        kind().build({}, {"logits": 2}, 10)
    except Refused as error:
        check_sentence(error)
        return
    raise AssertionError(f"{kind.__name__} is built without any input; it must be Refused in a sentence.")


def check_space(kind: type[Any], rows: int) -> None:
    """What it offers to be tuned can be a recipe: both ends of each range and between them, with its own settings inside."""
    objective = registries.objectives.get(kind.objective)()
    whole = {
        "model": kind().sized(1e6).model_dump(),
        "objective": objective.model_dump(),
        "train": kind().recommended(rows),
    }
    for name, written in kind().space(rows).items():
        path, one = split_path(name), read(written, (name,))
        expect(path[0] in TUNED, f"{kind.__name__}.space: '{name}' is none of {', '.join(TUNED)}.")
        draft = Draft(copy.deepcopy(whole))
        own = draft.get(*path)
        expect(param_of(one, own) is not None, f"{kind.__name__}.space: its own '{name}', {own}, is not in the range.")
        for value in one.ends():
            draft.put(path, value, name)
            try:
                Recipe.from_draft(draft)
            except RecipeError as error:
                raise AssertionError(f"{kind.__name__}.space: {error}") from error


def inputs_become_z(case: Case) -> None:
    """One field a column, in its space's shape, finite, floats; presence comes along."""
    with torch.no_grad():
        z = case.network.embed(case.batch.inputs)
    expect(set(z) == set(case.features), f"{case}: embed must give one field a column: {sorted(z)}.")
    for name, feature in case.features.items():
        values = z[name].values
        expect(
            len(values) == len(case.batch) and bool(values.isfinite().all()),
            f"{case}: z of '{name}' must be finite rows.",
        )
        if isinstance(feature.space, Box):
            expect(values.shape[1:] == feature.space.shape, f"{case}: z of '{name}' does not have its space's shape.")
        before, after = case.batch.inputs[name].present, z[name].present
        expect((before is None) == (after is None), f"{case}: embed loses which cells of '{name}' are present.")


def outputs_have_their_shape(case: Case) -> None:
    """(B, D) a head, or (B, K, D) of K members; one row and missing cells too."""
    for batch in (case.batch, case.batch[:1], _emptied(case)):
        for training in (False, True):
            outputs = case.outputs(batch, training)
            expect(
                not case.heads or set(outputs) == set(case.heads),
                f"{case}: outputs must be the heads: {sorted(outputs)}.",
            )
            for name, values in outputs.items():
                width = case.heads.get(name, values.shape[-1])
                members = () if case.network.members == 1 else (case.network.members,)
                wanted = (len(batch), *members, width)
                expect(values.shape == wanted, f"{case}: output '{name}' is {tuple(values.shape)}, not {wanted}.")
                expect(bool(values.isfinite().all()), f"{case}: output '{name}' is not finite for {len(batch)} rows.")


def _emptied(case: Case) -> Batch:
    """Rows whose cells are all missing."""
    known = samples.columns()
    gone = {name: known[name].clear(3) if name in known else None for name in case.features}
    if any(column is None for column in gone.values()):
        return case.batch[:3]
    encoded = {name: case.features[name].encode(column) for name, column in gone.items()}
    return Batch(encoded, {}, torch.arange(3), torch.arange(3))


def rows_do_not_meet(case: Case) -> None:
    """A row's outputs are the same in any company; in training too, where a network does not say that rows meet."""
    for training in (False, True):
        if training and case.network.couples_rows:
            continue
        whole = case.outputs(case.batch, training)
        again = case.outputs(case.batch, training)
        for rows in (torch.tensor([5]), torch.tensor([6, 2, 3]), torch.arange(8, 16)):
            part = case.outputs(case.batch[rows], training)
            for name, values in whole.items():
                expect(
                    torch.equal(again[name], values),
                    f"{case}: '{name}' differs when answered twice (training: {training}).",
                )
                near = torch.allclose(part[name], values[rows], atol=_CLOSE, rtol=1e-4)
                expect(near, f"{case}: '{name}' of a row depends on the other rows (training: {training}).")


def every_weight_learns(case: Case) -> None:
    """A finite gradient that is not all zero for every parameter."""
    network = case.network
    network.zero_grad(set_to_none=True)
    parts = list(case.outputs(_with_gap(case), True).values())
    if case.settings.learns == "inputs":
        for knobs in (None, network.knobs(**_least(network.knobs))):
            made = network.sample(8, Draw(1).keyed(torch.arange(8)), knobs=knobs)
            parts += [field.values for field in made.values()]
    sum((part.square().sum() + part.sum() for part in parts), torch.zeros(())).backward()
    for name, parameter in network.named_parameters():
        slope = parameter.grad
        expect(slope is not None and bool((slope != 0).any()), f"{case}: the weights '{name}' get no gradient.")
        assert slope is not None
        expect(bool(slope.isfinite().all()), f"{case}: the gradient of '{name}' is not finite.")
    network.zero_grad(set_to_none=True)


def _least(knobs: type[Any]) -> dict[str, int]:
    """Knobs that count something (steps), at their least: few may be made in another way than many."""
    found = {}
    for name, field in knobs.model_fields.items():
        bounds = [bound.ge for bound in field.metadata if hasattr(bound, "ge")]
        if field.annotation is int and bounds:
            found[name] = int(bounds[0])
    return found


def _with_gap(case: Case) -> Batch:
    """The batch with a missing picture in every column of pictures."""
    fields = {}
    for name, field in case.batch.inputs.items():
        picture = field.values.ndim > 2
        present = torch.ones(len(field), dtype=torch.bool) if field.present is None else field.present.clone()
        present[2] = False
        fields[name] = Field(field.values, field.mask, present) if picture else field
    return Batch(fields, {}, case.batch.row, case.batch.position)


def state_is_all_there_is(case: Case) -> None:
    """A fresh network with the stored state answers alike; the file holds plain tensors."""
    other = case.build(seed=9)
    before = case.outputs(case.batch, False)
    if any(parameter.numel() for parameter in other.parameters()):
        same = all(torch.equal(v, before[n]) for n, v in case.outputs(case.batch, False, other).items())
        expect(
            not same, f"{case}: another seed gives the same network; weights must come from torch's default generator."
        )
    state = {name: value.contiguous().clone() for name, value in case.network.state_dict().items()}
    other.load_state_dict(load(save(state)))
    for name, values in case.outputs(case.batch, False, other).items():
        expect(
            torch.equal(values, before[name]), f"{case}: '{name}' differs after loading the state into a fresh network."
        )
    twice = [case.build(seed=4).state_dict() for _ in range(2)]
    same = all(torch.equal(value, twice[1][name]) for name, value in twice[0].items())
    expect(same, f"{case}: the same seed gives other start weights.")


def evaluation_leaves_no_trace(case: Case) -> None:
    """Answering changes neither weights nor running statistics; training moves no weight by itself."""
    before = {name: value.clone() for name, value in case.network.state_dict().items()}
    with frozen_statistics(case.network), torch.inference_mode():
        case.network.body(case.network.embed(case.batch.inputs))
    for name, value in case.network.state_dict().items():
        expect(torch.equal(value, before[name]), f"{case}: answering changes '{name}'.")
    case.outputs(case.batch, True)
    for name, parameter in case.network.named_parameters():
        expect(torch.equal(parameter, before[name]), f"{case}: a forward in training changes the weights '{name}'.")
    case.network.load_state_dict(before)


def start_values_are_taken(case: Case) -> None:
    """After `warm`, outputs start near the biases given."""
    network = case.build()
    if not case.heads:
        return
    for value in (-3.0, 3.0):
        bias = {name: torch.full((width,), value) for name, width in case.heads.items()}
        network.warm(lambda: iter([case.batch]), bias)
        for name, values in case.outputs(case.batch, False, network).items():
            near = abs(float(values.detach().mean()) - value) < 2.5
            expect(near, f"{case}: '{name}' does not start from the bias that `warm` was given.")


CHECKS: tuple[Callable[[Case], None], ...] = (
    inputs_become_z,
    outputs_have_their_shape,
    rows_do_not_meet,
    every_weight_learns,
    state_is_all_there_is,
    evaluation_leaves_no_trace,
    start_values_are_taken,
    creations_are_keyed,
    creations_come_from_latents,
)
