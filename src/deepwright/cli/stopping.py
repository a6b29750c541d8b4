"""Ctrl-C, or a request to terminate, at any moment of a command: one sentence that says how to go on, and exit code 130.

The first one raises KeyboardInterrupt, so that locks, temporary files and children go (the loop of a training catches it
and comes to its own end). Code of others may make something else of it, or swallow it: that it was asked for is therefore
remembered. The second one ends the process where it stands, which costs nothing: all files are whole or absent.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["CODE", "asked", "leave", "say", "stoppable", "will_say"]

CODE = 130  # as a shell gives for a process that Ctrl-C ended


class _Stop:
    """What one command knows of being stopped."""

    def __init__(self) -> None:
        self.asked = 0
        self.said = False
        self.sentence: Callable[[], str] = lambda: "Stopped."
        self.before: dict[int, Any] = {}
        self.hook = sys.unraisablehook

    def hear(self) -> None:
        """Listen, except to what whoever started this process wants ignored."""
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_IGN, None):
                self.before[number] = handler
                signal.signal(number, self.ask)
        sys.unraisablehook = self.swallowed

    def deaf(self) -> None:
        self.said = True
        for number, handler in self.before.items():
            signal.signal(number, handler)
        sys.unraisablehook = self.hook

    def ask(self, number: int, frame: FrameType | None) -> None:
        if self.said:
            return  # it is ending already
        self.asked += 1
        if self.asked == 1:
            raise KeyboardInterrupt
        self.end()

    def swallowed(self, found: Any) -> None:
        """An exception that cannot go up, from a destructor for instance."""
        if self.asked and not self.said and issubclass(found.exc_type, KeyboardInterrupt):
            self.end()
        self.hook(found)

    def words(self) -> str:
        with contextlib.suppress(Exception):
            return self.sentence()
        return "Stopped."

    def end(self) -> None:
        """At once: past everything that waits or has to be put in order."""
        self.said = True
        terminal = "\r\x1b[K\x1b[?25h" if os.isatty(2) else ""  # a bar is being drawn there, and hides the cursor
        with contextlib.suppress(OSError):
            os.write(2, f"{terminal}{self.words()}\n".encode())
        os._exit(CODE)


class _Leave:
    """The last thing that is called: the process ends where it stands.

    What the libraries of a program put in order at its end is of no use any more, and brings 130 MB of their files into memory:
    more than a limit that was kept to until then may have left.
    """

    code: int | None = None  # of the exit; None where the interpreter has its own

    def __call__(self) -> None:
        if self.code is None:
            return
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(self.code)


leave = _Leave()
_now: list[_Stop] = []


def stoppable(call: Callable[[], int]) -> int:
    """The exit code of a command that can be stopped at any time."""
    if _now or threading.current_thread() is not threading.main_thread():
        return call()  # only the main thread hears signals
    stop = _Stop()
    _now.append(stop)
    try:
        stop.hear()
        return call()
    except BaseException:
        if not stop.asked:
            raise
        say(stop.words())
        return CODE
    finally:
        stop.deaf()
        _now.clear()


def asked() -> bool:
    """Whether the person wants the command to stop."""
    return any(stop.asked for stop in _now)


def will_say(sentence: Callable[[], str]) -> None:
    """How to go on, where nothing else is said: a function, since that changes while the command works."""
    for stop in _now:
        stop.sentence = sentence


def say(text: str) -> None:
    """The last word; said once."""
    if any(stop.said for stop in _now):
        return
    for stop in _now:
        stop.said = True
    print(text, file=sys.stderr, flush=True)
