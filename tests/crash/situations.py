"""Situations a training may be in: every kind of average, accumulated gradients, a roll-back, another number of threads.

What settings cannot bring about is done to the child by the number of the step, so that every life of a run meets it alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepwright import registries
from deepwright.training import averages  # noqa: F401  registers them

__all__ = ["Situation", "bring_about", "situations"]

THREADS = {3: 2, 6: 1}  # after a step, so many
WORSE = 5  # the step after which weights are no numbers any more


@dataclass(frozen=True)
class Situation:
    """Args: settings: of the recipe. code: how the life ends in which training does."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    code: int = 0


def situations() -> list[Situation]:
    """All of them; a kind of average that is registered is one."""
    averaged = [Situation(kind, {"train.average": kind}) for kind in registries.averages.kinds]
    return [
        *averaged, Situation("no average", {"train.average": "none"}), Situation("accumulation", {"train.micro_batch": 8}),
        Situation("rolled back"), Situation("rethreaded"), Situation("given up", code=1),
    ]  # fmt: skip


def bring_about(name: str, folder: Path) -> None:
    """Change this process, a child in its folder, for good."""
    work: Callable[[Path], None] | None = {
        "rolled back": lambda _: _break(1), "given up": lambda _: _break(2), "rethreaded": _rethread,
    }.get(name)  # fmt: skip
    if work is not None:
        work(folder)


def _break(times: int) -> None:
    """Weights become no numbers, and do so again after a roll-back (twice)."""
    import torch

    from deepwright.training.loop import Trainer

    real = Trainer.advance

    def advance(self: Any) -> Any:
        logs = real(self)
        if (self.rate == 1.0 and self.step == WORSE) or (times == 2 and self.rate < 1.0 and self.step == WORSE + 3):
            with torch.no_grad():
                next(self.network.parameters()).fill_(float("nan"))
        return logs

    Trainer.advance = advance  # type: ignore[method-assign]


def _rethread(folder: Path) -> None:
    """The number of threads changes after certain steps; a life that knows of a change has to follow, not to decide."""
    from deepwright.training.journal import Journal
    from deepwright.training.threads import Threads

    known = {
        event["step"]
        for path in folder.glob("runs/*/events.jsonl")
        for event in Journal(path.parent).read()
        if event["event"] == "rethreaded"
    }
    real = Threads.after

    def after(self: Any, step: int, seconds: float) -> int | None:
        if any(at >= step for at, _ in self.recorded):
            return real(self, step, seconds)
        return None if step in known or step not in THREADS else self._change(THREADS[step])

    Threads.after = after  # type: ignore[method-assign]
