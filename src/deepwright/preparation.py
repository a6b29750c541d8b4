"""Preparation: from raw data and a draft of a recipe to encoded examples, fitted features and task, and the full recipe."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deepwright import registries
from deepwright.contracts import Finding, FittedFeature, FittedTask
from deepwright.core.errors import DataError, RecipeError
from deepwright.core.wording import number
from deepwright.creating import LABEL, choose_model, divide, settle, wished, with_pictures
from deepwright.data.cells import decimal_sign
from deepwright.data.chain import Chain
from deepwright.data.decimals import with_sign
from deepwright.data.examples import Examples, plan_examples
from deepwright.data.fitting import fit_features
from deepwright.data.looking import check_room
from deepwright.data.pack import Packed, pack
from deepwright.data.room import at_once
from deepwright.data.sources import open_source
from deepwright.data.split import PARTS
from deepwright.data.table import Table, require_columns
from deepwright.draft import Draft
from deepwright.inputs import chosen_features
from deepwright.recipe import Recipe, plain
from deepwright.spaces import Box
from deepwright.tasks import infer_task

__all__ = ["Data", "Prepared", "choose", "open_data", "prepare"]


@dataclass
class Data:
    """Opened data: one row an example."""

    table: Table
    examples: Examples | None = None
    tests: int = 0  # rows at the end that came from a test file


@dataclass
class Prepared:
    """All that training needs.

    Args:
        parts: (rows,) int8: 0 train, 1 validation, 2 test, -1 not used.
    """

    recipe: Recipe
    data: Data
    parts: np.ndarray
    features: Mapping[str, FittedFeature]
    task: FittedTask | None
    packed: Packed
    findings: list[Finding] = field(default_factory=list)

    def rows(self, part: str) -> Tensor:
        """(n,) packed rows of "train", "validation" or "test"."""
        return torch.from_numpy(np.flatnonzero(self.parts == PARTS[part]))


def open_data(
    recipe: Recipe, source: Any = None, test: Any = None, examples: Examples | None = None
) -> tuple[Data, Any]:
    """The data a recipe names (or `source` in its place) and the source's settings, with what was found out about it."""
    settings, table = open_source(recipe.data.source if source is None else source, recipe.creates)
    test = recipe.data.test if test is None else test
    second = None if test is None else with_sign(open_source(test)[1], table.decisions.get("decimal", "."))
    if recipe.data.id is not None:
        with decimal_sign(table.decisions.get("decimal")):
            examples = examples or plan_examples(table, recipe.data.id, recipe.target, recipe.data.ignore)
        decided, table = table, examples.apply(table)
        second = None if second is None else examples.apply(second)
        settings = settings.model_copy(update=dict(decided.decisions))
    else:
        settings = settings.model_copy(update=dict(table.decisions))
    if second is None:
        return Data(table, examples), settings
    require_columns(second, recipe.target, "the target, in the test file")
    return Data(Chain(table, second), examples, second.height), settings


def prepare(
    draft: Draft, source: Any = None, test: Any = None, tell: Callable[[str], None] = lambda text: None
) -> Prepared:
    """Find out what is left open, fit on training rows, encode all.

    Args:
        source, test: data that wins over the recipe's (paths, frames). tell: called with what is being done.

    Raises:
        RecipeError, DataError: in sentences, before any training.
    """
    recipe = Recipe.from_draft(draft)
    if recipe.data.source is None and source is None:
        raise RecipeError("There is no data: give a file or folder, or 'data: {source: …}' in the recipe.")
    tell("reading")
    recipe = settle(draft, recipe)
    if not recipe.creates:
        _name_target(draft, recipe, source)
        recipe = Recipe.from_draft(draft)
    data, settings = open_data(recipe, source, test)
    recipe = _timed(draft, recipe, data)
    stored = settings.model_dump() if recipe.data.source is not None or source is None else None
    with decimal_sign(data.table.decisions.get("decimal")):
        return _prepared(draft, recipe, data, stored, tell)


