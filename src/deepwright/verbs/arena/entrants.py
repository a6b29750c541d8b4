"""Who enters an arena: the families that can create these columns, each with the recipe that `train` would make for it."""

import copy
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import deepwright.models  # noqa: F401  registers the kinds
from deepwright import registries
from deepwright.contracts import Creatable
from deepwright.core.errors import DeepwrightError, RecipeError, Refused, did_you_mean
from deepwright.core.memory import resident
from deepwright.core.size import enough, told
from deepwright.draft import Draft
from deepwright.preparation import Prepared, choose
from deepwright.recipe import Recipe, plain, tidy
from deepwright.training.budget import Budget
from deepwright.verbs.environment import pick_device
from deepwright.verbs.jobs.sharing import each
from deepwright.verbs.session import Watch
from deepwright.verbs.train import check_fit, ready

__all__ = ["Ground", "entered", "known_families", "timed"]


@dataclass
class Ground:
    """Prepared data and who learns from them.

    Args:
        recipes: family → recipe, complete but for its share of the budget. refused: family → why it does not take part.
        jobs: trainings at a time. threads: of each.
    """

    prepared: Prepared
    recipes: dict[str, Recipe]
    jobs: int
    threads: int
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """Trainings that one job does, one after the other."""
        return math.ceil(len(self.recipes) / self.jobs)


def known_families(families: Sequence[str] = ()) -> dict[str, Any]:
    """Kind → settings class of every family that creates.

    Raises:
        RecipeError: one of `families` is none.
    """
    kinds: dict[str, Any] = {kind.model_fields["kind"].default: kind for kind in registries.models}
    known = {name: kind for name, kind in kinds.items() if kind.learns == "inputs"}
    for name in families:
        if name not in known:
            raise RecipeError(f"--models: '{name}' creates nothing. {did_you_mean(name, list(known))}")
    return known


def entered(draft: Draft, budget: Budget, families: Sequence[str], jobs: int | None, watch: Watch) -> Ground:
    """The data, and a recipe for each family.

    Args:
        draft: what the person wrote; what it says of the model counts for every family that knows it.
        families: those that the person names take part if they can be trained at all; () for those that suit the columns.

    Raises:
        RecipeError, DataError: in sentences. Refused: no family can create these columns.
    """
    known, program = known_families(families), resident()
    given = _given(draft)
    prepared = _prepared(given, str(budget), watch)
    names = list(dict.fromkeys(families)) or _suiting(known, prepared)
    cores = _cores()
    at_once = min(len(names), jobs or (cores if pick_device().type == "cpu" else 1))
    share = budget.amount / math.ceil(len(names) / at_once)
    if _sizes(prepared.recipe, share) != _sizes(prepared.recipe, budget.amount):  # of pictures, by the time there is
        prepared = _prepared(given, f"{share:g}s", watch)
    ground = Ground(prepared, {}, at_once, 1 if len(names) > 1 else cores)
    for name in names:
        try:
            ground.recipes[name] = _recipe(name, given, ground, share)
        except DeepwrightError as error:
            ground.refused[name] = str(error)
    _share_memory(ground, program)
    if not ground.recipes:
        raise Refused("No family can be trained: " + " ".join(f"{name}: {why}" for name, why in ground.refused.items()))
    ground.jobs = min(ground.jobs, len(ground.recipes))
    return ground


def timed(recipe: Recipe, seconds: float) -> Recipe:
    """The recipe with a share of the budget."""
    train = recipe.train.model_copy(update={"budget": Budget(round(seconds, 1), "seconds")})
    return recipe.model_copy(update={"train": train})


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _given(draft: Draft) -> Draft:
    """The draft without a family. Of a whole recipe, as Deepwright writes it, nothing about training was fixed on purpose."""
    own = Draft(copy.deepcopy(draft.value), dict(draft.places))
    tidy(own)
    whole = all(name in own.value for name in Recipe.model_fields)
    for part in ("model", "objective", "train") if whole else ("model", "objective"):
        value = own.value.pop(part, None)
        if not whole and isinstance(value, dict) and "kind" not in value:
            own.put((part,), value, own.place((part,)))
    if not own.get("task"):
        own.put(("task",), "generate", "the arena")
    return own


def _prepared(given: Draft, budget: str, watch: Watch) -> Prepared:
    own = Draft(copy.deepcopy(given.value), dict(given.places))
    for part in ("model", "objective"):  # what is said of every family need not fit the one that data are prepared with
        own.value.pop(part, None)
    own.put(("train", "budget"), budget, "the arena's --budget")
    return ready(own, watch=watch)


def _suiting(known: Mapping[str, Any], prepared: Prepared) -> list[str]:
    """The families that offer themselves for these columns, in the order of their names."""
    spaces = _spaces(prepared)
    found = [name for name in known if known[name].suits(spaces, {}, len(prepared.rows("train"))) is not None]
    if not found:
        raise Refused(f"None of {', '.join(known)} can create these columns together: {', '.join(spaces)}.")
    return found


def _spaces(prepared: Prepared) -> dict[str, Any]:
    """Of the columns that are to be created."""
    return {n: one.space for n, one in prepared.features.items() if n not in prepared.recipe.conditions}


def _sizes(recipe: Recipe, seconds: float) -> list[Any]:
    """Settings of created columns that go by the time there is."""
    return [type(one)().creating(seconds, {}) for one in recipe.features.values() if isinstance(one, Creatable)]


def _recipe(name: str, given: Draft, ground: Ground, share: float) -> Recipe:
    """What `train` would make of the draft with this family."""
    prepared = ground.prepared
    own, whole = Draft(copy.deepcopy(given.value), dict(given.places)), plain(prepared.recipe.model_dump())
    for part in ("data", "target", "features", "task"):
        own.put((part,), whole[part], own.place((part,)))
    own.put(("model",), {**(own.get("model") or {}), "kind": name}, own.place(("model",)))
    own.put(("train", "budget"), f"{share:g}s", "the arena's --budget")
    if ground.threads == 1:
        own.put(("train", "threads"), 1, "the arena")
    recipe = choose(own, prepared.features, {}, len(prepared.rows("train")))
    spaces = _spaces(prepared)
    taken = recipe.model.takes(spaces)
    if set(taken) != set(spaces):
        raise Refused(f"It creates {', '.join(taken)} alone, and the others create {', '.join(spaces)}.")
    check_fit(replace(prepared, recipe=recipe))
    return recipe


def _share_memory(ground: Ground, program: int) -> None:
    """As many trainings at a time as the recipe's limit has room for; a family that does not even fit alone is refused."""
    limit = ground.prepared.recipe.train.memory
    if limit is None:
        return
    here, wanted = resident(), {}
    for name, recipe in list(ground.recipes.items()):
        wanted[name] = each(replace(ground.prepared, recipe=recipe), program, pick_device())
        if here + wanted[name] > limit.bytes:
            del ground.recipes[name]
            size = wanted.pop(name)
            ground.refused[name] = (
                f"--memory {limit} is not enough: the process that decides holds {told(here)}, and this training takes about "
                f"{told(size)}. Give at least {enough(here + size)}."
            )
    largest = sorted(wanted.values(), reverse=True)
    while ground.jobs > 1 and here + sum(largest[: ground.jobs]) > limit.bytes:
        ground.jobs -= 1
