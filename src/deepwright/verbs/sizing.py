"""The size of a network under a wall-clock budget, and the settings that go with it."""

from collections.abc import Mapping
from typing import Any

from deepwright.contracts import FittedFeature, SizedBySteps
from deepwright.models.inputs import is_grid
from deepwright.preparation import values_of
from deepwright.recipe import Recipe
from deepwright.training.settings import Train

__all__ = ["sized"]


def sized(recipe: Recipe, features: Mapping[str, FittedFeature], rows: int, epochs: float) -> Recipe:
    """The recipe with the size that suits so many epochs of the usual network.

    Train settings that are still as the family recommends for the usual size become what it recommends for this one.

    Args:
        rows: of training. epochs: that the budget affords the network as it is.
    """
    model: Any = recipe.model
    steps = epochs * rows / max(1, min(recipe.train.batch or 1, rows))
    grid = any(is_grid(feature.space) for feature in features.values())
    other = model.sized_for(steps, grid) if isinstance(model, SizedBySteps) else model.sized(epochs)
    if other == model:
        return recipe
    values = values_of(features)
    before, after = (Train.model_validate(one.recommended(rows, values)) for one in (model, other))
    moved = {
        key: getattr(after, key)
        for key in after.model_fields_set
        if getattr(after, key) != getattr(before, key) == getattr(recipe.train, key)
    }
    return recipe.model_copy(update={"model": other, "train": recipe.train.model_copy(update=moved)})
