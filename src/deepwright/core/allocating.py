"""How freed memory goes back to the system: at once while data are read and figures made, and where a limit is to be kept to.

Two allocators are at work. polars brings its own (jemalloc), which keeps what was freed for a while and lets go of it only
when it is asked for more: what reading has freed would stay all through training. torch and NumPy use the C library's;
glibc learns from what is freed to keep ever larger pieces (up to 32 MB) in heaps, where they leave holes that nothing later
fits into. Steps of training ask for the same pieces again and again, and are up to twice as fast when they are kept.
"""

import contextlib
import os
from collections.abc import Iterator

__all__ = ["choose_allocating", "returned_at_once"]

_POLARS = "_RJEM_MALLOC_CONF"
_LARGE = 1 << 20  # bytes from which a piece is the system's own, and goes back to it when it is freed
_KEPT = 16 << 20  # bytes at the end of the heap that may stay
_LARGEST = 32 << 20  # the most that glibc lets grow of itself: larger pieces are always the system's own
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_inside = 0  # how many ask for it


def choose_allocating() -> None:
    """Have polars give back what it frees, unless the person chose; without effect once polars is loaded."""
    os.environ.setdefault(_POLARS, "dirty_decay_ms:0,muzzy_decay_ms:0")


@contextlib.contextmanager
def returned_at_once() -> Iterator[None]:
    """Inside, large pieces that torch and NumPy free go back to the system; each comes with fresh pages then."""
    global _inside
    _inside += 1
    _thresholds(_LARGE, _KEPT)
    try:
        yield
    finally:
        _inside -= 1
        if not _inside:
            _thresholds(_LARGEST, 2 * _LARGEST)


def _thresholds(own: int, kept: int) -> None:
    """From how many bytes on a piece is the system's own, and how many at the heap's end may stay."""
    import ctypes  # not for the command line's front, which only chooses

    with contextlib.suppress(AttributeError, OSError, TypeError):  # systems whose C library is not glibc
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, own)
        library.mallopt(_TRIM_THRESHOLD, kept)
