"""The process of one job: takes orders as lines of JSON, answers in lines of JSON; when the other side is gone, so is this process.

An order has "do"; any other line is an answer to a question that this process has asked, or {"stop": true}.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["Orders", "Wire", "serve"]

Orders = Mapping[str, Callable[[dict[str, Any]], None]]


class Wire:
    """The two lines to the one who gives orders.

    `stop`: set from the moment at which the work of the newest order is not wanted any more.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        os.dup2(2, 1)  # whatever prints must not disturb the line
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._asked: threading.Event | None = None
        self.stop = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for text in sys.stdin:
            line = json.loads(text)
            if line.get("stop"):
                self.stop.set()
                if self._asked is not None:
                    self._asked.set()
                line = {"answer": "stop"}
            elif "do" in line:
                self.stop.clear()  # what was asked for before is over
            self._lines.put(line)
        os._exit(0)

    @contextmanager
    def stopping(self, asked: threading.Event) -> Iterator[None]:
        """Inside, a "stop" sets this event too."""
        self._asked = asked
        if self.stop.is_set():
            asked.set()
        try:
            yield
        finally:
            self._asked = None

    def next(self) -> dict[str, Any]:
        """The next order or answer."""
        return self._lines.get()

    def tell(self, **message: Any) -> None:
        """Say something; "told" is what."""
        self._out.write(json.dumps(message, default=float) + "\n")
        self._out.flush()


def serve(orders: Callable[[Wire], Orders]) -> None:
    """Follow orders until the line is closed; what goes wrong is told in a sentence.

    Args:
        orders: gives for each "do" what does it.
    """
    wire = Wire()
    import deepwright.verbs.session  # noqa: F401  torch is loaded while the other side still prepares

    known = orders(wire)
    wire.tell(told="ready", pid=os.getpid())
    while True:
        order = wire.next()
        if "do" not in order:
            continue  # an answer that came too late
        try:
            known[order["do"]](order)
        except Exception as error:
            from deepwright.core.errors import DeepwrightError, DiskError

            if isinstance(error, DiskError):
                wire.tell(told="disk", reason=error.what)
                continue
            text = str(error) if isinstance(error, DeepwrightError) else f"{type(error).__name__}: {error}"
            wire.tell(told="failed", reason=text)
