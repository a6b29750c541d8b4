"""How freed memory goes back to the system: at once where a limit is to be kept to, since what is kept for later counts too.

Two allocators are at work. polars brings its own (jemalloc), which keeps what was freed for a while and lets go of it only
when it is asked for more: what reading has freed would stay all through training. torch and NumPy use the C library's;
glibc learns from what is freed to keep ever larger pieces (up to 32 MB) in heaps, where they leave holes that nothing later
fits into.
"""

import contextlib
import os

__all__ = ["choose_allocating", "return_at_once"]

_POLARS = "_RJEM_MALLOC_CONF"
_LARGE = 1 << 20  # bytes from which a piece is the system's own, and goes back to it when it is freed
_KEPT = 16 << 20  # bytes at the end of the heap that may stay
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def choose_allocating() -> None:
    """Have polars give back what it frees, unless the person chose; without effect once polars is loaded."""
    os.environ.setdefault(_POLARS, "dirty_decay_ms:0,muzzy_decay_ms:0")


def return_at_once() -> None:
    """From now on, have large pieces that torch and NumPy free go back to the system; each comes with fresh pages then."""
    import ctypes  # not for the command line's front, which only chooses

    with contextlib.suppress(AttributeError, OSError, TypeError):  # systems whose C library is not glibc
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)
