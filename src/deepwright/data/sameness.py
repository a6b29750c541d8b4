"""Whether a table holds the rows that a run was trained on, in the same order, as far as their targets tell."""

import hashlib

import torch

from deepwright.contracts import FittedTask
from deepwright.core.errors import RunError
from deepwright.data.table import Table, require_columns

__all__ = ["check_same", "is_same", "target_hash"]

_ROUNDING = 0x80  # of float32 bits: what another machine computes may differ in the last ones


def target_hash(task: FittedTask, table: Table) -> str:
    """SHA-256 of all encoded targets, rounded to some five digits: the same for a file and its copy in another format."""
    digest = hashlib.sha256()
    for chunk in table.chunks(task.targets):
        for name, field in sorted(task.encode(chunk).items()):
            bits = field.values.float().contiguous().view(torch.int32)
            digest.update(name.encode() + ((bits + _ROUNDING) & -0x100).numpy().tobytes())
            if field.present is not None and not bool(field.present.all()):
                digest.update(field.present.numpy().tobytes())
    return digest.hexdigest()


def is_same(table: Table, rows: int, task: FittedTask | None, known: str | None) -> bool:
    """Whether a table has `rows` rows whose targets have the hash `known`."""
    if task is None or known is None or table.height != rows or not set(task.targets) <= set(table.columns):
        return False
    return target_hash(task, table) == known


def check_same(table: Table, rows: int, task: FittedTask | None, known: str | None) -> None:
    """Whether a table can stand for the one of `rows` rows whose targets had the hash `known` (None: not known).

    Raises:
        RunError: it has another number of rows, other targets, or the same ones in another order. DataError: it has none.
    """
    if table.height != rows:
        raise RunError(
            f"{table.origin} has {table.height} rows, but this run was trained on {rows}. "
            "Give the data it was trained on, or evaluate on new data."
        )
    if task is not None:
        require_columns(table, task.targets, "the target")
    if known is not None and task is not None and not is_same(table, rows, task, known):
        raise RunError(
            f"{table.origin} holds other rows than this run was trained on, or the same ones in another order. "
            "Give the data as it was then, or evaluate on new data."
        )
