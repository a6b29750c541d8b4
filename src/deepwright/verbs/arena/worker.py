"""The process of one job of an arena: trains a family's run, and compares what it creates with real examples.

python -m deepwright.verbs.arena.worker

An order has "do": "train" or "compare".
"""

from pathlib import Path
from typing import Any

from deepwright.verbs.jobs.wire import Orders, Wire, serve

__all__ = ["main"]


class _Worker:
    """Orders about runs on one base."""

    def __init__(self, wire: Wire):
        self._wire = wire
        self._base: Any = None

    @property
    def orders(self) -> Orders:
        return {"train": self._train, "compare": self._compare}

    def _train(self, order: dict[str, Any]) -> None:
        from deepwright.verbs.jobs.training import train

        train(self._wire, self._on(order["base"]), Path(order["folder"]), order["command"], track=True)

    def _compare(self, order: dict[str, Any]) -> None:
        from deepwright.core.lock import locked
        from deepwright.run import Run
        from deepwright.verbs.arena.compared import compared
        from deepwright.verbs.complete import complete

        run = Run.load(order["folder"])
        if run.events()[-1]["event"] != "completed":
            with locked(run.folder, order["command"]):
                complete(run)  # the report of its own, as every run has one
        self._wire.tell(told="compared", found=compared(run, self._on(order["base"]), order["most"]))

    def _on(self, base: str) -> Any:
        """The base in a folder."""
        from deepwright.verbs.jobs import bases

        if self._base is None:
            self._base = bases.of(Path(base))
        return self._base


def main() -> None:
    """Until the line is closed."""
    serve(lambda wire: _Worker(wire).orders)


if __name__ == "__main__":
    main()
