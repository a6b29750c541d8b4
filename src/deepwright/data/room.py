"""How much of the memory data may take while it is read and packed; nobody but the person who gives --memory says."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from deepwright.core.errors import Refused
from deepwright.core.memory import resident
from deepwright.core.size import enough, told

__all__ = ["CHUNK", "allowed", "at_once", "claim", "room", "within"]

CHUNK = 65_536  # rows read at once

_LIMIT: ContextVar[int | None] = ContextVar("memory_limit", default=None)
_SHARE = 0.5  # of what is left; network and batches need the rest
_CELLS = 64 * CHUNK  # cells read at once: of wide tables fewer rows
_CELL = 64  # bytes of a cell of text while it is read
_REST = 120_000_000  # bytes: a small network, figures and the report
_FEWEST = 256  # rows: to read fewer of a file would take long


@contextmanager
def within(limit: int | None) -> Iterator[None]:
    """Inside, this process is meant to hold so many bytes at most; None for no limit."""
    token = _LIMIT.set(limit)
    try:
        yield
    finally:
        _LIMIT.reset(token)


def room() -> int | None:
    """Bytes that data may still take; None without a limit."""
    limit = _LIMIT.get()
    return None if limit is None else max(0, round(_SHARE * (limit - resident())))


def allowed(usual: int, grows: int) -> int:
    """The largest size of a file that is read into memory: `usual`, less where little room is left.

    Args:
        grows: how many times larger than the file its table is in memory.
    """
    left = room()
    return usual if left is None else min(usual, left // grows)


def at_once(columns: int) -> int:
    """Rows of so many columns to read at once: `CHUNK`, fewer of wide tables and, under a limit, of all."""
    left = room()
    cells = _CELLS if left is None else min(_CELLS // 4, left // _CELL)
    return max(_FEWEST, min(CHUNK, cells // max(1, columns)))


def claim(size: int, what: str) -> None:
    """Whether there is room for so many bytes more.

    Args:
        what: they are for, in words that follow "to".

    Raises:
        Refused: there is a limit and they would go beyond it.
    """
    limit, now = _LIMIT.get(), resident()
    if limit is not None and now + size > limit:
        raise Refused(
            f"--memory {told(limit)} is not enough to {what}: that takes about {told(now + size)}, of which {told(now)} are "
            f"held already. Give at least {enough(now + size + _REST)}."
        )
