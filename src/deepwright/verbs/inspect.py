"""Inspect: what the data is and what is wrong with it, before anything is trained."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from deepwright.core.report import Block, Grid, Headline, Report, Text
from deepwright.core.size import told
from deepwright.core.wording import number
from deepwright.doctor import examine, looks_personal, stricter
from deepwright.draft import Draft
from deepwright.page.cells import shorten
from deepwright.preparation import Prepared, prepare
from deepwright.verbs.overfit import overfit as self_test
from deepwright.verbs.train import check_fit
from deepwright.verbs.worst import MASK

__all__ = ["inspect"]


def inspect(draft: Draft, source: Any = None, overfit: bool = False) -> Report:
    """The doctor's report on a source.

    Args:
        overfit: also train on a few rows for some seconds, to see whether anything can be learnt at all.

    Raises:
        RecipeError, DataError: the data cannot be used for what is asked.
    """
    prepared = prepare(draft, source)
    check_fit(prepared)
    findings = [*prepared.findings, *examine(prepared)]
    if prepared.recipe.data.strict:
        findings = stricter(findings)
    table = prepared.data.table
    counts = {name: len(prepared.rows(name)) for name in ("train", "validation", "test")}
    data: dict[str, Any] = {
        "version": 1, "rows": table.height, "columns": len(table.columns), "split": counts,
        "inputs": {name: feature.kind for name, feature in prepared.features.items()},
        "ignored": list(prepared.recipe.data.ignore), "task": None if prepared.task is None else prepared.task.kind,
        "model": prepared.recipe.model.kind, "packed_bytes": prepared.packed.bytes,
        "findings": [vars(finding) for finding in findings],
    }  # fmt: skip
    blocks: list[Block] = [
        Headline(
            "rows",
            number(table.height),
            f"{number(counts['train'])} training, {number(counts['validation'])} validation, {number(counts['test'])} test",
        ),
        Headline("inputs", str(len(prepared.features)), f"of {len(table.columns)} columns"),
        Headline(
            "would train",
            prepared.recipe.model.kind,
            f"to {data['task'] or 'create'}; {told(prepared.packed.bytes)} in memory",
        ),
    ]
    warnings = [finding for finding in findings if finding.severity != "note"]
    blocks += [Text(finding.text, "bad" if finding.severity == "error" else "warning") for finding in warnings]
    if not warnings:
        blocks.append(Text("Nothing wrong was found.", "good"))
    if overfit:
        tested = self_test(prepared)
        data["overfit"] = tested.to_dict()
        blocks.append(tested.block())
    notes = tuple((finding.column or "–", finding.text) for finding in findings if finding.severity == "note")
    if notes:
        blocks.append(Grid("Notes", ("column", "what"), notes))
    blocks.append(_columns(prepared))
    return Report("inspect", f"What {table.origin} is", data, tuple(blocks))


def _columns(prepared: Prepared) -> Grid:
    """Every input with what it is taken for, its gaps and some cells."""
    rows = []
    sample = prepared.rows("train")[:3].numpy()
    for name, feature in prepared.features.items():
        column = prepared.data.table.select([name]).to_series()
        empty = column.null_count() + (int((column == "").sum()) if column.dtype == pl.String else 0)
        shown = ["picture" if cell.startswith("data:") else cell for cell in feature.show(column.gather(sample))]
        if looks_personal(name, column.head(1000)):
            shown = [MASK]
        distinct = None if column.dtype.is_nested() or column.dtype == pl.Binary else column.n_unique()
        rows.append((name, feature.kind, distinct, empty, _fitting(shown)))
    return Grid("Inputs", ("column", "taken as", "different", "empty", "for example"), tuple(rows), raw=True)


def _fitting(cells: Sequence[str], longest: int = 60) -> str:
    """As many whole cells as there is room for; the first is cut where it has none.

    >>> _fitting(["2021-01-01 10:00:00", "2021-02-02 11:00:00"], 30), _fitting(["abcdef"], 4)
    ('2021-01-01 10:00:00', 'abc…')
    """
    text = shorten(cells[0], longest) if cells else ""
    for cell in cells[1:]:
        if len(text) + 2 + len(cell) > longest:
            break
        text += f", {cell}"
    return text
