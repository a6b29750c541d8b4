"""The memory that this process takes and took, and what the machine has left."""

import contextlib
import ctypes
import gc
import sys
from pathlib import Path

__all__ = ["free", "give_back", "peak", "resident"]

_CGROUP = Path("/sys/fs/cgroup")
_WORTH = 32_000_000


def resident() -> int:
    """Bytes of memory that this process holds now, the pages of mapped files included."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak() -> int:
    """The most bytes that this process has ever held.

    Where the kernel keeps it with the process' own memory, it is taken from there: `getrusage` also counts what the
    process that started this one held at that moment.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return _peak_elsewhere()


def _peak_elsewhere() -> int:
    """Systems without /proc."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        facts = psutil.Process().memory_info()
        return int(getattr(facts, "peak_wset", facts.rss))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most if sys.platform == "darwin" else most * 1024)  # macOS counts bytes, others kilobytes


def give_back(size: int) -> None:
    """Hand back what is not used any more: objects that refer to themselves in circles, and what the allocator keeps.

    After work of another kind than what follows, whose freed pieces nothing later will fit into.

    Args:
        size: bytes of the data that were worked with; it takes 0.2 s, which little is not worth.
    """
    if size < _WORTH:
        return
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):  # systems whose C library is not glibc
        ctypes.CDLL(None).malloc_trim(0)


def free() -> int:
    """Bytes that this process could still take without pushing others out: the machine's, or its container's."""
    import psutil

    available = int(psutil.virtual_memory().available)
    try:
        most = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return available
    return available if most == "max" else max(0, min(available, int(most) - used))
