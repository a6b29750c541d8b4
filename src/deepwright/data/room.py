"""How much of the memory data may take while it is read and packed; nobody but the person who gives --memory says."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from deepwright.core.memory import resident

__all__ = ["allowed", "room", "within"]

_LIMIT: ContextVar[int | None] = ContextVar("memory_limit", default=None)
_SHARE = 0.5  # of what is left; network and batches need the rest


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
