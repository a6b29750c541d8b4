"""What another run, or two sets of examples, say of creations: one number each."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deepwright.answering import outputs_of
from deepwright.core.errors import DataError, RecipeError, Refused, did_you_mean
from deepwright.data.sources import open_source
from deepwright.data.table import require_columns
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.resemblance import Scale

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["between_sets", "divided_source", "judged_columns", "label_score"]

Score = Callable[[pl.DataFrame], Tensor]
_RIDGE = 0.1
FEWEST = 2


def divided_source(text: str) -> tuple[Path, str]:
    """Folder and label of "RUN2:label".

    Raises:
        RecipeError: there is no colon.
    """
    folder, sign, label = text.rpartition(":")
    if not sign or not folder or not label:
        raise RecipeError(f"'{text}': expected a run and one of its labels, such as runs/faces-2:smiling.")
    return Path(folder), label


def label_score(run: "Run", judge: "Run", label: str) -> Score:
    """Creations of `run` → (n,) the score of a label by `judge`, a run that answers (a target's name: its predicted value).

    Raises:
        Refused: the judge answers nothing, or takes other columns. RecipeError: it knows no such label.
    """
    names, task = judged_columns(run, judge), judge.task
    assert task is not None
    valued = label in task.targets
    if not valued:
        row = pl.DataFrame({name: [label] for name in task.targets})
        try:
            known = all(field.present is None or bool(field.present.all()) for field in task.encode(row).values())
        except DataError:
            known = False
        if not known:
            labels = [str(one) for one in task.to_state().get("labels", ())]
            raise RecipeError(
                f"The run {judge.name} knows no label '{label}'. {did_you_mean(label, labels or list(task.targets))}"
            )

    def score(frame: pl.DataFrame) -> Tensor:
        renamed = {name: frame[ours].alias(name) for name, ours in names.items()}
        fields = {name: judge.features[name].encode(column) for name, column in renamed.items()}
        targets = None if valued else task.encode(pl.DataFrame({t: [label] * frame.height for t in task.targets}))
        network = judge.network
        with frozen_statistics(network), torch.inference_mode():
            return task.score(outputs_of(network, task, network.embed(fields)), targets).double().cpu()

    return score


def judged_columns(run: "Run", judge: "Run") -> dict[str, str]:
    """The judge's columns → those of the creations: of the same name, or the only ones of both.

    Raises:
        Refused: it answers nothing, or takes other columns.
    """
    if judge.task is None:
        raise Refused(f"The run {judge.name} creates and answers nothing; give a run with a target.")
    wanted, there = list(judge.features), list(run.created)
    if set(wanted) <= set(there):
        return {name: name for name in wanted}
    if len(wanted) == len(there) == 1 and judge.features[wanted[0]].kind == run.created[there[0]].kind:
        return {wanted[0]: there[0]}
    lost = ", ".join(name for name in wanted if name not in there)
    raise Refused(f"The run {judge.name} answers from columns that {run.name} does not create: {lost}.")


def between_sets(run: "Run", first: str, second: str) -> tuple[Score, dict[str, float]]:
    """Creations → how much they resemble the second set of examples and not the first; and how well the sets can be told apart.

    Ridge regression of -1 and +1 on the flat columns of the features; rows left out one by one judge it.

    Raises:
        DataError: fewer than two examples, or columns are missing.
    """
    frames = []
    for source in (first, second):
        table = open_source(source)[1]
        require_columns(table, list(run.created), "a column that this run creates")
        if table.height < FEWEST:
            raise DataError(
                f"{source}: a direction needs at least {FEWEST} examples of each kind; here is {table.height}."
            )
        frames.append(table.take(range(table.height), list(run.created)))
    scale = Scale(run.created, pl.concat(frames))
    rows = scale(pl.concat(frames)).numpy()
    sides = np.concatenate([np.full(frame.height, side) for frame, side in zip(frames, (-1.0, 1.0), strict=True)])
    weight = np.concatenate([np.full(frame.height, len(sides) / (2 * frame.height)) for frame in frames])
    root = np.sqrt(weight)[:, None]
    full = np.concatenate([rows, np.ones((len(rows), 1))], 1) * root
    kernel = full @ full.T
    hat = kernel @ np.linalg.inv(kernel + _RIDGE * np.trace(kernel) / len(kernel) * np.eye(len(kernel)))
    wanted = sides * root[:, 0]
    said = hat @ wanted
    alone = wanted - (wanted - said) / np.maximum(1 - np.diag(hat), 1e-9)  # each by the others (Allen 1974, PRESS)
    right = float(np.mean(np.sign(alone) == np.sign(sides)))
    inner = np.linalg.solve(kernel + _RIDGE * np.trace(kernel) / len(kernel) * np.eye(len(kernel)), wanted)
    slope = torch.from_numpy(full.T @ inner)

    def score(frame: pl.DataFrame) -> Tensor:
        return scale(frame) @ slope[:-1] + slope[-1]

    return score, {"first": len(frames[0]), "second": len(frames[1]), "told_apart": right}
