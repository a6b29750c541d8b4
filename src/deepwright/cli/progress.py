"""Progress on standard error: a bar on a terminal, a line every ten seconds elsewhere."""

import sys
import time
from typing import Any

from deepwright.training.events import Event, Planned, Replanned, Started, Stepped, Stopped, Validated

__all__ = ["Progress"]

EVERY = 10.0


def duration(seconds: float) -> str:
    """Seconds in words: "42 s", "3:20 min"."""
    whole = max(0, round(seconds))
    return (
        f"{whole} s"
        if whole < 100
        else f"{whole // 60}:{whole % 60:02d} min"
        if whole < 6000
        else f"{whole // 3600}:{whole % 3600 // 60:02d} h"
    )


class Progress:
    """Consumes what a training tells. Use as a context, so that the terminal is left clean."""

    def __init__(self, quiet: bool = False, stream: Any = None):
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live = not quiet and bool(getattr(self._stream, "isatty", lambda: False)())
        self._said = time.monotonic()
        self._bar: Any = None
        self._job: Any = None
        self._total, self._figure, self._best, self._timed = 1, "", "", False

    def __enter__(self) -> "Progress":
        if self._live:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            console = Console(file=self._stream)
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[words]}"),
                console=console,
                transient=True,
            )
            self._bar.start()
            self._job = self._bar.add_task("starting", total=None, words="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def tell(self, text: str) -> None:
        """What is being done."""
        if self._bar is not None:
            self._bar.update(self._job, description=text, words="")
        else:
            self._line(text)

    def line(self, text: str) -> None:
        """A lasting line above the bar."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._stream, flush=True)

    def event(self, event: Event) -> None:
        """One event of the loop."""
        if isinstance(event, Started | Planned | Replanned):
            self._total = max(1, event.total)
        elif isinstance(event, Validated):
            name, value = next(iter(event.figures.items()))
            self._figure = "" if value is None else f"validation {name} {value:.4g}"
            self._best = self._figure if event.better else self._best
        elif isinstance(event, Stepped):
            self._step(event)
        elif isinstance(event, Stopped):
            self._finish(event)

    def _step(self, event: Stepped) -> None:
        share = event.step / self._total
        words = f"step {event.step} of {self._total}, loss {event.loss:.4g}"
        words += (f", {self._figure}" if self._figure else "") + f", {duration(event.eta_seconds)} left"
        if self._bar is not None:
            self._bar.update(self._job, description="training", total=1.0, completed=share, words=words)
        else:
            self._line(f"{share:4.0%} {words}")

    def _finish(self, event: Stopped) -> None:
        reasons = {"budget": "the budget is used up", "early stopping": "nothing better came any more",
                   "deadline": "time is over", "interrupted": "interrupted"}  # fmt: skip
        best = f"; best {self._best}" if self._best else ""
        self.line(f"Trained {event.step} steps in {duration(event.seconds)}: {reasons[event.reason]}{best}.")

    def _line(self, text: str) -> None:
        if not self._quiet and time.monotonic() - self._said >= EVERY:
            self._said = time.monotonic()
            print(text, file=self._stream, flush=True)
