"""Creating: what a recipe without a target needs: the task named, columns to create, columns that say what is wanted."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from deepwright.contracts import Creatable, Finding, FittedFeature, Particular
from deepwright.core.errors import DataError, RecipeError
from deepwright.core.wording import plural
from deepwright.data.pack import Packed
from deepwright.data.sources.pictures import as_text
from deepwright.data.split import PARTS
from deepwright.draft import Draft
from deepwright.models import infer_model
from deepwright.recipe import Recipe, plain
from deepwright.spaces import Box

__all__ = ["LABEL", "choose_model", "divide", "keep_fixed", "settle", "viewed", "wished", "with_pictures"]

LABEL = "label"  # the column that sub-folders and files of labelled pictures bring along


def settle(draft: Draft, recipe: Recipe) -> Recipe:
    """The recipe with the task `generate` named, where it creates, and with the pictures that its model names in it.

    Raises:
        RecipeError: a target, or a task and a model of which one creates and the other answers. DataError: no such picture.
    """
    if not recipe.creates:
        return recipe
    if recipe.target:
        who = f"the task '{recipe.task.kind}'" if recipe.model is None else f"the model '{recipe.model.kind}'"
        raise RecipeError(
            f"{draft.place(('target',))}: {who} creates inputs and answers nothing; leave the target {_quoted(recipe.target)} out."
        )
    if recipe.task is not None and recipe.task.learns != "inputs":
        raise RecipeError(
            f"{draft.place(('task',))}: the model '{recipe.model.kind}' creates, the task '{recipe.task.kind}' answers. "
            "Use --task generate, or another model."
        )
    if recipe.model is not None and recipe.model.learns != "inputs":
        raise RecipeError(
            f"{draft.place(('model',))}: the model '{recipe.model.kind}' answers and creates nothing, as the task "
            f"'{recipe.task.kind}' wants. Leave --model out to have one chosen."
        )
    given = draft.get("task")
    if not isinstance(given, str):
        draft.put(("task",), {"kind": "generate", **(given or {})}, draft.place(("task",)))
    model = recipe.model
    if isinstance(model, Particular):
        for name, longer in model.named.items():
            if getattr(model, name) is not None:
                place = draft.place(("model", name))
                draft.put(("model", name), as_text(getattr(model, name), getattr(model, longer)), place)
        if not model.labelled and not draft.has("task", "condition"):
            draft.put(("task", "condition"), [], "what the model learns")
    return Recipe.from_draft(draft)


def viewed(recipe: Recipe, chosen: Mapping[str, Any], seconds: float | None) -> dict[str, Any]:
    """Settings of columns as they suit what is learnt from them, where the person left them open.

    Args:
        seconds: the budget, where it is one of time.
    """
    if not recipe.creates:
        return dict(chosen)
    wanted = recipe.model.views if isinstance(recipe.model, Particular) else {}
    return {name: one.creating(seconds, wanted) if isinstance(one, Creatable) else one for name, one in chosen.items()}


def wished(recipe: Recipe, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that say what is to be created.

    Raises:
        RecipeError: one of them is no column, or is left out.
    """
    if not recipe.creates:
        return ()
    ignored = set(recipe.data.ignore)
    return recipe.task.divided({name: None for name in columns if name not in ignored}, LABEL)


def keep_fixed(draft: Draft, column: pl.Series, findings: Sequence[Finding]) -> list[Finding]:
    """Put the cell of a column that never changes into the draft: rows that are made get it back. The findings then say so.

    Args:
        column: its training rows. findings: about this column.
    """
    if not any(finding.code == "constant" for finding in findings):
        return list(findings)
    cell, name = column.drop_nulls()[0], column.name
    known = plain(draft.get("task", "fixed") or {})
    draft.put(("task", "fixed"), {**known, name: _plain_cell(cell)}, "found out")
    text = f"'{name}' is '{str(cell)[:40]}' in every row: it is not learnt, and rows that are made get it back."
    return [replace(finding, text=text) if finding.code == "constant" else finding for finding in findings]


def _plain_cell(cell: Any) -> bool | int | float | str:
    """A cell as a recipe holds it: text that is exactly how a number is written becomes that number, "007" does not."""
    if isinstance(cell, bool | int | float):
        return cell
    text = str(cell)
    for kind in (int, float):
        with suppress(ValueError, OverflowError):
            if str(kind(text)) == text and math.isfinite(kind(text)):
                return kind(text)
    return text


def divide(draft: Draft, fitted: dict[str, FittedFeature], conditions: Sequence[str], rows: int,
           findings: list[Finding]) -> dict[str, FittedFeature]:  # fmt: skip
    """The columns that are created and their conditions; the others are ignored, and said so. The draft then says which.

    Raises:
        Refused: no family creates these columns, or the one that is named does not.
    """
    free = {name: feature for name, feature in fitted.items() if name not in conditions}
    choose_model(draft, free, {}, rows)
    model = Recipe.from_draft(draft).model
    taken = model.takes({name: feature.space for name, feature in free.items()})
    rest = [name for name in free if name not in taken]
    draft.put(("task", "condition"), list(conditions), draft.place(("task",)))
    if rest:
        draft.put(("data", "ignore"), [*plain(draft.get("data", "ignore") or []), *rest], "not taken by the model")
        text = f"'{model.kind}' learns {_quoted(taken)}; {_quoted(rest)} {'is' if len(rest) == 1 else 'are'} left out."
        findings.append(Finding("note", "choice", text))
    if conditions:
        text = (
            f"{_quoted(conditions)} {'says' if len(conditions) == 1 else 'say'} what is to be created (generate --label). "
            "To leave it out: --set task.condition=[]"
        )
        findings.append(Finding("note", "choice", text))
    return {name: fitted[name] for name in fitted if name in taken or name in conditions}


def choose_model(draft: Draft, fitted: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int) -> None:
    """Put the family that suits best into the draft, where it names none.

    Raises:
        Refused: none suits.
    """
    given: Any = draft.get("model")
    if given is None or (isinstance(given, dict) and "kind" not in given):
        suits = infer_model(fitted, heads, rows)
        draft.put(("model",), {**plain(suits.settings.model_dump()), **(given or {})}, draft.place(("model",)))


def with_pictures(
    fitted: Mapping[str, FittedFeature], packed: Packed, parts: np.ndarray, findings: list[Finding]
) -> np.ndarray:
    """The parts without rows whose picture is missing or broken: the mean colour in its place would be learnt as a picture.

    Raises:
        DataError: no row with a picture is left for training or validation.
    """
    there = np.ones(len(parts), bool)
    for name, feature in fitted.items():
        present = packed.flags.get((("input", name), "present"))
        if present is not None and isinstance(feature.space, Box) and len(feature.space.shape) == 3:
            there &= present.numpy()
    lost = int(((parts >= 0) & ~there).sum())
    if not lost:
        return parts
    text = f"{plural(lost, 'row')} without a picture that can be read {'is' if lost == 1 else 'are'} left out."
    findings.append(Finding("note", "no-picture", text))
    kept = np.where(there, parts, -1).astype(np.int8)
    for part, code in PARTS.items():
        if part != "test" and not (kept == code).any():
            raise DataError(f"No row with a picture is left for {part}. Expected at least one; give more pictures.")
    return kept


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
