"""The matrix: inputs × targets × models × objectives × verbs. A cell is accepted, or refused in a sentence before any work."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch

import deepwright.verbs.kinds  # noqa: F401  registers everything a recipe or a command can name
from deepwright import registries
from deepwright.contracts import Network
from deepwright.core.errors import InputError
from deepwright.draft import Draft
from deepwright.preparation import Prepared, prepare
from deepwright.recipe import plain
from deepwright.run import Run
from deepwright.testing import samples
from deepwright.testing.settings import variants
from deepwright.testing.verbs import quick
from deepwright.verbs.predict import predict

ROWS = 64
PREDICT = "predict"

INPUTS: dict[str, tuple[str, ...]] = {
    "numbers": ("Blood. Pressure", "Betrag", "doors"),
    "categories and flags": ("colour", "code", "sunny", "paid"),
    "dates": ("sold on", "seen", "born"),
    "picture": ("scan",),
    "picture and numbers": ("photo", "doors", "reading"),
}
TARGETS: dict[str, tuple[str | None, Any]] = {
    "classify 2": ("two labels", None),
    "classify many": ("many labels", None),
    "tag": ("lists", None),
    "regress": ("number", None),
    "regress 2": ("two numbers", None),
    "quantile": ("long tail", {"kind": "regress", "loss": "quantile"}),
    "nothing": (None, None),
}


class Cell(NamedTuple):
    """One combination, by names."""

    inputs: str
    target: str
    model: str
    objective: str
    verb: str


@cache
def objectives() -> dict[str, Any]:
    """Every objective and each of its options by name."""
    found = {}
    for kind in registries.objectives:
        for settings in (kind(), *variants(kind())):
            changed = [f"{n}={v}" for n, v in settings if v != kind.model_fields[n].default]
            found[" ".join([settings.kind, *changed])] = settings  # type: ignore[attr-defined]
    return found


def verbs() -> list[str]:
    return [*registries.verbs.kinds, PREDICT]


def every(inputs: str) -> Iterator[Cell]:
    """All cells of a set of inputs."""
    for rest in product(TARGETS, registries.models.kinds, objectives(), verbs()):
        yield Cell(inputs, *rest)


def draft(cell: Cell, model: bool = True) -> Draft:
    """The recipe of a cell: a few steps on few rows."""
    made = Draft()
    names, task = TARGETS[cell.target]
    wanted = {
        "target": [] if names is None else samples.targets(ROWS)[names].columns,
        "train.budget": "5steps", "train.batch": 16, "objective": plain(objectives()[cell.objective].model_dump()),
        "data.split": {"kind": "stratified", "validation": 0.2, "test": 0.3},
    }  # fmt: skip
    wanted |= {"task": task} if task else {}
    wanted |= {"model": {"kind": cell.model}} if model else {}
    for name, value in wanted.items():
        made.put(tuple(name.split(".")), value, "the matrix")
    return made


def table(cell: Cell) -> Any:
    return samples.frame(list(INPUTS[cell.inputs]), TARGETS[cell.target][0], ROWS)


@cache
def _prepared(inputs: str, target: str, model: str) -> Prepared | InputError:
    """Encoded examples; a model that answers changes nothing about them, so that "" stands for all of these."""
    cell = Cell(inputs, target, model, "supervised", PREDICT)
    try:
        return prepare(draft(cell, bool(model)), table(cell))
    except InputError as error:
        return error


@cache
def _built(inputs: str, target: str, model: str) -> tuple[Prepared, Network] | InputError:
    kind: Any = registries.models.get(model)
    prepared = _prepared(inputs, target, "" if kind.learns == "target" and target != "nothing" else model)
    if isinstance(prepared, InputError):
        return prepared
    torch.manual_seed(0)
    try:
        return prepared, kind().build(prepared.features, {} if prepared.task is None else prepared.task.heads, ROWS)
    except InputError as error:
        return error


@cache
def refusal(cell: Cell) -> InputError | None:
    """Why a cell cannot be, found out without training; None where it can. Any other exception is a fault."""
    built = _built(cell.inputs, cell.target, cell.model)
    if isinstance(built, InputError):
        return built
    (prepared, network), kind, objective = built, registries.models.get(cell.model), objectives()[cell.objective]
    try:
        objective.bind(prepared.task, prepared.features, network)
        if cell.verb != PREDICT:
            recipe = prepared.recipe.model_copy(update={"model": kind(), "objective": objective})
            run = Run(Path("run-1"), recipe, prepared.features, prepared.task, data=prepared.data)
            registries.verbs.get(cell.verb)().check(run)  # type: ignore[attr-defined]
        elif prepared.task is None:
            return InputError("There is nothing to predict.")
    except InputError as error:
        return error
    return None


def ask(cell: Cell, run: Run, folder: Path) -> None:
    """The cell's verb on a trained run.

    Raises:
        AssertionError: the answer is not whole.
    """
    if cell.verb != PREDICT:
        report = quick(registries.verbs.get(cell.verb), folder)(run)
        assert report.blocks, "a report with nothing to see"
        run.save_report(report)
        return
    assert run.task is not None
    frame = table(cell).head(20)
    ours, theirs = predict(run, frame), predict(Run.load(run.folder), frame.drop(run.task.targets))
    assert ours.height == 20
    assert ours.equals(theirs), "the loaded run answers otherwise"
    assert all(bool(column.is_finite().all()) for column in ours if column.dtype.is_float())
