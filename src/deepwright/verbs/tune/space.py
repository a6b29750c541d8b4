"""The space of a tune: which recipe fields are chosen, from the recipe itself or as the model offers them, and what
recipe a point of it stands for."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deepwright.contracts import FittedFeature
from deepwright.core.errors import RecipeError, Refused
from deepwright.draft import Draft, split_path
from deepwright.preparation import choose
from deepwright.ranges import Choice, Range, name_of, read
from deepwright.recipe import KINDED, Recipe, plain
from deepwright.verbs.tune.points import Point, param_of, value_of

__all__ = ["PREPARED", "Space", "offered"]

Path_ = tuple[str, ...]
PREPARED = ("features", "task")  # parts whose settings change how data are encoded


@dataclass(frozen=True)
class Space:
    """A draft with fields left open.

    Args:
        draft: what the person wrote, without the ranges. paths: path → range.
        fixed: what all trials share whatever the draft says: path → value.
        usual: what a recipe has where neither draft nor range says something.
    """

    draft: Draft
    paths: Mapping[Path_, Range]
    fixed: Mapping[Path_, Any]
    usual: Mapping[Path_, Any] = field(default_factory=dict)

    @property
    def ranges(self) -> dict[str, Range]:
        """By dotted name."""
        return {name_of(path): one for path, one in self.paths.items()}

    @property
    def prepares(self) -> bool:
        """Whether some points need the data encoded in another way."""
        return any(path[0] in PREPARED for path in self.paths)

    def values(self, point: Point) -> dict[Path_, Any]:
        """The recipe's values at a point."""
        return {path: value_of(one, point[name_of(path)]) for path, one in self.paths.items()}

    def preparation(self, point: Point) -> Draft:
        """The draft that data are prepared with at a point."""
        return self._with({path: value for path, value in self.values(point).items() if path[0] in PREPARED}, None)

    def recipe(
        self, values: Mapping[Path_, Any], full: Recipe, fitted: Mapping[str, FittedFeature], heads: Mapping[str, int],
        rows: int,
    ) -> Recipe:  # fmt: skip
        """The complete recipe with these values: what `train` would make of it.

        Args:
            full: the complete recipe the data were prepared with. rows: for training.

        Raises:
            RecipeError: the values do not go together.
        """
        draft = self._with(values, full)
        return choose(draft, fitted, heads, rows)

    def _with(self, values: Mapping[Path_, Any], full: Recipe | None) -> Draft:
        draft = Draft(copy.deepcopy(self.draft.value), dict(self.draft.places))
        if full is not None:
            whole = plain(full.model_dump())
            for part in ("data", "target", "features", "task"):
                draft.put((part,), whole[part], draft.place((part,)))
        kinds_first = sorted(values, key=lambda path: (path[-1] != "kind", len(path)))
        for path in kinds_first:
            if full is None or _takes(draft, path, full):
                draft.put(path, values[path], draft.place(path))
        if full is not None:
            for path, value in self.usual.items():
                if not draft.has(*path) and _takes(draft, path, full):
                    draft.put(path, value, "the tune")
            for path, value in self.fixed.items():
                draft.put(path, value, "the tune")
        return draft

    def check(self, full: Recipe, fitted: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int) -> None:
        """Raises RecipeError: values of ranges that their fields do not allow, now that every kind is known."""
        problems: list[str] = []
        for path, one in self.paths.items():
            for value in one.ends():
                try:
                    self.recipe({**self._kinds_for(path, full), path: value}, full, fitted, heads, rows)
                except RecipeError as error:
                    problems += [text for text in error.problems if text not in problems]
        if problems:
            raise RecipeError(problems)

    def _kinds_for(self, path: Path_, full: Recipe) -> dict[Path_, Any]:
        """A kind to choose, where one is chosen, that has the field."""
        place = (*path[:-1], "kind")
        kinds, registry = self.paths.get(place), KINDED.get(path[:-1])
        if place == path or registry is None or not isinstance(kinds, Choice):
            return {}
        having = [kind for kind in kinds.values if kind in registry and path[-1] in registry.get(kind).model_fields]
        return {place: having[0]} if having else {}

    def start(self, default: Recipe) -> Point | None:
        """The point of a recipe, or None where it lies outside."""
        whole = plain(default.model_dump())
        point: Point = {}
        for path, one in self.paths.items():
            value: Any = whole
            for part in path:
                value = value.get(part) if isinstance(value, Mapping) else None
            param = param_of(one, value)
            if param is None:
                return None
            point[name_of(path)] = param
        return point


def _takes(draft: Draft, path: Path_, full: Recipe) -> bool:
    """Whether the part a field belongs to has it, under the kind that was chosen for this point."""
    registry = KINDED.get(path[:-1])
    if registry is None:
        return True
    given = draft.get(*path[:-1])
    kind = given if isinstance(given, str) else given.get("kind") if isinstance(given, Mapping) else None
    if kind is None:
        part: Any = full
        for name in path[:-1]:
            part = getattr(part, name)
        kind = part.kind
    return kind not in registry or path[-1] in registry.get(kind).model_fields


def offered(recipe: Recipe, draft: Draft, rows: int) -> dict[Path_, Range]:
    """What the model and the optimiser offer to be chosen; what the person has fixed stays fixed.

    Args:
        recipe: the complete default recipe. draft: what the person wrote. rows: for training.

    Raises:
        Refused: everything on offer is fixed.
    """
    model, optimizer = recipe.model, recipe.train.optimizer
    every = {**model.space(rows), **{f"train.optimizer.{name}": one for name, one in optimizer.space().items()}}
    found: dict[Path_, Range] = {}
    for name, written in every.items():
        path = split_path(name)
        if not draft.has(*path) and _takes(Draft(), path, recipe):
            found[path] = read(written, path)
    if not found:
        raise Refused(
            f"Nothing is left to be tuned: the recipe fixes all that '{model.kind}' offers ({', '.join(every)}). "
            "Write a space where a value stands, such as lr: {log: [1e-4, 1e-1]}."
        )
    return found
