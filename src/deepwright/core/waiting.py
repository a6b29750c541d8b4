"""How compute threads wait for each other: awake for a moment, then asleep; or asleep at once where the cores are busy.

OpenMP's threads spin at the end of every parallel piece of work until the last of them arrives. Beside a process that keeps
the cores busy they then burn the time in which the late one could have run: two threads can be many times slower than one.
Asleep they leave it the core, but are woken late: the many small pieces of a small network then take twice as long, so
that a second thread brings nothing (`docs/decisions/0008-waiting-threads.md`). What suits the machine is looked up once, since OpenMP
reads the setting when it is loaded.
"""

import os
from pathlib import Path

__all__ = ["choose_waiting", "crowded"]

_SAID_BY_PERSON = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
_MOMENT = 10_000  # turns of the waiting loop, 0.1 to 0.2 ms: most of what spinning gains, a tenth of what it can cost
_LOAD = Path("/proc/loadavg")


def choose_waiting() -> None:
    """Set how threads wait, unless the person chose; without effect once torch is loaded."""
    if any(name in os.environ for name in _SAID_BY_PERSON):
        return
    if crowded():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    else:
        os.environ["GOMP_SPINCOUNT"] = str(_MOMENT)


def crowded() -> bool:
    """Whether more wants to run right now than there are cores; true where the system does not tell."""
    try:
        running = int(_LOAD.read_text(encoding="ascii").split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return True
    return running > (os.cpu_count() or 1)
