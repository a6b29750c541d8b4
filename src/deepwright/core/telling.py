"""Telling how far long work is: the work says it, whoever looks on shows it, and neither knows the other."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

__all__ = ["Show", "counted", "shown_by", "tell"]

Show = Callable[[str, int, int], None]  # what is done, how many are, of how many
Piece = TypeVar("Piece")
_SHOW: ContextVar[Show | None] = ContextVar("show", default=None)


@contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Whatever is told inside goes to `show`."""
    token = _SHOW.set(show)
    try:
        yield
    finally:
        _SHOW.reset(token)


def tell(what: str, done: int, total: int) -> None:
    """So many of all are done."""
    show = _SHOW.get()
    if show is not None:
        show(what, done, total)


def counted(what: str, pieces: Iterable[Piece], total: int, size: Callable[[Piece], int]) -> Iterator[Piece]:
    """The pieces, each told by its size once it was worked on."""
    done = 0
    tell(what, done, total)
    for piece in pieces:
        yield piece
        done += size(piece)
        tell(what, done, total)
