"""Hashes of the raw rows of a table, a few hundred blocks of rows, so that a later look can tell which rows changed.

The cells of the columns that a run uses are hashed as they were written, pictures by the bytes of their files: where a file
lies, how it is packed, and what its other columns hold does not count.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from deepwright.data.room import at_once
from deepwright.data.table import Table

__all__ = ["changed_rows", "row_hashes"]

BLOCKS = 256
DIGITS = 16
_AT_ONCE = 4096  # rows as text
_END = b"\x1e"  # the sign for the end of a record, which no cell holds


def row_hashes(table: Table, columns: Sequence[str], pictures: Sequence[str] = ()) -> dict[str, Any]:
    """What is kept in a run: rows a block ("size"), and the hash of each block, with blanks between ("blocks").

    Args:
        columns: that count. pictures: those among them whose text cells name files.
    """
    size = max(1, -(-table.height // BLOCKS))
    names = sorted({name for name in columns if name in table.columns})
    blocks, digest, done = [], hashlib.sha256(), 0
    for frame in (part for chunk in table.chunks(names, at_once(len(names))) for part in chunk.iter_slices(_AT_ONCE)):
        rows, start = _rows(frame, pictures), 0
        while start < len(rows):
            part = rows[start : start + size - done % size]
            digest.update(_END.join(part) + _END)
            start, done = start + len(part), done + len(part)
            if done % size == 0:
                blocks.append(digest.hexdigest()[:DIGITS])
                digest = hashlib.sha256()
    if done % size:
        blocks.append(digest.hexdigest()[:DIGITS])
    return {"size": size, "blocks": " ".join(blocks)}


def changed_rows(known: Mapping[str, Any], now: Mapping[str, Any], rows: int) -> tuple[int, int] | None:
    """The first block of rows that is not as it was: its first and last row, counted from 1; None where all are as they were.

    Args:
        rows: there are now.
    """
    size = int(known["size"])
    if size != now["size"]:  # far more rows, or far fewer: where it began cannot be told
        return 1, rows
    before, after = known["blocks"].split(), now["blocks"].split()
    changed = [place for place, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]]
    if not changed and len(before) == len(after):
        return None
    first = size * (changed[0] if changed else min(len(before), len(after))) + 1
    return first, max(first, min(first + size - 1, rows))


def _rows(frame: pl.DataFrame, pictures: Sequence[str]) -> list[bytes]:
    """The cells of each row."""
    plain = [column for column in frame if not _special(column, pictures)]
    sides = [_texts(pl.DataFrame(plain))] if plain else []
    sides += [list(_cells(column)) for column in frame if _special(column, pictures)]
    return sides[0] if len(sides) == 1 else [b"".join(row) for row in zip(*sides, strict=True)]


def _texts(frame: pl.DataFrame) -> list[bytes]:
    """The rows as text: numbers look the same whether they were numbers or words."""
    text = frame.write_csv(
        include_header=False, quote_style="never", null_value="\0", separator="\x1f", line_terminator=_END.decode()
    )
    rows = text.encode("utf-8", "surrogatepass").split(_END)[:-1]
    return rows if len(rows) == frame.height else [repr(row).encode("utf-8", "surrogatepass") for row in frame.rows()]


def _special(column: pl.Series, pictures: Sequence[str]) -> bool:
    """Whether its cells are no text that a CSV could hold, or name files."""
    return column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object) or column.name in pictures


def _cells(column: pl.Series) -> Iterator[bytes]:
    pixels = column.to_numpy() if isinstance(column.dtype, pl.Array) and not column.null_count() else None
    if pixels is not None and pixels.dtype != object:
        yield from (one.tobytes() for one in np.ascontiguousarray(pixels))
        return
    for cell in column.to_list():
        if isinstance(cell, str):
            yield _content(Path(cell))
        else:
            yield hashlib.sha256(cell if isinstance(cell, bytes) else repr(cell).encode()).digest()


def _content(path: Path) -> bytes:
    """The hash of a picture's file."""
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except (OSError, ValueError):
        return b"missing\n"
