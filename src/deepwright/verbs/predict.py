"""Predict: answers for new rows, one row an example, in the order of the source."""

from typing import TYPE_CHECKING, Any

import polars as pl

from deepwright.answering import answer_batch
from deepwright.core.errors import Refused

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["predict"]


def predict(run: "Run", source: Any, with_inputs: bool = False) -> pl.DataFrame:
    """`<target>_predicted`, for labels `<target>_probability_<label>`; the id column first where examples have one.

    Raises:
        DataError: an input column is missing. Refused: the run has no target to predict.
    """
    if run.task is None:
        raise Refused(f"The run {run.name} has no target, so there is nothing to predict.")
    table = run.open(source)
    parts = []
    for raw, batch in run.batches(table):
        said = run.task.decode(answer_batch(run.network, run.task, batch))
        front = raw if with_inputs else raw.select([] if run.examples is None else [run.examples.id])
        parts.append(pl.concat([front, said], how="horizontal") if front.width else said)
    return pl.concat(parts)
