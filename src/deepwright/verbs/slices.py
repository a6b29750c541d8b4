"""Slices: the figure for parts of the rows, to see whom the network serves badly."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch

from deepwright.core.report import Block, Grid
from deepwright.core.wording import capital, number
from deepwright.doctor import looks_personal
from deepwright.metrics.families import RowMetric
from deepwright.verbs.figures import figure_of, named
from deepwright.verbs.validation import metric

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["bootstrap", "slices"]

FEWEST = 20  # rows a slice
MOST = 24  # slices shown
ENOUGH = 200  # slices looked at; no further column then
DRAWS = 200
BOOTSTRAPPED = 4096  # rows of a slice at most


def slices(run: "Run", answered: Any, name: str) -> list[Block]:
    """A table of slices by every feature's cheap columns, the ones that are most surely worse than the whole first."""
    measure = metric(name)
    rows = measure.rows(answered.answer, answered.truth).double()
    whole = measure.value(rows)
    sign = 1.0 if measure.better == "higher" else -1.0
    generator = torch.Generator().manual_seed(0)
    found = []
    for column, part, chosen in _parts(run, answered):
        own = rows[torch.from_numpy(chosen)]
        figure = figure_of(measure, own, bootstrap(measure, own, generator))
        if figure.value is None or figure.low is None or figure.high is None:
            continue
        best = figure.high if measure.better == "higher" else figure.low
        found.append((sign * (best - whole), column, part, len(chosen), figure.text))
    if len(found) < 2:
        return []
    found.sort(key=lambda one: one[0])
    table = tuple((column, part, rows_, figure) for _, column, part, rows_, figure in found[:MOST])
    label = named(name)
    together = figure_of(measure, rows, bootstrap(measure, rows, torch.Generator().manual_seed(0)))
    note = (
        f"All rows together: {together.text}. Parts of at least {FEWEST} rows, first those that are most surely worse than "
        "the whole; many are looked at, so some differ by chance."
    )
    head = ("column", "part", "rows", f"{label} [95 % interval]")
    return [Grid(f"{capital(label)} in parts of the data", head, table, note)]


def bootstrap(measure: RowMetric, rows: torch.Tensor, generator: torch.Generator) -> np.ndarray:
    """(R,) figures of a bootstrap; of many rows one of some of them, its spread narrowed as the figure of all rows is.

    A spread falls with the root of the number of rows (Bickel, Götze & van Zwet 1997, Statistica Sinica 7): so time and
    memory stay bounded.
    """
    some = rows
    if len(rows) > BOOTSTRAPPED:
        some = rows[torch.randperm(len(rows), generator=generator)[:BOOTSTRAPPED]]
    picks = torch.randint(len(some), (DRAWS, len(some)), generator=generator)
    one = torch.ones((), dtype=torch.float64).expand_as(picks)
    counts = torch.zeros(DRAWS, len(some), dtype=torch.float64).scatter_add_(1, picks, one)
    draws = measure.values(some, counts).numpy()
    if len(some) == len(rows):
        return draws
    return measure.value(rows) + (draws - measure.value(some)) * (len(some) / len(rows)) ** 0.5


def _parts(run: "Run", answered: Any) -> Iterator[tuple[str, str, np.ndarray]]:
    """Column, part in words and row places: labels and flags as they are, quantities in thirds."""
    count = 0
    for name, feature in run.features.items():
        if count > ENOUGH:
            break
        cells = answered.table.take(answered.rows, [name])[name]
        if looks_personal(name, cells):
            continue  # a slice would be named by its cells
        flat = feature.baseline_columns(cells)
        if flat.width > 25:
            continue  # pictures and their like: a pixel is no slice
        for column in flat.columns:
            parts = _cut(name, column.removeprefix(f"{name}: "), flat[column])
            count += len(parts)
            yield from parts


def _cut(name: str, part: str, column: pl.Series) -> list[tuple[str, str, np.ndarray]]:
    """The slices of a flat column: a label's rows, or thirds of a quantity; none of what has no words (cycles, shares)."""
    values = column.cast(pl.Float64).to_numpy()
    missing = np.isnan(values)
    pieces = [("missing", missing)]
    known = np.unique(values[~missing])
    flag = set(known) <= {0.0, 1.0}
    if part != name:
        pieces = [(part, values == 1.0)] if flag else []
    elif len(known) <= 2:
        pieces += [(("no", "yes")[int(value)] if flag else number(float(value)), values == value) for value in known]
    else:
        first, second = np.quantile(values[~missing], [1 / 3, 2 / 3])
        pieces += [
            (f"up to {number(float(first))}", values <= first), (f"{number(float(first))} to {number(float(second))}", (values > first) & (values <= second)),
            (f"above {number(float(second))}", values > second),
        ]  # fmt: skip
    return [(name, words, np.flatnonzero(here)) for words, here in pieces if FEWEST <= here.sum() < len(values)]
