"""What the loop tells its watchers: bars, logs, early stopping and the studio see nothing else."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

__all__ = [
    "LIFE", "Acted", "Checked", "Chosen", "Completed", "Estimated", "Event", "Kept", "Peaked", "Planned", "Rendered", "Replanned", "Resumed", "Rethreaded", "RolledBack", "Saved", "Started", "Stepped",
    "Stopped", "Validated",
    "finite", "to_dict",
]  # fmt: skip


@dataclass(frozen=True)
class Started:
    """Training begins."""

    step: int
    total: int
    seconds: float
    choices: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Resumed:
    """Training goes on from the state after `step` steps. `broken`: newer checkpoints that could not be used, in words."""

    step: int
    total: int
    seconds: float
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Estimated:
    """The memory that the training is expected to take, before its first step; bytes.

    Args:
        parts: what takes it: "program", "data", "network", "work" (a piece of a batch), "rest".
        limit: what it may take, None where nobody said.
    """

    step: int
    total: int
    parts: Mapping[str, int]
    limit: int | None = None


@dataclass(frozen=True)
class Peaked:
    """The most bytes that this life of the training has held at once, and its baselines in a process of their own."""

    step: int
    bytes: int
    baselines: int = 0


@dataclass(frozen=True)
class Planned:
    """The budget is turned into steps; every later life of the run obeys the `choices`.

    Args:
        step_seconds: what the probe measured; 0 where there was none.
    """

    step: int
    total: int
    seconds: float
    step_seconds: float
    choices: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Replanned:
    """The pace drifted: from `step` on, the schedule runs from `fraction` to 1 over the steps left of `total`."""

    step: int
    fraction: float
    total: int
    seconds: float


@dataclass(frozen=True)
class Rethreaded:
    """From `step` on, another number of threads computes: to try it, to stay with it, or back again."""

    step: int
    threads: int
    seconds: float


@dataclass(frozen=True)
class Stepped:
    """Some steps were done (events are thinned by step count).

    Args:
        loss: the mean since the last such event. learning_rate: of the last step.
    """

    step: int
    total: int
    seconds: float
    loss: float
    eta_seconds: float
    logs: Mapping[str, float] = field(default_factory=dict)
    learning_rate: float = 0.0


@dataclass(frozen=True)
class Validated:
    """The validation rows were answered.

    Args:
        better: best so far.
        expected: the first figure at the end of the budget: low, high, from so many validations; None while little is known.
    """

    step: int
    total: int
    seconds: float
    figures: Mapping[str, float]
    better: bool
    epoch: float = 0.0
    expected: tuple[float, float, int] | None = None


@dataclass(frozen=True)
class RolledBack:
    """The loss left for good (see `health`): weights and optimisers are again those after step `to`.

    Args:
        step: at which it was seen; training goes on from here. rate: of the recipe's learning rate from here on.
    """

    step: int
    total: int
    seconds: float
    to: int
    reason: str
    rate: float

    @property
    def text(self) -> str:
        """In a sentence, for people."""
        back = f"the weights of step {self.to}" if self.to else "the start weights"
        return (
            f"At step {self.step} {self.reason}. Training went back to {back} and on from there with the learning rate "
            f"times {self.rate:g}."
        )


@dataclass(frozen=True)
class Chosen:
    """At the end averaged weights and the weights themselves were compared on validation rows; `kept` was the best.

    Args:
        figure: the name of what decides. figures: of all that were compared, by what they are.
    """

    step: int
    total: int
    seconds: float
    kept: str
    figure: str
    figures: Mapping[str, float]

    @property
    def text(self) -> str:
        """In a sentence, for people."""
        others = (f"{name}: {_shown(value)}" for name, value in self.figures.items() if name != self.kept)
        return f"Kept: {self.kept}, with a validation {self.figure} of {_shown(self.figures[self.kept])} ({', '.join(others)})."


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


@dataclass(frozen=True)
class Checked:
    """The watcher looked at the training: its figures, and what they mean in words."""

    step: int
    total: int
    seconds: float
    figures: Mapping[str, float]
    text: str
    healthy: bool = True


@dataclass(frozen=True)
class Acted:
    """The watcher changed something by itself. `what`: "augmentation", "gamma" or "roll-back"."""

    step: int
    total: int
    seconds: float
    what: str
    text: str


@dataclass(frozen=True)
class Rendered:
    """Creations of fixed seeds were drawn into a file of the run."""

    step: int
    seconds: float
    file: str


@dataclass(frozen=True)
class Saved:
    """A checkpoint is safe on the disk; to write it took `took` seconds."""

    step: int
    seconds: float
    took: float = 0.0


@dataclass(frozen=True)
class Stopped:
    """Training is over. `reason` is "diverged" where it was given up after a roll-back had not helped."""

    step: int
    total: int
    seconds: float
    reason: Literal["budget", "early stopping", "interrupted", "deadline", "diverged"]


@dataclass(frozen=True)
class Kept:
    """The network to keep and its task are in the run."""

    step: int
    seconds: float


@dataclass(frozen=True)
class Completed:
    """Figures and report are in the run: nothing is left to do."""

    step: int


Event = (
    Started | Resumed | Estimated | Peaked | Planned | Replanned | Rethreaded | Stepped | Validated | Checked | Acted | Rendered | RolledBack | Chosen | Saved
    | Stopped | Kept | Completed
)  # fmt: skip
LIFE = (
    "resumed",
    "saved",
    "estimated",
    "peaked",
)  # names of events that tell of processes and the clock, not of what is learnt


def to_dict(event: Event) -> dict[str, Any]:
    """The event as one JSON object, with its name under "event"."""
    return {"event": re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower(), **asdict(event)}


def finite(events: Iterator[Event]) -> Iterator[Event]:
    """Figures that are not numbers become None on their way to JSON."""
    for event in events:
        changes: dict[str, Any] = {}
        for name in ("figures", "logs"):
            inner = getattr(event, name, None)
            if inner is not None:
                changes[name] = {key: value if math.isfinite(value) else None for key, value in inner.items()}
        yield replace(event, **changes) if changes else event
