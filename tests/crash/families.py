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
from deepwright.recipe import plain
from tests.matrix import cells
from tests.matrix.cells import Cell

__all__ = ["Family", "families", "family", "pairs", "why_not"]

SETTINGS: dict[str, Any] = {
    "train.budget": "10steps", "train.batch": 16, "train.checkpoint_seconds": 1e-9, "train.ema": 0.9,
    "train.early_stopping": {"patience": 4},
}  # fmt: skip


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
        return f"{self.model}-{self.objective}"

    def write(self, folder: Path, option: str) -> Path:
        """The recipe of a training in a folder, and its data."""
        cell = Cell(self.inputs, self.target, self.model, option, cells.PREDICT)
        folder.mkdir(parents=True, exist_ok=True)
        source = folder / "data.parquet"
        cells.table(cell).write_parquet(source)
        draft = cells.draft(cell)
        for name, value in {**SETTINGS, "data.source": str(source)}.items():
            draft.put(tuple(name.split(".")), value, "the crash tests")
        path = folder / "recipe.yaml"
        path.write_text(yaml.safe_dump(plain(draft.value), allow_unicode=True), encoding="utf-8")
        return path


def pairs() -> list[tuple[str, str]]:
    """Every model with every objective, whether they fit or not."""
    return list(product(registries.models.kinds, registries.objectives.kinds))


@cache
def _place(model: str) -> tuple[str, str]:
    """Inputs and target of the matrix that suit a model, with the objective it is trained with of its own accord."""
    natural = registries.models.get(model).objective  # type: ignore[attr-defined]
    for target, inputs in product(cells.TARGETS, cells.INPUTS):
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
def family(model: str, objective: str) -> Family | None:
    """The family of a model and an objective; None where they do not fit."""
    place = _place(model)
    kept = tuple(name for name in _options(objective) if _refusal(*place, model, name) is None)
    return Family(model, objective, *place, kept) if kept else None


def why_not(model: str, objective: str) -> InputError | None:
    """The sentence that refuses the two."""
    return _refusal(*_place(model), model, _options(objective)[0])


def families() -> Iterator[Family]:
    """All of them."""
    yield from (found for pair in pairs() if (found := family(*pair)) is not None)
