"""Processes of this machine: whether one is there, and what tells it from a later one with the same number."""

import os
from pathlib import Path

__all__ = ["alive", "birth"]

_DEAD = "ZX"  # states in which only the number is left: zombie, dead


def birth(pid: int) -> str | None:
    """A mark that no other process with this number shares, "" where it may not be known; None where there is no process.

    On Linux the machine's start and the ticks since: unlike a time of day it does not move when the clock is set.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        state, *rest = stat.rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return None if state in _DEAD else f"{boot} {rest[18]}"
    except (OSError, IndexError):
        return _hidden(pid) if os.path.exists("/proc/self/stat") else _birth_elsewhere(pid)


def _hidden(pid: int) -> str | None:
    """A process that /proc does not show: none, or another user's."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return ""
    except (OSError, OverflowError):
        return None
    return None  # a zombie, or one that ended meanwhile


def _birth_elsewhere(pid: int) -> str | None:
    """Systems without /proc."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.AccessDenied:
        return ""  # it is there; more may not be known
    except psutil.Error:
        return None


def alive(pid: int) -> bool:
    """Whether a process with this number runs."""
    return birth(pid) is not None
