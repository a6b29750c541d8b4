"""What trackers are told: the loop's events become rows of figures, in their order, each step once, in every life of a run.

The journal (events.jsonl) is the truth. When a life begins, each tracker says how far it knows the run; what is missing is
told from the journal, what it knows already is passed over. Figures go out when they are complete, now and then by the
clock: a tracker takes at most a fiftieth of the time.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepwright.core.errors import Interrupted
from deepwright.core.files import read_json, write_json
from deepwright.tracking.tracker import About, Row, State, Tracker, Writer
from deepwright.training.events import Event
from deepwright.training.journal import Journal

__all__ = ["Tracking", "flat", "report_figures"]

EVERY = 5.0  # seconds between two writings
SHARE = 50  # times what the last writing took, at least
FILE = "tracking.json"


@dataclass
class _Open:
    """One tracker at work."""

    tracker: Tracker
    writer: Writer
    waiting: list[Row] = field(default_factory=list)
    due: float = 0.0


@dataclass
class Tracking:
    """All trackers of a run.

    Args:
        folder: of the run. trackers: their settings. settings: gives the recipe as nested JSON values, when it is complete.
        warn: is told, once for each, which tracker has failed and why.
    """

    folder: Path
    trackers: Sequence[Tracker]
    settings: Callable[[], Mapping[str, Any]]
    warn: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _open: list[_Open] = field(default_factory=list)
    _begun: bool = False  # the journal has been told
    _row: Row | None = None
    _base: float = 0.0

    @contextmanager
    def running(self) -> Iterator["Tracking"]:
        """Opens the trackers, and closes them at the end, however it comes."""
        self._begin()
        state: State = "failed"
        try:
            yield self
            state = "finished"
        except (KeyboardInterrupt, Interrupted):
            state = "interrupted"
            raise
        finally:
            self.close(state)

    def event(self, event: Event) -> None:
        """An event of the loop that is in the journal already."""
        if not self._open:
            return
        if not self._begun:
            self._catch_up()
            return
        self._take(vars(event), type(event).__name__)
        self._send()

    def close(self, state: State, figures: Mapping[str, float] | None = None, report: Path | None = None) -> None:
        """Tell what is left and close; `figures` and `report` where the run is complete. Once is enough."""
        if not self._begun and figures:
            self._catch_up()
        for one in list(self._open):
            if self._row is not None and self._row.step > one.writer.told:
                one.waiting.append(self._row)
            with self._guarded(one):
                if one.waiting:
                    one.writer.write(one.waiting)
                one.writer.finish(state, figures or {}, report)
        self._open, self._row = [], None

    def _begin(self) -> None:
        """Open the trackers: before the training is planned, since it takes seconds of a wall-clock budget."""
        if not self.trackers:
            return
        path = self.folder / FILE
        known = read_json(path) if path.exists() else {}
        for tracker in self.trackers:
            try:
                writer = tracker.begin(About(self.folder, self.folder.name, known.get(tracker.kind, {})))
            except Exception as error:
                self._failed(tracker, error)
                continue
            self._open.append(_Open(tracker, writer))
            known[tracker.kind] = dict(writer.identity)
        write_json(path, known)

    def _catch_up(self) -> None:
        """Tell what has happened so far."""
        self._begun = True
        settings = flat(self.settings())
        for one in list(self._open):
            with self._guarded(one):
                one.writer.describe(settings)
        events = Journal(self.folder).read()
        seconds = next((event["seconds"] for event in reversed(events) if "seconds" in event), 0.0)
        self._base = time.time() - seconds
        for event in events:
            self._take(event, event["event"])
        self._send()

    def _take(self, event: Mapping[str, Any], name: str) -> None:
        """Add an event's figures to the row of its step; a row is complete when another step's event comes."""
        step = event["step"]
        if self._row is not None and step > self._row.step:
            for one in self._open:
                if self._row.step > one.writer.told:
                    one.waiting.append(self._row)
            self._row = None
        new = {name: value for name, value in _figures(event, name.lower().replace("_", "")) if _known(value)}
        if new:
            before = {} if self._row is None else self._row.figures
            self._row = Row(step, self._base + event["seconds"], {**before, **new})

    def _send(self) -> None:
        """Write what waits, where it is time."""
        for one in list(self._open):
            began = self.clock()
            if one.waiting and began >= one.due:
                with self._guarded(one):
                    one.writer.write(one.waiting)
                    one.waiting = []
                one.due = self.clock() + max(EVERY, SHARE * (self.clock() - began))

    @contextmanager
    def _guarded(self, one: _Open) -> Iterator[None]:
        """A tracker that fails is left out from then on."""
        try:
            yield
        except Exception as error:
            if one in self._open:
                self._open.remove(one)
            self._failed(one.tracker, error)

    def _failed(self, tracker: Tracker, error: Exception) -> None:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        self.warn(f"The tracker '{tracker.kind}' failed and is left out from here on ({why}). Training goes on.")


def _figures(event: Mapping[str, Any], name: str) -> Iterable[tuple[str, float | None]]:
    """What an event tells trackers, by name."""
    if name == "stepped":
        yield "train/loss", event["loss"]
        yield "train/learning_rate", event["learning_rate"]
        yield from ((f"train/{log}", value) for log, value in event["logs"].items())
    elif name == "validated":
        yield "epoch", event["epoch"]
        yield from ((f"validation/{figure}", value) for figure, value in event["figures"].items())
    elif name == "rolledback":
        yield "train/rolled_back_to_step", event["to"]


def _known(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def flat(value: Mapping[str, Any], start: str = "") -> dict[str, Any]:
    """Nested settings by dotted names; lists as text, what is left open is left out.

    >>> flat({"train": {"batch": 32, "optimizer": {"betas": [0.9, 0.99]}, "clip": None}})
    {'train.batch': 32, 'train.optimizer.betas': '0.9, 0.99'}
    """
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            found |= flat(inner, f"{start}{name}.")
        elif isinstance(inner, list | tuple):
            found |= _listed(inner, f"{start}{name}")
        elif inner is not None:
            found[f"{start}{name}"] = inner
    return found


def _listed(values: Sequence[Any], name: str) -> dict[str, Any]:
    if any(isinstance(one, Mapping) for one in values):
        return flat({str(place): one for place, one in enumerate(values)}, f"{name}.")
    return {name: ", ".join(str(one) for one in values)} if values else {}


def report_figures(data: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a final report: figures with their intervals and those of baselines, or what it holds at its top."""
    if "metrics" in data:
        groups = {
            "test": data["metrics"],
            **{f"baseline/{name}": own for name, own in data.get("baselines", {}).items()},
        }
        figures = {
            f"{group}/{metric}" + ("" if part == "value" else f"/{part}"): value
            for group, metrics in groups.items()
            for metric, parts in metrics.items()
            for part, value in parts.items()
        }
    else:
        figures = {f"report/{name}": value for name, value in data.items() if name != "version"}
    return {name: float(value) for name, value in figures.items() if _known(value) and not isinstance(value, bool)}
