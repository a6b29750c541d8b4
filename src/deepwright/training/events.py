"""What the loop tells its watchers: bars, logs, early stopping and the studio see nothing else."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Event", "Planned", "Replanned", "Saved", "Started", "Stepped", "Stopped", "Validated", "to_dict"]


@dataclass(frozen=True)
class Started:
    """Training begins, or goes on from a checkpoint at `step`."""

    step: int
    total: int
    seconds: float
    choices: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A wall-clock budget was turned into steps by a probe."""

    step: int
    total: int
    seconds: float
    step_seconds: float


@dataclass(frozen=True)
class Replanned:
    """The pace drifted: from `step` on, the schedule runs from `fraction` to 1 over the steps left of `total`."""

    step: int
    fraction: float
    total: int
    seconds: float


@dataclass(frozen=True)
class Stepped:
    """Some steps were done (events are thinned by step count). `loss` is the mean since the last one."""

    step: int
    total: int
    seconds: float
    loss: float
    eta_seconds: float
    logs: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Validated:
    """The validation rows were answered. `better`: best so far."""

    step: int
    total: int
    seconds: float
    figures: Mapping[str, float]
    better: bool
    epoch: float = 0.0


@dataclass(frozen=True)
class Saved:
    """A checkpoint is safe on the disk."""

    step: int
    seconds: float


@dataclass(frozen=True)
class Stopped:
    """Training is over. `reason` is "budget", "early stopping", "interrupted" or "deadline"."""

    step: int
    total: int
    seconds: float
    reason: Literal["budget", "early stopping", "interrupted", "deadline"]


Event = Started | Planned | Replanned | Stepped | Validated | Saved | Stopped


def to_dict(event: Event) -> dict[str, Any]:
    """The event as one JSON object, with its name under "event"."""
    return {"event": type(event).__name__.lower(), **asdict(event)}
