"""How compute threads wait for each other: asleep.

OpenMP's threads spin at the end of every parallel piece of work until the last of them arrives. Beside a process that keeps
the cores busy they then burn the time in which the late one could have run: two threads can be many times slower than one.
Asleep they leave it the core, at the cost of a few microseconds a piece. The setting is read once, when the library is loaded.
"""

import os

__all__ = ["wait_asleep"]

_SAID_BY_PERSON = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")


def wait_asleep() -> None:
    """Set the wait policy, unless the person chose one; without effect once torch is loaded."""
    if not any(name in os.environ for name in _SAID_BY_PERSON):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
