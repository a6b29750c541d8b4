"""What a family's creations look like beside real examples: figures with their controls, and the first few to be shown."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch

from deepwright.core.errors import DataError, RunError
from deepwright.core.seeds import derive
from deepwright.fields import Fields
from deepwright.verbs.beside import FEW, compared_rows, shape_of, too_few
from deepwright.verbs.creation.making import Maker, decode, joined
from deepwright.verbs.creation.state import State
from deepwright.verbs.extractors import RandomExtractor, embedded, picture_columns
from deepwright.verbs.jobs.bases import Base
from deepwright.verbs.likeness import picture_likeness
from deepwright.verbs.rows import shown_cells
from deepwright.verbs.table_likeness import table_likeness

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["SHOWN", "as_seen", "compared", "shown"]

SHOWN = 8  # creations of each family


def compared(run: "Run", base: Base, most: int) -> dict[str, Any]:
    """Plain JSON: "figures" of pictures (under "likeness") or of rows (under "rows"), None where nothing could be measured, then
    "notes" say why; the number of "weights"; what is "shown"; "all": no more creations could be compared; and the "seconds"
    that "making" them took.

    Args:
        base: what the run learnt from. most: creations and held-out examples that are compared.
    """
    began = time.monotonic()
    order = np.random.default_rng(derive(run.recipe.seed, "held"))
    held, train = compared_rows(run, most, order)
    n = max(SHOWN, min(most, len(held)))
    made = {
        name: field
        for name, field in joined([z for _, z in Maker(run, State()).pieces(range(n))]).items()
        if name in run.created
    }
    making = time.monotonic() - began
    figures, notes = None, []
    if min(len(held), len(train)) < FEW:
        notes = [too_few(len(held))]
    elif any(made[name].values.shape[1:] != shape_of(run, name) for name in run.created):
        notes = ["Nothing was measured: the creations are of another size than the examples."]
    else:
        try:
            figures = _figures(run, base, made, held, train, order)
        except (RunError, DataError) as error:
            notes = [f"Nothing could be measured: {error}"]
    first = decode(run, {name: field[slice(0, SHOWN)] for name, field in made.items()})
    return {
        "figures": figures, "notes": notes, "all": figures is None or len(held) < most,
        "weights": sum(parameter.numel() for parameter in run.network.parameters()), "shown": shown(run, first),
        "seconds": {"making": making, "all": time.monotonic() - began},
    }  # fmt: skip


def _figures(
    run: "Run", base: Base, made: Fields, held: np.ndarray, train: np.ndarray, order: np.random.Generator
) -> dict[str, Any]:
    """As `measured` gives them. Of pictures by what random convolutions see of them, at the size at which they are learnt; of rows by their cells."""
    seed = run.recipe.seed
    if not picture_columns(run.created):
        table, names = run.training_data().table, list(run.created)
        known, real = table.take(train, names), table.take(held, names)
        return {"rows": table_likeness(run, decode(run, made), real, known, seed).to_dict()}
    some = train[np.sort(order.permutation(len(train))[: 2 * len(held)])]
    known, real = as_seen(run, base, some), as_seen(run, base, held)
    return {"likeness": picture_likeness(run, RandomExtractor(run.created, known), made, real, known, seed).to_dict()}


def as_seen(run: "Run", base: Base, rows: np.ndarray) -> Fields:
    """Examples as the network sees them, the columns that are created."""
    stored = base.packed.take(torch.from_numpy(rows)).inputs
    return embedded(run, {name: stored[name] for name in run.created})


def shown(run: "Run", frame: pl.DataFrame) -> dict[str, Any]:
    """Examples for people: "pictures" by column as data URIs, other "cells" by column as text, masked where they look personal."""
    found: dict[str, Any] = {"pictures": {}, "cells": {}}
    for column in frame:
        kind = "pictures" if column.dtype == pl.Binary else "cells"
        found[kind][column.name] = shown_cells(run, column.name, column)
    return found
