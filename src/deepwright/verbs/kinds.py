"""Kinds: everything a recipe or a command can name. Importing this module registers all verbs."""

import deepwright.verbs.attack
import deepwright.verbs.direction
import deepwright.verbs.evaluate
import deepwright.verbs.explain
import deepwright.verbs.generate
import deepwright.verbs.tune  # noqa: F401
from deepwright import recipe, registries
from deepwright.core.report import Grid, Report

__all__ = ["NOUNS", "kinds"]

NOUNS = (
    "sources",
    "splits",
    "features",
    "tasks",
    "metrics",
    "models",
    "objectives",
    "optimizers",
    "schedules",
    "averages",
    "searches",
    "prunings",
    "trackers",
    "verbs",
)


def kinds() -> Report:
    """A table a noun: the kind and what it is."""
    data: dict[str, object] = {"version": 1, "format": recipe.Recipe.model_fields["format"].default}
    blocks = []
    for noun in NOUNS:
        registry = getattr(registries, noun)
        rows = tuple((kind, _first(registry.get(kind).__doc__)) for kind in registry.kinds)
        data[noun] = [kind for kind, _ in rows]
        blocks.append(Grid(noun.capitalize(), ("kind", "what it is"), rows))
    return Report("kinds", "What a recipe can name", data, tuple(blocks))


def _first(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]
