"""Phases of a training: which work a process was at when it was stopped, and stopping it at a chosen one.

Each phase is some functions of Deepwright. In a child they are wrapped so that memory shared with the fork server says
which one is running, how often each was entered, and for how long.
"""

import importlib
import mmap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

__all__ = ["ELSEWHERE", "NAMES", "Marks"]

ELSEWHERE = "between"
PHASES = {
    "reading": ("verbs.train:prepare", "run:Run.training_data"),
    "packing": ("preparation:pack", "run:pack"),
    "checking the data": ("verbs.train:examine", "verbs.train:check_fit"),
    "writing the run": ("run:Run.create",),
    "lock": ("core.lock:_claimed",),
    "network": ("verbs.session:Session._fresh",),
    "planning": ("verbs.session:Session._plan",),
    "reading a checkpoint": ("training.checkpoint:Checkpoints.latest",),
    "step": ("training.loop:Trainer.advance",),
    "checkpoint": ("training.checkpoint:Checkpoints.save",),
    "validation": ("training.loop:Trainer._validate",),
    "choosing weights": ("training.loop:Trainer._keep",),
    "journal": ("training.journal:Journal.append", "training.journal:Journal.keep"),
    "weights": ("run:Run.save_weights",),
    "end": ("verbs.session:Session._finish",),
    "task": ("run:Run.save_task",),
    "figures": ("verbs.evaluate:Evaluate.__call__", "verbs.complete:learning_report"),
    "baselines": ("verbs.baselines:_run",),
    "report": ("run:Run.save_report", "verbs.complete:write_report"),
}
NAMES = (ELSEWHERE, *PHASES)


class Marks:
    """What the child says of itself, in memory that both sides see."""

    def __init__(self) -> None:
        self._entries = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")
        self._seconds = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("d")
        self._here = len(NAMES)  # the place of the present phase

    def clear(self) -> None:
        for place in range(len(NAMES) + 1):
            self._entries[place] = 0
            self._seconds[place] = 0.0

    @property
    def phase(self) -> str:
        """What runs now, or ran last."""
        return NAMES[self._entries[self._here]]

    def entered(self, phase: str) -> int:
        return self._entries[NAMES.index(phase)]

    def all(self) -> dict[str, tuple[int, float]]:
        """Of each phase there was, how often it was entered and its seconds without those of phases inside it."""
        return {name: (self._entries[k], self._seconds[k]) for k, name in enumerate(NAMES) if self._entries[k]}

    def begin(self) -> None:
        """From now on, in this process."""
        self._since = time.perf_counter()
        self._entries[0] = 1
        for number, places in enumerate(PHASES.values(), 1):
            for place in places:
                _wrap(place, lambda real, number=number: self._marked(real, number))

    def _marked(self, real: Callable[..., Any], number: int) -> Callable[..., Any]:
        @wraps(real)
        def marked(*args: Any, **named: Any) -> Any:
            with self._inside(number):
                found = real(*args, **named)
            return self._each(found, number) if isinstance(found, Iterator) else found

        return marked

    def _each(self, found: Iterator[Any], number: int) -> Iterator[Any]:
        """A generator works while it is asked for the next one."""
        while True:
            with self._inside(number, again=True):
                one = next(found, self)
            if one is self:
                return
            yield one

    @contextmanager
    def _inside(self, number: int, again: bool = False) -> Iterator[None]:
        before = self._entries[self._here]
        self._switch(number)
        self._entries[number] += not again
        try:
            yield
        finally:
            self._switch(before)

    def _switch(self, number: int) -> None:
        now = time.perf_counter()
        self._seconds[self._entries[self._here]] += now - self._since
        self._since, self._entries[self._here] = now, number


def _wrap(place: str, change: Callable[[Any], Any]) -> None:
    """Replace a function, "module:name" or "module:Class.name"."""
    module, _, name = place.partition(":")
    holder: Any = importlib.import_module(f"deepwright.{module}")
    *inner, last = name.split(".")
    for one in inner:
        holder = getattr(holder, one)
    found = holder.__dict__[last] if inner else getattr(holder, last)
    kind = type(found) if isinstance(found, classmethod | staticmethod) else lambda real: real
    setattr(holder, last, kind(change(getattr(found, "__func__", found))))
