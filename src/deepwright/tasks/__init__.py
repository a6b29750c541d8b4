"""Tasks: what is to be learnt. Importing this folder registers its kinds."""

import polars as pl

from deepwright.contracts import Suits
from deepwright.core.errors import DataError
from deepwright.registries import tasks
from deepwright.tasks.classify import Classify
from deepwright.tasks.generate import Generate
from deepwright.tasks.regress import Regress
from deepwright.tasks.tag import Tag

__all__ = ["Classify", "Generate", "Regress", "Tag", "infer_task"]


def infer_task(targets: pl.DataFrame) -> Suits:
    """The task that suits these target columns best, with the reason.

    Raises:
        DataError: no task suits.
    """
    found = [suits for kind in tasks if (suits := kind.suits(targets)) is not None]  # type: ignore[attr-defined]
    if not found:
        names = ", ".join(f"'{name}'" for name in targets.columns)
        raise DataError(
            f"No task fits the target {names}: expected labels, numbers, or lists of labels. "
            "Name the task with --task (classify, regress, tag) to see what is in the way."
        )
    return max(found, key=lambda suits: suits.score)
