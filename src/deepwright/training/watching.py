"""Watchers: who looks at more of a training than its losses, tells what it sees, and may act."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from deepwright.training.events import Event

if TYPE_CHECKING:
    from deepwright.training.loop import Trainer

__all__ = ["Watcher"]


class Watcher(Protocol):
    """Does the same in every life of a run: what it does depends on steps, weights and its state, never on the clock."""

    @property
    def calm(self) -> bool:
        """Nothing is wrong at the moment: the state of the training may be gone back to."""
        ...

    def each(self, trainer: "Trainer") -> Iterator[Event]:
        """After every step."""
        ...

    def look(self, trainer: "Trainer") -> Iterator[Event]:
        """At every validation."""
        ...

    def state(self) -> dict[str, Any]:
        """JSON values to be checkpointed."""
        ...

    def load(self, state: Mapping[str, Any]) -> None: ...
