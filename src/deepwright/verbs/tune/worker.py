"""The process of one job: takes orders as lines of JSON, runs trials and trainings, answers in lines of JSON.

python -m deepwright.verbs.tune.worker

An order has "do": "cost", "trial" or "train". While a trial runs, every look at its validation figure is told and waits for
the answer. When the other side is gone, so is this process.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

__all__ = ["main"]


class _Wire:
    """The two lines to the one who gives orders."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        os.dup2(2, 1)  # whatever prints must not disturb the line
        self._orders: queue.Queue[dict[str, Any]] = queue.Queue()
        self.stop = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            order = json.loads(line)
            if order.get("stop"):
                self.stop.set()
                self._orders.put({"answer": "stop"})
            else:
                self._orders.put(order)
        os._exit(0)

    def next(self) -> dict[str, Any]:
        return self._orders.get()

    def tell(self, **message: Any) -> None:
        self._out.write(json.dumps(message, default=float) + "\n")
        self._out.flush()


class _Worker:
    """Orders and the bases they are about."""

    def __init__(self, wire: _Wire):
        self._wire = wire
        self._bases: dict[str, Any] = {}

    def _base(self, folder: str) -> Any:
        from deepwright.verbs.tune import bases

        if folder not in self._bases:
            self._bases = {name: self._bases[name] for name in list(self._bases)[-3:]}
            self._bases[folder] = bases.of(Path(folder))
        return self._bases[folder]

    def do(self, order: dict[str, Any]) -> None:
        what = {"cost": self._cost, "trial": self._trial, "train": self._train}[order["do"]]
        what(order)

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

        self._wire.stop.clear()

        def tell(look: int, best: float, event: Any) -> Answer:
            self._wire.tell(told="look", look=look, best=best, step=event.step, total=event.total)
            return self._wire.next()["answer"] if order["waits"] else "go on"

        base = self._base(order["base"])
        ended = run_trial(base, _recipe(order), Path(order["folder"]), tell, self._wire.stop.is_set)
        self._wire.tell(told="ended", **ended)

    def _train(self, order: dict[str, Any]) -> None:
        """Train a run to its end, from its last checkpoint if it has one; interrupted when the time is over."""
        from deepwright.core.errors import Interrupted
        from deepwright.core.files import sweep
        from deepwright.core.lock import locked
        from deepwright.run import Run
        from deepwright.training.distributed import Ranks
        from deepwright.training.events import Event, Stepped
        from deepwright.verbs.environment import pick_device
        from deepwright.verbs.session import Session, Watch

        self._wire.stop.clear()
        until = time.monotonic() + order["seconds"]
        late = [False]

        def event(event: Event) -> None:
            if isinstance(event, Stepped):
                self._wire.tell(told="step", step=event.step, total=event.total)
            if (time.monotonic() > until or self._wire.stop.is_set()) and not late[0]:
                late[0] = True
                signal.raise_signal(signal.SIGINT)  # the loop keeps what is there and ends

        base, folder = self._base(order["base"]), Path(order["folder"])
        state = "finished"
        with locked(folder, "deepwright tune"):
            for place in (folder, folder / "checkpoints"):
                sweep(place)
            run = Run.load(folder)
            try:
                if run.state != "finished":
                    Session(run, base.packed, pick_device(), Watch(event=event), Ranks()).go_on()
            except Interrupted:
                state = run.state
        self._wire.tell(told="trained", state=state)


def _recipe(order: dict[str, Any]) -> Any:
    from deepwright.draft import Draft
    from deepwright.recipe import Recipe

    return Recipe.from_draft(Draft(order["recipe"]))


def main() -> None:
    """Until the line is closed."""
    wire = _Wire()
    import deepwright.verbs.session  # noqa: F401  torch is loaded while the other side still prepares

    worker = _Worker(wire)
    wire.tell(told="ready", pid=os.getpid())
    while True:
        order = wire.next()
        if "do" not in order:
            continue  # an answer that came too late
        try:
            worker.do(order)
        except Exception as error:
            from deepwright.core.errors import DeepwrightError, DiskError

            if isinstance(error, DiskError):
                wire.tell(told="disk", reason=error.what)
                continue
            text = str(error) if isinstance(error, DeepwrightError) else f"{type(error).__name__}: {error}"
            wire.tell(told="failed", reason=text)


if __name__ == "__main__":
    main()
