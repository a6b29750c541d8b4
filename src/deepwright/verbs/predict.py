"""Predict: answers for new rows, one row an example, in the order of the source."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from deepwright.answering import answer_batch
from deepwright.core.errors import DataError, Refused
from deepwright.core.telling import counted
from deepwright.data.table import Table
from deepwright.doctor import looks_personal, masked

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["new_data_notes", "predict"]

_READING = ("blank-rows", "decimal", "no-header", "preamble", "row-names")  # notes of a reader that matter for new data


def predict(
    run: "Run", source: Any, with_inputs: bool = False, tell: Callable[[str], None] = lambda text: None
) -> pl.DataFrame:
    """`<target>_predicted`, for labels `<target>_probability_<label>`; the id column first where examples have one.

    Args:
        with_inputs: the columns of the source before the answers. With an id these are the examples' columns: the id,
            columns that do not change within it, and the summaries of those that do.
        tell: called with what is wrong with the first rows (cells that are no numbers …), in words.

    Raises:
        DataError: an input column is missing, or an input has the name of an answer.
        Refused: the run has no target to predict.
    """
    if run.task is None:
        raise Refused(f"The run {run.name} has no target, so there is nothing to predict.")
    table = run.open(source)
    network, parts = run.network, []
    if run.remark is not None:
        tell(run.remark)
    batches = counted("answering", run.batches(table), table.height, lambda piece: piece[0].height)
    for raw, batch in batches:
        if not parts:
            for text in new_data_notes(run, table, raw):
                tell(text)
        said = run.task.decode(answer_batch(network, run.task, batch))
        front = raw if with_inputs else raw.select([] if run.examples is None else [run.examples.id])
        twice = [name for name in said.columns if name in front.columns]
        if twice:
            raise DataError(
                f"{table.origin} has a column '{twice[0]}', which is the name of an answer. "
                "Rename it, or leave --with-inputs out."
            )
        parts.append(pl.concat([front, said], how="horizontal") if front.width else said)
    return pl.concat(parts)


def new_data_notes(run: "Run", table: Table, raw: pl.DataFrame) -> Iterator[str]:
    """What a person has to know about new data: how rows were read, and cells that are not what they were in training."""
    yield from (one.text for one in table.findings if one.severity == "warning" or one.code in _READING)
    for name, feature in run.features.items():
        for finding in feature.findings(raw[name]):
            if finding.code in ("bad-values", "unreadable"):
                text = masked(finding).text if looks_personal(name, raw[name]) else finding.text
                yield text.partition(" To treat it otherwise")[0]  # it was decided in training