def _timed(draft: Draft, recipe: Recipe, data: Data) -> Recipe:
    """Examples of several rows are ordered by the time of their first row, where --time names a column of rows."""
    first = f"{recipe.data.time} first"
    if data.examples is None or recipe.data.time in (None, *data.table.columns) or first not in data.table.columns:
        return recipe
    draft.put(("data", "time"), first, draft.place(("data", "time")))
    return Recipe.from_draft(draft)


def _prepared(draft: Draft, recipe: Recipe, data: Data, stored: Any, tell: Callable[[str], None]) -> Prepared:
    """See `prepare`; `stored`: the source's settings as the recipe keeps them, None for data in memory."""
    table, findings = data.table, list(data.table.findings)
    check_room(table)
    targets = recipe.target
    _check_columns(recipe, table, () if data.examples is None else data.examples.ignored)
    frame = table.select(targets)
    usable = _usable(frame) if targets else np.arange(table.height)
    if not len(usable):
        raise DataError(f"The target {_quoted(targets)} is empty in every row of {table.origin}.")
    findings += _without_target(usable, table.height, targets)
    tell("dividing rows")
    task_settings = _task(draft, frame, findings) if targets else None
    parts, split = _split(draft, recipe, data, frame, usable, findings)
    task = None
    if targets:
        task, parts = _fit_task(task_settings, frame, parts, targets, findings)
    tell("looking at columns")
    chosen = chosen_features(draft, recipe, data.table, parts, split, findings)
    if isinstance(table, Chain):
        require_columns(table.second, list(chosen), "an input, in the test file")
    tell("learning scales")
    fitted = fit_features(chosen, table, parts)
    if task is None:
        trained = int((parts == PARTS["train"]).sum())
        fitted = divide(draft, fitted, wished(recipe, table.columns), trained, findings)
        chosen = {name: chosen[name] for name in fitted}
    tell("encoding")
    columns = [*chosen, *targets]
    packed = pack(table.chunks(columns, at_once(len(columns))), table.height, fitted, task, targets)
    if task is None:
        parts = with_pictures(fitted, packed, parts, findings)
    final = _complete(draft, recipe, fitted, task, chosen, split, stored, int((parts == 0).sum()), table)
    return Prepared(final, data, parts, fitted, task, packed, findings)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _name_target(draft: Draft, recipe: Recipe, source: Any) -> None:
    """Folders of pictures and IDX files bring their target along: the column `label`."""
    if recipe.target:
        return
    _, table = open_source(recipe.data.source if source is None else source)
    if LABEL in table.columns:
        draft.put(("target",), [LABEL], "the column 'label'")
        return
    shown = ", ".join(table.columns[:30]) + (", …" if len(table.columns) > 30 else "")
    hint = (
        "Put the pictures of each class into a sub-folder of its own to have them told apart"
        if "image" in table.columns
        else "Name the column with --target"
    )
    raise RecipeError(
        f"It is not said what is to be learnt. {hint}, or make new examples like these with --task generate. "
        f"Columns of {table.origin}: {shown}."
    )


def _check_columns(recipe: Recipe, table: Table, ignored: Sequence[str]) -> None:
    """Every column that is named is there; `ignored`: those that were left out when rows became examples."""
    twice = sorted({name for name in recipe.target if recipe.target.count(name) > 1})
    if twice:
        raise RecipeError(f"The target {_quoted(twice)} is named twice; once is enough.")
    if recipe.data.group is not None and recipe.data.time is not None:
        raise RecipeError(
            "--time and --group cannot be used together: one of them must divide the rows. "
            "Leave one out, or add a column with train, validation and test, and use --set data.split.kind=given"
        )
    require_columns(table, recipe.target, "the target")
    require_columns(table, [name for name in recipe.data.ignore if name not in ignored], "--ignore")
    require_columns(table, list(recipe.features), "named under 'features'")
    for name, role in ((recipe.data.group, "--group"), (recipe.data.time, "--time")):
        if name is not None:
            require_columns(table, [name], role)
    both = set(recipe.target) & {*recipe.data.ignore, *recipe.features}
    if both:
        raise RecipeError(f"{_quoted(sorted(both))} cannot be the target and an input (or ignored) at once.")


