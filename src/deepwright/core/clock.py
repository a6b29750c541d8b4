"""Time since this process began, which is what a wall-clock budget counts."""

import os
import time
from pathlib import Path

__all__ = ["process_seconds"]

_IMPORTED = time.monotonic()


def _age_at_import() -> float:
    """Seconds between the start of the process and the import of this module, where the system tells."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / ticks)
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0


_AGE = _age_at_import()


def process_seconds() -> float:
    """Seconds since the process started; never goes back."""
    return _AGE + time.monotonic() - _IMPORTED
