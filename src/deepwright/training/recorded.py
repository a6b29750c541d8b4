"""Recorded: what the journal of a run says about how it went, so that it can go the same way again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deepwright.training.events import LIFE
from deepwright.training.pace import End, Segment

__all__ = ["Recorded", "told"]

CLOCK = ("seconds", "eta_seconds", "step_seconds", "took", "began")  # fields that tell of the clock
AFTER = ("kept", "completed")  # events that tell of files, not of what was learnt

Reason = Literal["budget", "early stopping", "interrupted", "deadline", "diverged"]
Events = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Recorded:
    """The course of a training.

    Args:
        planned: the event of the first plan. segments: re-plans. changes: of threads (step, number), in order.
        step, reason: where and why it ended.
    """

    planned: Mapping[str, Any]
    segments: tuple[Segment, ...]
    changes: tuple[tuple[int, int], ...]
    step: int
    reason: Reason

    @property
    def ends(self) -> tuple[int, End] | None:
        """The step at which the clock or a person ended it, and which of them."""
        return (self.step, self.reason) if self.reason in ("interrupted", "deadline") else None

    @classmethod
    def of(cls, events: Events) -> "Recorded | None":
        """The course of events; None where they do not tell it from the plan to the end.

        Raises:
            LookupError, TypeError, ValueError: an event lacks what it has to tell.
        """
        planned = next((event for event in events if event["event"] == "planned"), None)
        stopped = next((event for event in reversed(events) if event["event"] == "stopped"), None)
        if planned is None or stopped is None:
            return None
        lost = [name for name in ("threads", "precision", "epochs", "validations") if name not in planned["choices"]]
        if lost or not isinstance(planned["total"], int):
            raise ValueError("the plan is not whole")
        segments = (Segment(e["step"], e["fraction"], e["total"]) for e in events if e["event"] == "replanned")
        changes = ((e["step"], e["threads"]) for e in events if e["event"] == "rethreaded")
        return cls(planned, tuple(segments), tuple(changes), stopped["step"], stopped["reason"])


def told(events: Events) -> list[dict[str, Any]]:
    """The events without what depends on the clock and on how many processes trained; the same training tells the same.

    Of several changes of threads at one step only the last one counts, and one that changes nothing does not.
    """
    return [
        {name: value for name, value in event.items() if name not in CLOCK}
        for event in _settled(events)
        if event["event"] not in (*LIFE, *AFTER)
    ]


def _settled(events: Events) -> Iterator[Mapping[str, Any]]:
    last = {event["step"]: place for place, event in enumerate(events) if event["event"] == "rethreaded"}
    threads = None
    for place, event in enumerate(events):
        if event["event"] == "planned":
            choices = {name: value for name, value in event["choices"].items() if name not in _MEASURED}
            threads = choices.get("threads")
            yield {**event, "choices": choices}
        elif event["event"] == "started":
            choices = {name: value for name, value in event["choices"].items() if name not in _MEASURED}
            yield {**event, "choices": choices}
        elif event["event"] != "rethreaded":
            yield event
        elif last[event["step"]] == place and event["threads"] != threads:
            threads = event["threads"]
            yield event


_MEASURED = ("validation_seconds", "reserve", "threads_given")  # choices that only the clock asks for