def _usable(frame: pl.DataFrame) -> np.ndarray:
    """Rows whose targets are not all empty."""
    known = np.zeros(frame.height, bool)
    for column in frame:
        text = column.str.strip_chars() if column.dtype == pl.String else column
        here = text.is_not_null() & (text != "") if column.dtype == pl.String else text.is_not_null()
        known |= here.to_numpy()
    return np.flatnonzero(known)


def _without_target(usable: np.ndarray, rows: int, targets: Sequence[str]) -> list[Finding]:
    """What is told of rows whose targets are all empty."""
    lost = rows - len(usable)
    if not lost:
        return []
    first = int(np.setdiff1d(np.arange(rows), usable, assume_unique=True)[0])
    text = (
        f"{_quoted(targets)} {'is' if len(targets) == 1 else 'are'} empty in {number(lost)} of {number(rows)} rows, "
        f"the first in row {number(first + 1)}; they are left out."
    )
    return [Finding("warning" if lost > 0.1 * rows else "note", "missing-target", text, targets[0], lost, first)]


def _task(draft: Draft, frame: pl.DataFrame, findings: list[Finding]) -> Any:
    given = draft.get("task")
    if isinstance(given, str) or (isinstance(given, dict) and "kind" in given):
        return Recipe.from_draft(draft).task
    suits = infer_task(frame)
    findings += [Finding("note", "choice", note, frame.columns[0]) for note in suits.notes]
    inferred = plain(suits.settings.model_dump())
    draft.put(("task",), {**inferred, **(given or {})}, draft.place(("task",)))
    findings.append(Finding("note", "task", f"The task is to {suits.settings.kind}: {suits.reason}."))
    return Recipe.from_draft(draft).task


def _split(
    draft: Draft, recipe: Recipe, data: Data, frame: pl.DataFrame, usable: np.ndarray, findings: list[Finding]
) -> tuple[np.ndarray, Any]:
    """Parts of all rows, and the split's settings."""
    split = recipe.data.split or _natural_split(draft, recipe, data.table)
    if recipe.data.split is None and split.kind == "given":
        text = "The column 'split' says which rows train, validate and test. To divide by chance: --ignore split"
        findings.append(Finding("note", "choice", text, "split"))
    parts = np.full(data.table.height, -1, np.int8)
    target = frame.to_series(0) if frame.width == 1 else None
    wishes = wished(recipe, data.table.columns)
    if len(wishes) == 1:  # every part has its share of each
        target = data.table.select(wishes).to_series()
    require_columns(data.table, split.needs(), f"which the split '{split.kind}' goes by")
    columns = {name: data.table.select([name]).to_series() for name in split.needs()}
    findings += split.findings(columns)
    if data.tests:
        first = data.table.height - data.tests
        own, split = usable[usable < first], split.model_copy(update={"test": 0.0})
        parts[own] = split.assign(columns, target, own, recipe.seed)
        parts[usable[usable >= first]] = PARTS["test"]
    else:
        parts[usable] = split.assign(columns, target, usable, recipe.seed)
    return parts, split


