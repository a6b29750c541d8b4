"""Families: every registered model with every registered objective that fits it, on the data of the matrix."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from deepwright import registries
from deepwright.core.errors import InputError
from deepwright.draft import Draft
from deepwright.recipe import plain
from deepwright.verbs.train import ready
from tests.crash.situations import Situation, situations
from tests.matrix import cells
from tests.matrix.cells import Cell

__all__ = ["PICTURE", "Family", "Variant", "creating", "families", "family", "pairs", "why_not"]

SETTINGS: dict[str, Any] = {
    "train.budget": "10steps", "train.batch": 16, "train.checkpoint_seconds": 1e-9, "train.early_stopping": {"patience": 4},
}  # fmt: skip

SMALLER: dict[str, dict[str, Any]] = {  # of objectives whose steps are long of their own accord
    "automaton": {"objective.steps": 8, "objective.before": 16, "objective.filters": 8},
}

PICTURE = "picture"  # inputs of the matrix


@dataclass(frozen=True)
class Variant:
    """How a family is trained: a name of the objective's settings (`cells.objectives`), and a situation."""

    option: str
    situation: Situation

    @property
    def name(self) -> str:
        return f"{self.option}, {self.situation.name}"


@dataclass(frozen=True)
class Family:
    """A model and an objective; `options` are names of the objective's settings (`cells.objectives`)."""

    model: str
    objective: str
    inputs: str
    target: str
    options: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.model}-{self.objective}" + ("" if self.inputs == _place(self.model)[0] else f"-{self.inputs}")

    @cache  # noqa: B019  there are few families
    def variants(self) -> list[Variant]:
        """Every option and every situation that is not refused, each at least once."""
        fit = [one for one in situations() if self._refusal(Variant(self.options[0], one)) is None]
        count = max(len(fit), len(self.options))
        return [Variant(self.options[k % len(self.options)], fit[k % len(fit)]) for k in range(count)]

    def _refusal(self, variant: Variant) -> InputError | None:
        """Why it cannot be trained so."""
        try:
            ready(self.draft(variant), cells.table(self._cell(variant)))
        except InputError as error:
            return error
        return None

    def _cell(self, variant: Variant) -> Cell:
        return Cell(self.inputs, self.target, self.model, variant.option, cells.PREDICT)

    def draft(self, variant: Variant) -> Draft:
        """The recipe without its data."""
        made = cells.draft(self._cell(variant))
        for name, value in {**SETTINGS, **SMALLER.get(self.objective, {}), **variant.situation.settings}.items():
            made.put(tuple(name.split(".")), value, "the crash tests")
        return made

    def write(self, folder: Path, variant: Variant) -> Path:
        """The recipe of a training in a folder, and its data."""
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / "data.parquet"
        cells.table(self._cell(variant)).write_parquet(source)
        draft = self.draft(variant)
        draft.put(("data", "source"), str(source), "the crash tests")
        path = folder / "recipe.yaml"
        path.write_text(yaml.safe_dump(plain(draft.value), allow_unicode=True), encoding="utf-8")
        return path


def pairs() -> list[tuple[str, str]]:
    """Every model with every objective, whether they fit or not."""
    return list(product(registries.models.kinds, registries.objectives.kinds))


@cache
def _place(model: str, among: tuple[str, ...] = tuple(cells.INPUTS)) -> tuple[str, str]:
    """Inputs and target of the matrix that suit a model, with the objective it is trained with of its own accord."""
    natural = registries.models.get(model).objective  # type: ignore[attr-defined]
    for target, inputs in product(cells.TARGETS, among):
        if _refusal(inputs, target, model, natural) is None:
            return inputs, target
    raise AssertionError(f"give the matrix inputs that suit the model '{model}'")


def _refusal(inputs: str, target: str, model: str, option: str) -> InputError | None:
    """Why it cannot be trained."""
    reasons = [cells.refusal(Cell(inputs, target, model, option, verb)) for verb in cells.verbs()]
    return None if None in reasons else reasons[0]


def _options(objective: str) -> list[str]:
    return [name for name, settings in cells.objectives().items() if settings.kind == objective]


@cache
def family(model: str, objective: str, inputs: str | None = None) -> Family | None:
    """The family of a model and an objective, on inputs of its own choice; None where they do not fit."""
    place = _place(model) if inputs is None else _place(model, (inputs,))
    kept = tuple(name for name in _options(objective) if _refusal(*place, model, name) is None)
    return Family(model, objective, *place, kept) if kept else None


def why_not(model: str, objective: str) -> InputError | None:
    """The sentence that refuses the two."""
    return _refusal(*_place(model), model, _options(objective)[0])


def creating() -> list[tuple[str, str]]:
    """Models that create, with their own objectives: each has one body for rows of plain columns and one for pictures."""
    return [(name, kind.objective) for name in registries.models.kinds  # type: ignore[attr-defined]
            if (kind := registries.models.get(name)).learns == "inputs"]  # type: ignore[attr-defined]  # fmt: skip


def families() -> Iterator[Family]:
    """All of them."""
    yield from (found for pair in pairs() if (found := family(*pair)) is not None)
    for pair in creating():
        of_pictures = family(*pair, PICTURE)
        if of_pictures is not None and of_pictures != family(*pair):  # some create nothing but pictures
            yield of_pictures
