"""A run of a base, trained to its end in a job's process: from its last checkpoint, if it has one."""

import time
from pathlib import Path

from deepwright.core.errors import Interrupted
from deepwright.core.files import sweep
from deepwright.core.lock import locked
from deepwright.run import Run
from deepwright.training.distributed import Ranks
from deepwright.training.events import Event, Stepped
from deepwright.training.stopping import interrupts
from deepwright.verbs.environment import pick_device
from deepwright.verbs.jobs.bases import Base
from deepwright.verbs.jobs.wire import Wire
from deepwright.verbs.session import Session, Watch
from deepwright.verbs.tracked import tracked

__all__ = ["train"]


def train(
    wire: Wire, base: Base, folder: Path, command: str, seconds: float | None = None, track: bool = False
) -> None:
    """Train, telling every step that an event tells of, and "trained" at the end with what it took.

    Stopped, by the clock or by the one who gives orders, it keeps the best network and a checkpoint.

    Args:
        command: for the lock, what a person reads of who trains. seconds: wall-clock, after which it is stopped.
        track: tell the recipe's trackers.
    """
    began, worked = time.monotonic(), time.process_time()
    with interrupts() as asked, wire.stopping(asked), locked(folder, command):

        def event(event: Event) -> None:
            if isinstance(event, Stepped):
                wire.tell(told="step", step=event.step, total=event.total, left=event.eta_seconds)
            if seconds is not None and time.monotonic() - began > seconds:
                asked.set()  # the loop keeps what is there and ends

        for place in (folder, folder / "checkpoints"):
            sweep(place)
        run = Run.load(folder)
        watch = Watch(event=event, warn=lambda text: wire.tell(told="warning", text=text))
        try:
            if run.state != "finished" and track:
                with tracked(run, watch, Ranks()) as (followed, _):
                    Session(run, base.packed, pick_device(), followed, Ranks()).go_on()
            elif run.state != "finished":
                Session(run, base.packed, pick_device(), watch, Ranks()).go_on()
        except Interrupted:
            pass
    wire.tell(told="trained", state=run.state, seconds=time.monotonic() - began, processor=time.process_time() - worked)
