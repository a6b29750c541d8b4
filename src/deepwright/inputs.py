"""Inputs: which columns are learnt from, and what each of them is."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from deepwright import registries
from deepwright.contracts import Creatable, Finding
from deepwright.core.errors import DataError
from deepwright.core.wording import plural
from deepwright.creating import keep_fixed, viewed, wished
from deepwright.data.cells import blank_to_null
from deepwright.data.split import PARTS
from deepwright.data.table import Table
from deepwright.draft import Draft
from deepwright.features import infer_features
from deepwright.recipe import Recipe, plain

__all__ = ["chosen_features"]

ROWS = 25_000  # that a column's kind is found out from
_BLOCKS = 25  # of rows that follow each other: what belongs together often does


def chosen_features(
    draft: Draft, recipe: Recipe, table: Table, parts: np.ndarray, split: Any, findings: list[Finding]
) -> dict[str, Any]:
    """Settings of each input column, found out from training rows; what is left out goes to `data.ignore`, and is told.

    Args:
        parts: (rows,) int8, as of `Prepared`.

    Raises:
        DataError: no column is left, or there are too few rows.
    """
    left = {*recipe.target, *recipe.data.ignore, recipe.data.id, recipe.data.group, *split.needs()}
    left -= {recipe.data.time} - set(recipe.data.ignore)
    left -= set(recipe.features)
    names = [name for name in table.columns if name not in left]
    train = np.flatnonzero(parts == PARTS["train"])
    if len(train) < 2:
        raise DataError(
            f"{table.origin} holds {plural(table.height, 'example')}, of which {len(train)} can be learnt from: too few. "
            "Give some dozens at least."
        )
    some = _some(train)
    half_named = {n: s for n, s in (draft.get("features") or {}).items() if isinstance(s, dict) and "kind" not in s}
    settings: dict[str, Any] = {}
    why: list[str] = []  # columns are left out
    budget = recipe.train.budget
    seconds = budget.amount if budget.unit == "seconds" and draft.has("train", "budget") else None
    words = {name: registries.features.get("category")() for name in wished(recipe, table.columns)}
    given = {**words, **recipe.features}
    for name in names:
        column = table.select([name]).to_series()
        inferred = infer_features({name: column.gather(some)}, given, some)
        if inferred.left_out and len(some) < len(train):  # what is said of every row is true of every row
            inferred = infer_features({name: column.gather(train)}, given, train)
        settings |= inferred.settings
        as_they_are = recipe.creates and isinstance(inferred.settings.get(name), Creatable)  # nothing is augmented then
        untold = "choice" if name in half_named or as_they_are else ""
        found = keep_fixed(draft, column.gather(some), inferred.findings) if recipe.creates else inferred.findings
        findings += [_worse(finding, column) for finding in found if finding.code != untold]
        if inferred.left_out:
            why += [finding.text for finding in inferred.findings]
            draft.put(("data", "ignore"), [*(plain(draft.get("data", "ignore") or []) or []), name], "found out")
    for name, own in half_named.items():
        if name in settings:
            merged = {**plain(settings[name].model_dump()), **own}
            draft.put(("features", name), merged, draft.place(("features", name)))
            settings[name] = Recipe.from_draft(draft).features[name]
    settings = viewed(recipe, settings, seconds)
    if not settings:
        quoted = ", ".join(f"'{name}'" for name in recipe.target)
        besides = f" besides the target {quoted}" if quoted else ""
        raise DataError(" ".join((f"No input column is left in {table.origin}{besides}.", *why[:5])))
    return settings


def _some(rows: np.ndarray) -> np.ndarray:
    """All rows where they are few, else blocks from the whole of them."""
    if len(rows) <= ROWS:
        return rows
    long = ROWS // _BLOCKS
    starts = np.linspace(0, len(rows) - long, _BLOCKS).astype(np.int64)
    return rows[(starts[:, None] + np.arange(long)).ravel()]


def _worse(finding: Finding, column: pl.Series) -> Finding:
    """A column that is empty in every row, not in training rows only, is an error: it was hardly meant so."""
    if finding.code != "all-missing":
        return finding
    filled = blank_to_null(column) if column.dtype == pl.String else column
    if filled.null_count() == len(column):
        text = f"'{column.name}' is empty in every row. Fill it, or leave it out: --ignore '{column.name}'"
        return replace(finding, severity="error", text=text)
    return replace(finding, text=f"'{column.name}' is empty in every training row and is left out.")
