"""Threads: how many compute, and whether another number would be faster by now.

Sums in another order give other last bits, so the number belongs to what makes a run: the one chosen at the start is in its
recipe, and every change of it is an event that a resumed or reproduced run follows.

A busy neighbour may come or go at any time. Under a wall-clock budget the loop therefore tries its neighbours among the
numbers now and then, on real steps: when the pace has drifted, and otherwise as rarely as keeps the tries cheap. Steps that
are now long, now short are no neighbour: a drift has to be said by two windows of steps in a row, and lies outside all the
paces at which the number was found right. What no drift tells is found by the rare tries, `LONGEST_GAP` later at most.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from deepwright.training.events import Rethreaded

__all__ = ["Threads", "as_trained", "computing", "cores", "counts"]

MANY, FEW, SHORT, LONG = (
    8,
    2,
    0.1,
    1.0,
)  # a window is this many steps and this short, or, of long steps, this few and long
TRIED = 5  # steps with another number; the first does not count where steps are short: threads are made then
FASTER = 0.9  # of the time a step takes now, to be worth a change
DRIFTED = 1.3  # times as slow, or as fast, as at any pace at which the number was found right
SLOWED = 1.5  # times as slow, where the number must not change
FIRST_GAP, LONGEST_GAP = 2.0, 30.0  # seconds between two tries that brought nothing; doubled each time
APART = 50 * TRIED  # steps at least between two tries, so that they cost little
HOPELESS = 2.0  # times the seconds that the tried steps would take now: the try ends at once


def cores() -> int:
    """Cores this process may use; OMP_NUM_THREADS sets a limit, and processes of one launch share them."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = max(1, allowed // max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(wanted)) if wanted.isdigit() and int(wanted) else allowed


def counts(most: int | None = None) -> tuple[int, ...]:
    """The numbers worth trying: 1, 2, 4, … and all cores."""
    most = cores() if most is None else most
    return tuple(sorted({most, *(1 << k for k in range(most.bit_length()) if 1 << k <= most)}))


def as_trained(trained: int | None, wanted: int | str | None) -> int | None:
    """Threads that answer: those wanted, otherwise as many as trained the network, where this machine has them."""
    return wanted if isinstance(wanted, int) else None if trained is None else min(trained, cores())


@contextmanager
def computing(count: int | None) -> Iterator[None]:
    """So many threads inside the block (None: as many as there are); the number of before comes back."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


@dataclass
class Threads:
    """The number of threads of one training.

    Args:
        count: at present. numbers: that may be tried.
        live: it may change during the run. Otherwise `slow` is told by how much steps have slowed down.
        recorded: changes (step, count) of an earlier life of this run, to be followed.
        closed: nothing but the recorded changes happens (a run that is done again).
    """

    count: int
    numbers: Sequence[int] = (1,)
    live: bool = False
    slow: Callable[[float], None] = lambda times: None
    recorded: Sequence[tuple[int, int]] = ()
    closed: bool = False
    clock: Callable[[], float] = time.perf_counter
    _window: list[float] = field(default_factory=list)
    _reference: float | None = None  # seconds a step when the number was last decided upon
    _right: tuple[float, float] | None = None  # the least and the most of them at which it was
    _drift: float | None = None  # the pace of the last window where that lay outside
    _before: int | None = None  # the number that a try may go back to
    _direction: int = -1
    _on: bool = False  # the last window or try asks for another look at once
    _gap: float = FIRST_GAP
    _decided: float | None = None
    _won: float = -LONGEST_GAP  # when a try last brought another number

    def __post_init__(self) -> None:
        torch.set_num_threads(self.count)

    def changes(self, step: int, seconds: float) -> Iterator[Rethreaded]:
        """Told what the step that made it `step` steps took; the change of the number, if there is one."""
        count = self.after(step, seconds)
        if count is not None:
            yield Rethreaded(step, count, self.clock())

    def after(self, step: int, seconds: float) -> int | None:
        """The number of threads after a step, where it changes."""
        ahead = [count for at, count in self.recorded if at == step]
        if ahead:
            return self._change(ahead[-1])
        if self.closed or len(self.numbers) < 2 or any(at > step for at, _ in self.recorded):
            return None
        self._decided = self.clock() if self._decided is None else self._decided
        self._window.append(seconds)
        return self._looked() if self._before is None else self._tried()

    def _full(self, many: int) -> bool:
        """Whether the window holds enough steps to judge by."""
        known, spent = len(self._window), sum(self._window)
        return (known >= many and spent >= SHORT) or (known >= FEW and spent >= LONG)

    def _looked(self) -> int | None:
        """At the end of a window of steps: try another number, or not."""
        if not self._full(MANY):
            return None
        pace = sum(self._window) / len(self._window)
        self._window.clear()
        self._reference = pace if self._reference is None else self._reference
        ratio, waited = pace / self._reference, self.clock() - (self._decided or 0.0)
        if self.live:
            drifted = self._drifted(pace)
            if self._on or (drifted and waited >= FIRST_GAP) or waited >= max(self._gap, APART * pace):
                self._reference, self._before = drifted or pace, self.count
                return self._change(self._other())
        elif ratio <= SLOWED or waited < self._gap:
            self._on = False
        elif not self._on:
            self._on = True  # a second window has to say the same
        else:
            self._on = False
            self._decided, self._gap, self._reference = self.clock(), min(2 * self._gap, LONGEST_GAP), pace
            self.slow(ratio)
        return None

    def _drifted(self, pace: float) -> float | None:
        """The mean pace of this window and the one before, if both say that steps are slower, or faster, than ever."""
        least, most = self._right = self._right or (pace, pace)
        side = (pace > DRIFTED * most) - (pace < least / DRIFTED)
        before, self._drift = self._drift, pace if side else None
        if not side or before is None or (before > most) != (side > 0):
            return None
        return (before + pace) / 2

    def _other(self) -> int:
        """The next number up or down, in turns."""
        place, self._on = self._place(), False
        if not 0 <= place + self._direction < len(self.numbers):
            self._direction = -self._direction
        return self.numbers[place + self._direction]

    def _place(self) -> int:
        """Of the present number, or the nearest one, among those that may be tried."""
        return min(range(len(self.numbers)), key=lambda k: abs(self.numbers[k] - self.count))

    def _tried(self) -> int | None:
        """After a step of a try: stay with the number, go back, or try on."""
        assert self._reference is not None
        assert self._before is not None
        hopeless = sum(self._window) > HOPELESS * TRIED * self._reference
        if len(self._window) < TRIED and not hopeless and not self._full(TRIED):
            return None
        known = self._window[1:] if sum(self._window) < LONG and len(self._window) > 1 else self._window
        pace = sum(known) / len(known)
        before, self._before, self._decided = self._before, None, self.clock()
        self._window.clear()
        longer = min(2 * self._gap, LONGEST_GAP)
        if pace < FASTER * self._reference:
            self._gap = (
                FIRST_GAP if self._decided - self._won >= LONGEST_GAP else longer
            )  # to and fro: no new neighbour
            self._reference, self._right, self._won = pace, (pace, pace), self._decided
            self._on = 0 <= self._place() + self._direction < len(self.numbers)
            return None
        least, most = self._right or (self._reference, self._reference)
        self._right = min(least, self._reference), max(most, self._reference)
        self._gap, self._direction = longer, -self._direction
        return self._change(before)

    def _change(self, count: int) -> int | None:
        self._window.clear()
        self._drift = None
        if count == self.count:
            return None
        self.count = count
        torch.set_num_threads(count)
        return count
