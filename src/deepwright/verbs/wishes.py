"""What a person wishes to have created, in words, as the fields that a network takes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch

from deepwright.contracts import FittedFeature
from deepwright.core.errors import RecipeError, Refused, did_you_mean
from deepwright.data.table import Table
from deepwright.fields import Field, Fields
from deepwright.spaces import Tokens

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["fulfils", "known_labels", "wish_of"]


def known_labels(feature: FittedFeature) -> list[str]:
    """The labels that a column of ids has a place of its own for."""
    space = feature.space
    assert isinstance(space, Tokens)
    words = feature.decode(Field(torch.arange(space.size)[:, None]))
    new = feature.encode(pl.Series(words.name, ["\0 never seen"], dtype=pl.String)).values.flatten()[0]
    return [str(word) for place, word in enumerate(words) if word is not None and place != int(new)]


def wish_of(run: "Run", labels: Sequence[str]) -> dict[str, Field]:
    """One row of stored conditions; {} where nothing is wished.

    Raises:
        Refused: the run has learnt no labels. RecipeError: an unknown label, or it is not clear of which column.
    """
    names = run.recipe.conditions
    if labels and not names:
        raise Refused(
            f"The run {run.name} has learnt no labels, so none can be asked for. Sub-folders give labels, and so does "
            "--set task.condition=COLUMN in training."
        )
    wish: dict[str, Field] = {}
    for text in labels:
        name, label = _parted(text, names)
        known = known_labels(run.features[name])
        found = run.features[name].encode(pl.Series(name, [label], dtype=pl.String))
        said = run.features[name].decode(found)[0]
        if said not in known:
            raise RecipeError(f"--label: '{name}' knows no '{label}'. {did_you_mean(label, known)}")
        if name in wish:
            raise RecipeError(f"--label: '{name}' is asked for twice; one creation has one label.")
        wish[name] = found
    return wish


def _parted(text: str, names: Sequence[str]) -> tuple[str, str]:
    """The column and the label."""
    name, sign, label = text.partition("=")
    if sign and name in names:
        return name, label
    if len(names) > 1:
        raise RecipeError(
            f"--label: this run has learnt {', '.join(names)}; say which is meant: --label {names[0]}={text}"
        )
    return names[0], text


def fulfils(run: "Run", table: Table, wish: Fields) -> np.ndarray:
    """(rows,) bool: real examples that are what is wished."""
    suits = np.ones(table.height, bool)
    for name, field in wish.items():
        ids = run.features[name].encode(table.select([name]).to_series()).values
        suits &= (ids == field.values).flatten(1).all(1).numpy()
    return suits
