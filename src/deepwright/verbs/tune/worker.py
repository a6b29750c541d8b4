"""The process of one job of a tune: measures what recipes cost, runs trials and trainings.

python -m deepwright.verbs.tune.worker

An order has "do": "cost", "trial" or "train". While a trial runs, every look at its validation figure is told and waits for
the answer.
"""

import time
from pathlib import Path
from typing import Any

from deepwright.verbs.jobs.wire import Orders, Wire, serve

__all__ = ["main"]


class _Worker:
    """Orders and the bases they are about."""

    def __init__(self, wire: Wire):
        self._wire = wire
        self._bases: dict[str, Any] = {}

    @property
    def orders(self) -> Orders:
        return {"cost": self._cost, "trial": self._trial, "train": self._train}

    def _base(self, folder: str) -> Any:
        from deepwright.verbs.jobs import bases

        if folder not in self._bases:
            self._bases = {name: self._bases[name] for name in list(self._bases)[-3:]}
            self._bases[folder] = bases.of(Path(folder))
        return self._bases[folder]

    def _cost(self, order: dict[str, Any]) -> None:
        """What a step and a validation of a recipe cost."""
        from deepwright.training.distributed import Ranks
        from deepwright.verbs.environment import pick_device
        from deepwright.verbs.session import Session, Watch

        base = self._base(order["base"])
        run = base.trial(Path(order["folder"]), _recipe(order))
        began = time.perf_counter()
        run.fresh_network()
        built = time.perf_counter() - began
        probed = Session(run, base.packed, pick_device(), Watch(), Ranks()).cost()
        self._wire.tell(
            told="cost", step=probed.step_seconds, look=probed.validation_seconds, build=0.1 + 2 * built,
            precision=probed.precision,
        )  # fmt: skip

    def _trial(self, order: dict[str, Any]) -> None:
        from deepwright.verbs.tune.trial import Answer, run_trial

        def tell(look: int, best: float, event: Any) -> Answer:
            self._wire.tell(told="look", look=look, best=best, step=event.step, total=event.total)
            return self._wire.next()["answer"] if order["waits"] else "go on"

        base = self._base(order["base"])
        ended = run_trial(base, _recipe(order), Path(order["folder"]), tell, self._wire.stop.is_set)
        self._wire.tell(told="ended", **ended)

    def _train(self, order: dict[str, Any]) -> None:
        """The last training of a recipe, within so many seconds."""
        from deepwright.verbs.jobs.training import train

        train(self._wire, self._base(order["base"]), Path(order["folder"]), "deepwright tune", order["seconds"])


def _recipe(order: dict[str, Any]) -> Any:
    from deepwright.draft import Draft
    from deepwright.recipe import Recipe

    return Recipe.from_draft(Draft(order["recipe"]))


def main() -> None:
    """Until the line is closed."""
    serve(lambda wire: _Worker(wire).orders)


if __name__ == "__main__":
    main()