def _natural_split(draft: Draft, recipe: Recipe, table: Table) -> Any:
    if recipe.data.group is not None:
        return registries.splits.get("group")(by=recipe.data.group)
    if recipe.data.time is not None:
        form = draft.get("features", recipe.data.time, "form")  # dates are ordered as they are read
        return registries.splits.get("time")(by=recipe.data.time, form=form if isinstance(form, str) else "")
    if "split" in table.columns and "split" not in {*recipe.target, *recipe.features, *recipe.data.ignore}:
        given = registries.splits.get("given")
        cells = table.select(["split"]).to_series().drop_nulls()
        text = isinstance(cells.dtype, pl.String | pl.Categorical | pl.Enum)
        words = set(cells.cast(pl.String).unique().str.strip_chars().str.to_lowercase()) if text else set()
        if (
            words
            and words <= {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
            and len(words) > 1
        ):
            return given()
    return registries.splits.get("stratified")()


def _fit_task(
    settings: Any, frame: pl.DataFrame, parts: np.ndarray, targets: Sequence[str], findings: list[Finding]
) -> tuple[FittedTask, np.ndarray]:
    """The task, learnt from training rows; rows it cannot read are not used."""
    train = frame.filter(parts == PARTS["train"])
    task = settings.fit(settings.summarise(train), targets)
    fields = task.encode(frame)
    known = np.zeros(frame.height, bool)
    for name in fields:
        present = fields[name].present
        known |= np.ones(frame.height, bool) if present is None else present.numpy()
    lost = (parts >= 0) & ~known
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        cells = ", ".join(
            dict.fromkeys(f"'{cell}'" for cell in frame.filter(lost).to_series(0).cast(pl.String).head(50))
        )
        text = f"{int(lost.sum())} rows have a target that cannot be used ({cells[:200]}; the first is row {row + 1}); they are left out."
        findings.append(Finding("warning", "bad-target", text, targets[0], int(lost.sum()), row))
    parts = np.where(known, parts, -1).astype(np.int8)
    for name, part in PARTS.items():
        if name != "test" and not (parts == part).any():
            raise DataError(f"No row with a known target is left for {name}. Expected at least one; give more rows.")
    return task, parts


def _complete(
    draft: Draft, recipe: Recipe, fitted: Mapping[str, FittedFeature], task: FittedTask | None, chosen: Mapping[str, Any],
    split: Any, source: Any, rows: int, table: Table,
) -> Recipe:  # fmt: skip
    """The full recipe: nothing left to be inferred."""
    for name, settings in chosen.items():
        draft.put(("features", name), plain(settings.model_dump()), draft.place(("features", name)))
    draft.put(("data", "split"), plain(split.model_dump()), draft.place(("data", "split")))
    if source is not None:
        source = {**source, "path": str(Path(source["path"]).resolve())} if "path" in source else source
        draft.put(("data", "source"), source, draft.place(("data", "source")))
    if recipe.data.test is not None:
        draft.put(("data", "test"), str(Path(recipe.data.test).resolve()), draft.place(("data", "test")))
    return choose(draft, fitted, {} if task is None else task.heads, rows)


def values_of(fitted: Mapping[str, FittedFeature]) -> int:
    """How many values a row has: each number of a picture, one of a label."""
    return sum(math.prod(one.space.shape) if isinstance(one.space, Box) else 1 for one in fitted.values())


def choose(draft: Draft, fitted: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int) -> Recipe:
    """Model, objective and train settings where the draft leaves them open."""
    choose_model(draft, fitted, heads, rows)
    given = draft.get("objective")
    if given is None or (isinstance(given, dict) and "kind" not in given):
        natural = Recipe.from_draft(draft).model.objective
        draft.put(("objective",), {"kind": natural, **(given or {})}, draft.place(("objective",)))
    model = Recipe.from_draft(draft).model
    for key, value in model.recommended(rows, values_of(fitted)).items():
        own = draft.get("train", key)
        if isinstance(own, str) and isinstance(value, dict):
            own = {"kind": own}
        both = isinstance(own, dict) and isinstance(value, dict)
        if both and own.get("kind", value.get("kind")) == value.get("kind"):
            draft.put(("train", key), {**value, **own}, draft.place(("train", key)))
        elif not draft.has("train", key):
            draft.put(("train", key), value, f"what '{model.kind}' recommends")
    return Recipe.from_draft(draft)
