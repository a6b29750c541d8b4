"""Progress on standard error: a bar on a terminal and in a notebook, a line every ten seconds elsewhere."""

import html
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from deepwright.core.wording import number, plural
from deepwright.training.events import (
    Acted,
    Checked,
    Chosen,
    Event,
    Planned,
    Replanned,
    Resumed,
    RolledBack,
    Started,
    Stepped,
    Stopped,
    Validated,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepwright.contracts import Finding
    from deepwright.run import Run
    from deepwright.verbs.arena.watching import Standing as Arena
    from deepwright.verbs.tune.settings import Standing

__all__ = ["Progress", "duration"]

_TOLD = (
    "choice",
    "constant",
    "format",
    "hidden",
    "missing-target",
    "no-header",
    "not-a-picture",
    "personal",
    "preamble",
    "row-names",
    "spellings",
    "stand-ins",
    "task",
    "tiles",
    "transparent",
)
EVERY = 10.0  # seconds between two plain lines
AGAIN = 6  # times as many before the same one comes again


def duration(seconds: float) -> str:
    """Seconds in words: "42 s", "3:20 min"."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    return f"{whole // 60}:{whole % 60:02d} min" if whole < 6000 else f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def _range(low: float, high: float, known: int) -> str:
    ends = " to ".join(dict.fromkeys((number(low), number(high))))
    return f"{ends} (from {known})"


class _Face(Protocol):
    """How progress is shown. `share` is None while it is not known."""

    def show(self, what: str, share: float | None, words: str) -> None: ...
    def line(self, text: str) -> None: ...
    def close(self) -> None: ...


class _Silent:
    """Shows nothing."""

    def show(self, what: str, share: float | None, words: str) -> None:
        """Nothing."""

    def line(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _Lines:
    """The newest state as a line every ten seconds; while a piece of work takes longer, the same line every minute."""

    def __init__(self, stream: Any):
        self._stream = stream
        self._newest, self._done = "", threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._thread.start()

    def show(self, what: str, share: float | None, words: str) -> None:
        self._newest = what if share is None else f"{share:4.0%} {words}"

    def line(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def close(self) -> None:
        self._done.set()
        self._thread.join()

    def _tick(self) -> None:
        said, times = "", 0
        while not self._done.wait(EVERY):
            newest = self._newest
            times = times + 1 if newest == said else 0
            if newest and times % AGAIN == 0:
                self.line(newest)
            said = newest


class _Bar:
    """A bar on a terminal; colours follow NO_COLOR."""

    def __init__(self, stream: Any):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        from deepwright.cli.terminal import plain

        console = Console(file=stream)
        self._plain = lambda text: plain(text, console.encoding)
        described, words = (TextColumn(form, markup=False) for form in ("{task.description}", "{task.fields[words]}"))
        self._bar = Progress(described, BarColumn(), words, console=console, transient=True)
        self._bar.start()
        self._job = self._bar.add_task("starting", total=None, words="")

    def show(self, what: str, share: float | None, words: str) -> None:
        whole = {} if share is None else {"total": 1.0, "completed": share}
        self._bar.update(self._job, description=self._plain(what), words=self._plain(words), **whole)

    def line(self, text: str) -> None:
        self._bar.console.print(self._plain(text), markup=False, highlight=False)

    def close(self) -> None:
        self._bar.stop()


class _Notebook:
    """A live bar under a notebook's cell."""

    def __init__(self, display: Any, markup: Any):
        self._markup, self._shown = markup, 0.0
        self._handle = display(markup(""), display_id=True)

    def show(self, what: str, share: float | None, words: str) -> None:
        if time.monotonic() - self._shown < 0.2 and share != 1.0:
            return
        self._shown = time.monotonic()
        value = "" if share is None else f' value="{share:.3f}"'
        text = html.escape(f"{what} {words}".strip())
        self._handle.update(self._markup(f'<progress max="1"{value} aria-label="{text}"></progress> {text}'))

    def line(self, text: str) -> None:
        print(text)

    def close(self) -> None:
        self._handle.update(self._markup(""))


def _face(quiet: bool, stream: Any) -> _Face:
    if quiet:
        return _Silent()
    if stream is None and (display := _notebook()) is not None:
        return _Notebook(display.display, display.HTML)
    stream = stream or sys.stderr
    return _Bar(stream) if bool(getattr(stream, "isatty", lambda: False)()) else _Lines(stream)


def _notebook() -> Any:
    """IPython's display module where this runs in a notebook's kernel."""
    module: Any = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return sys.modules.get("IPython.display") if getattr(shell, "kernel", None) is not None else None


class Progress:
    """Consumes what a training tells. Use as a context, so that the terminal is left clean.

    Args:
        stream: where to write; None for standard error, or the notebook's cell.
    """

    def __init__(self, quiet: bool = False, stream: Any = None):
        self._quiet, self._stream = quiet, stream
        self._face: _Face = _Silent()
        self._total, self._figure, self._best, self._end, self._health = 1, "", "", "", ""

    def __enter__(self) -> "Progress":
        self._face = _face(self._quiet, self._stream)
        return self

    def __exit__(self, *_: object) -> None:
        self._face.close()
        self._face = _Silent()

    def tell(self, text: str) -> None:
        """What is being done."""
        self._face.show(text, None, "")

    def part(self, what: str, share: float, words: str) -> None:
        """How far a piece of work is, as a share of it."""
        self._face.show(what, share, words)

    def line(self, text: str) -> None:
        """A lasting line above the bar."""
        self._face.line(text)

    def warn(self, text: str) -> None:
        """A lasting line about what is wrong meanwhile."""
        self._face.line(f"Warning: {text}")

    def run(self, run: "Run") -> None:
        """The run's place, warnings and decisions, before training starts."""
        model, counts = run.recipe.model, [int((run.parts == code).sum()) for code in (0, 1, 2)]
        inputs = f"{len(run.features)} {'input' if len(run.features) == 1 else 'inputs'}"
        rows = f"{counts[0]} training, {counts[1]} validation, {counts[2]} test rows"
        self.line(f"Run {run.folder}: {model.kind} on {inputs}; {rows}.")
        if run.task is None:
            from deepwright.verbs.creation.story import SEEN_FILE, shapes

            seen = run.folder / SEEN_FILE
            self.line(
                f"{shapes(run)}" + (f"; four examples as the network sees them: {seen}." if seen.exists() else ".")
            )
        self.findings(run.findings)

    def findings(self, findings: "Sequence[Finding]") -> None:
        """Warnings about the data, and decisions that are worth a line."""
        for finding in findings:
            if finding.severity == "warning" or finding.code in _TOLD:
                self.line(f"{'Warning' if finding.severity == 'warning' else 'Note'}: {finding.text}")

    def standing(self, now: "Standing") -> None:
        """How far a tune is."""
        ended = ", ".join(f"{count} {word}" for count, word in (
            (now.done, "done"), (now.pruned, "given up"), (now.failed, "failed"), (now.running, "running"),
            (now.paused, "paused"),
        ) if count)  # fmt: skip
        best = "" if now.best is None else f"; best {now.primary} {now.best[0]:.4g} (trial {now.best[1]})"
        words = f"of {now.total} trials: {ended or 'none yet'}{best}; at most {duration(now.seconds_left)} left"
        self._face.show("tuning", now.share, words)

    def families(self, now: "Arena") -> None:
        """How far the families of an arena are."""
        each = []
        for name, (share, left) in now.running.items():
            each.append(f"{name} {share:.0%}" + ("" if left is None else f" ({duration(left)} left)"))
        words = f"{', '.join(each) or 'nearly done'}; all in at most {duration(now.seconds_left)}"
        self._face.show("training", now.share, words)

    def event(self, event: Event) -> None:
        """One event of the loop."""
        if isinstance(event, Resumed):
            self._resume(event)
        elif isinstance(event, Started | Planned | Replanned):
            self._total = max(1, event.total)
            if isinstance(event, Planned) and event.step_seconds:
                self._plan(event)
        elif isinstance(event, Validated):
            name, value = next(iter(event.figures.items()))
            self._figure = "" if value is None else f"validation {name} {number(value)}"
            self._best = self._figure if event.better else self._best
            self._end = "" if event.expected is None else f", at the end {_range(*event.expected)}"
        elif isinstance(event, Stepped):
            words = f"step {event.step} of {self._total}, loss {number(event.loss)}"
            words += (f", {self._figure}{self._end}" if self._figure else "") + f", {duration(event.eta_seconds)} left"
            words += f". {self._health}" if self._health else ""
            self._face.show("training", event.step / self._total, words)
        elif isinstance(event, Checked):
            self._health = event.text
        elif isinstance(event, Acted):
            self.line(event.text)
        elif isinstance(event, RolledBack):
            self.line(f"Warning: {event.text}")
        elif isinstance(event, Chosen):
            self.line(event.text)
        elif isinstance(event, Stopped):
            self._finish(event)

    def _plan(self, event: Planned) -> None:
        choices = event.choices
        judging = choices.get("validations", 0) * choices.get("validation_seconds", 0.0)
        end = time.strftime("%H:%M", time.localtime(time.time() + event.total * event.step_seconds + judging))
        with_ = f" with {plural(choices['threads'], 'thread')}" if "threads" in choices else ""
        pace = f"{number(1000 * event.step_seconds)} ms each"
        self.line(f"Plan: {plural(event.total, 'step')}, {pace}{with_}; the weights are ready at about {end}.")

    def _resume(self, event: Resumed) -> None:
        self._total = max(1, event.total)
        for text in event.broken:
            self.line(f"Warning: The checkpoint {text}.")
        where = f"step {event.step} of {event.total}, the last whole checkpoint" if event.step else "the first step"
        self.line(f"Going on from {where}.")

    def _finish(self, event: Stopped) -> None:
        reasons = {"budget": "the budget is used up", "early stopping": "nothing better came any more",
                   "deadline": "time is over", "interrupted": "interrupted", "diverged": "it was given up"}  # fmt: skip
        best = f"; best {self._best}" if self._best else ""
        self.line(f"Trained {plural(event.step, 'step')} in {duration(event.seconds)}: {reasons[event.reason]}{best}.")
