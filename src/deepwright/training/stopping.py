"""A polite stop: the first interrupt lets the step finish and the checkpoint be written, the second one is final."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interrupts"]


_now: list[threading.Event] = []


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C or a request to terminate; handlers are put back afterwards.

    A block inside another one waits for the same event.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread may set handlers
        return
    if _now:
        yield _now[0]
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if not asked.is_set():
            asked.set()
            return
        outer = before[number]
        if callable(outer):
            outer(number, frame)  # whoever called knows better how to end
        else:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, ask)
    _now.append(asked)
    try:
        yield asked
    finally:
        _now.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
