"""Copies of large files as Parquet in the temporary folder: they are read piece by piece, column by column."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from deepwright.core.errors import DataError, InputError
from deepwright.data.room import at_once, claim

__all__ = ["room_for_copy", "write_copy"]


_COPYING, _A_THREAD = 100_000_000, 20_000_000  # bytes that polars takes for it, however large the file is


def write_copy(scan: pl.LazyFrame, target: Path, columns: int, origin: str) -> None:
    """Write a table of so many columns, in groups of as many rows as are read at once.

    Raises:
        Refused: the limit of the memory leaves no room for that.
    """
    claim(_COPYING + _A_THREAD * pl.thread_pool_size(), f"copy {origin} into a form that can be read piece by piece")
    scan.sink_parquet(target, row_group_size=at_once(columns), compression="lz4")


@contextmanager
def room_for_copy(path: Path) -> Iterator[None]:
    """Raises DataError: the temporary folder is full."""
    try:
        yield
    except (OSError, InputError, pl.exceptions.PolarsError) as error:
        cause = error.__cause__ if isinstance(error, InputError) else error
        full = getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(cause)
        if not full:
            raise
        raise DataError(
            f"The disk is full: to read {path.name}, a copy of it is written to {tempfile.gettempdir()}. "
            "Free some space, or name another place with the environment variable TMPDIR."
        ) from error
