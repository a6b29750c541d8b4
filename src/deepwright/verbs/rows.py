"""The rows a verb looks at: some of the run's own test rows, or of new data; and how they are told to people."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
import torch

from deepwright.contracts import Answer, FittedTask
from deepwright.core.errors import DataError
from deepwright.core.seeds import derive
from deepwright.core.wording import number
from deepwright.data.split import PARTS
from deepwright.data.table import Table, require_columns
from deepwright.doctor import looks_personal
from deepwright.fields import Batch
from deepwright.verbs.validation import known_rows
from deepwright.verbs.worst import MASK

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Chosen", "chosen_rows", "said", "shown_cells", "truths"]


@dataclass(frozen=True)
class Chosen:
    """Rows of a table, encoded.

    Args:
        rows: (B,) places in the table, ascending. batch: the same rows, encoded.
        split: "test", "validation" or "new data".
    """

    table: Table
    rows: np.ndarray
    batch: Batch
    split: str

    WORDS: ClassVar[dict[str, str]] = {
        "test": "test rows it never saw", "validation": "validation rows", "new data": "new rows",
    }  # fmt: skip

    @property
    def words(self) -> str:
        """ "64 test rows it never saw"."""
        return f"{len(self.rows)} {self.WORDS[self.split]}"

    def frame(self, columns: list[str]) -> pl.DataFrame:
        """The raw cells of these columns."""
        return self.table.take(self.rows, columns)


def chosen_rows(run: "Run", on: Any, most: int, seed: int, labelled: bool = False) -> Chosen:
    """At most `most` rows, drawn by `seed`: of `on`, or where it is None of the run's test (else validation) rows.

    Args:
        labelled: only rows whose targets are known.

    Raises:
        RunError, DataError: the data is gone, changed, empty, or lacks columns or known targets.
    """
    targets = run.task.targets if run.task is not None and labelled else ()
    if on is not None:
        table, split = run.open(on), "new data"
        require_columns(table, targets, "the target, needed here")
        rows = np.arange(table.height)
    else:
        table = run.training_data().table
        split = "test" if (run.parts == PARTS["test"]).any() else "validation"
        rows = np.flatnonzero(run.parts == PARTS[split])
    picked = np.random.default_rng(derive(seed, "rows")).permutation(rows)
    rows = np.sort(picked[:most])
    if not len(rows):
        raise DataError(f"{table.origin} has no rows to look at.")
    batch = run.pack(table, rows).take(torch.arange(len(rows)))
    if labelled:
        known = known_rows(batch.targets, len(rows))
        if not bool(known.any()):
            raise DataError(
                f"None of {len(rows)} rows of {table.origin} has a target this run knows; "
                "expected values like those it was trained on."
            )
        batch, rows = batch[known.nonzero()[:, 0]], rows[known.numpy()]
    return Chosen(table, rows, batch, split)


def said(task: FittedTask, answer: Answer) -> list[str]:
    """Each row's answer in words, several targets with " / " between."""
    frame = task.decode(answer)
    named = [f"{target}_predicted" for target in task.targets if f"{target}_predicted" in frame.columns]
    columns = [_words(frame[name], frame[name].dtype.is_float()) for name in named or frame.columns[:1]]
    return [" / ".join(cells) for cells in zip(*columns, strict=True)]


def truths(task: FittedTask, chosen: Chosen) -> list[str]:
    """Each row's targets as they were written, numbers as answers write them; empty where the data has none."""
    if not set(task.targets) <= set(chosen.table.columns):
        return []
    frame = chosen.frame(list(task.targets))
    real = task.decode(task.constant(chosen.batch.targets)).dtypes[0].is_float() if chosen.batch.targets else False
    return [" / ".join(cells) for cells in zip(*(_words(column, real) for column in frame), strict=True)]


def shown_cells(run: "Run", name: str, cells: pl.Series) -> list[str]:
    """An input column's cells for people; masked where they look personal."""
    if looks_personal(name, cells):
        return [MASK] * len(cells)
    return run.features[name].show(cells)


def _words(column: pl.Series, real: bool) -> list[str]:
    """The cells, as numbers for people where they are `real` ones."""
    return ["–" if cell is None else _real(cell) if real else str(cell) for cell in column.to_list()]


def _real(cell: Any) -> str:
    try:
        return number(float(cell))
    except (TypeError, ValueError):
        return str(cell)
