"""One trial: a training of a recipe on a base, which tells its best validation figure and may be given up or pause on the way.

A trial that pauses ends as a training does that a person stops: with a checkpoint, from which it goes on bit for bit.
"""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch

from deepwright.core.clock import process_seconds
from deepwright.core.errors import DeepwrightError, DiskError, Interrupted
from deepwright.core.files import sweep, write_text
from deepwright.data.split import PARTS
from deepwright.draft import Draft
from deepwright.recipe import Recipe
from deepwright.run import Run
from deepwright.training.distributed import Ranks
from deepwright.training.events import Event, Resumed, Stopped, Validated
from deepwright.training.journal import Journal
from deepwright.training.stopping import interrupts
from deepwright.verbs.environment import pick_device
from deepwright.verbs.jobs.bases import Base
from deepwright.verbs.session import Session, Watch
from deepwright.verbs.tune.created import created_distance
from deepwright.verbs.tune.folder import CHECKPOINTS

__all__ = ["Ended", "rows_of", "run_trial"]

Answer = Literal["go on", "pause", "give up", "stop"]


class Ended(Exception):
    """Raised inside a training to end it: given up by the pruning, or stopped because the time is over."""

    def __init__(self, answer: Answer):
        self.answer = answer
        super().__init__(answer)


class _Follow:
    """Consumes the events of a training.

    Args:
        earlier: the events of the trial so far, where it goes on. pause: set where it should keep a checkpoint and end.
    """

    def __init__(
        self, primary: str, tell: Callable[[int, float, Event], Answer], asked: Callable[[], bool],
        earlier: Callable[[], list[dict[str, Any]]], pause: threading.Event,
    ):  # fmt: skip
        self._primary, self._tell, self._asked, self._earlier, self._pause = primary, tell, asked, earlier, pause
        self.looks, self.at = 0, 0
        self.figures: dict[str, float | None] = {}
        self.steps, self.reason, self.before, self.paused = 0, "", 0.0, False

    best: float | None = None

    def event(self, event: Event) -> None:
        self.steps = event.step
        if isinstance(event, Resumed):
            self.before = event.seconds
            for one in self._earlier():
                if one["event"] == "validated":
                    self._look(one["step"], one["figures"], one["better"])
            self._ask(event)  # again: the process may have been killed before it could do what it was told
        elif isinstance(event, Validated):
            self._look(event.step, event.figures, event.better)
            self._ask(event)
        elif isinstance(event, Stopped) and not self.paused:
            self.reason = event.reason
        if self._asked():
            raise Ended("stop")

    def _look(self, step: int, figures: Any, better: bool) -> None:
        self.looks += 1
        value = figures[self._primary]
        if better and value is not None:
            self.best, self.at, self.figures = value, step, dict(figures)

    def _ask(self, event: Event) -> None:
        if self.best is None:
            return
        answer = self._tell(self.looks, self.best, event)
        if answer == "pause":
            self.paused = True
            self._pause.set()
        elif answer != "go on":
            raise Ended(answer)


def run_trial(
    base: Base, recipe: Recipe, folder: Path, tell: Callable[[int, float, Event], Answer], asked: Callable[[], bool]
) -> dict[str, Any]:
    """How a trial went: "state" ("done", "paused", "pruned", "failed" or "stopped"), "value", "reason" and "facts".

    Args:
        folder: of the trial: its recipe, events and best weights; where it has a checkpoint, the trial goes on from there.
        tell: called with the look (1, 2, …), the best figure so far and the event; answers whether to go on. Where a trial
            goes on, its last look is told again.
        asked: whether the trial should stop at once.

    Raises:
        DiskError: the disk is full or not writable, which would end every other trial too.
    """
    goes_on = any((folder / CHECKPOINTS).glob("step-*"))
    run = _taken_up(base, folder) if goes_on else _begun(base, recipe, folder)
    primary = "distance" if run.task is None else recipe.evaluate.metric or "loss"
    began = process_seconds()
    state, reason = "done", ""
    with interrupts() as pause:
        follow = _Follow(primary, tell, asked, lambda: Journal(folder).read(), pause)
        session = Session(run, base.packed, pick_device(), Watch(event=follow.event), Ranks())
        try:
            if goes_on:
                session.go_on()
            else:
                session.start(process_seconds())
            if run.task is None:
                follow.best = created_distance(run.network, base.packed, rows_of(run, "validation"), recipe.seed)
                follow.figures = {"distance": follow.best}
        except Ended as ended:
            state = "pruned" if ended.answer == "give up" else "stopped"
        except DiskError:
            raise
        except Interrupted:
            state = "paused" if follow.paused else "stopped"
        except DeepwrightError as error:
            state, reason = "failed", str(error)
        except (RuntimeError, ValueError, MemoryError, ArithmeticError, LookupError, TypeError) as error:
            said = (str(error).splitlines() or ["no reason is given"])[0]
            state, reason = "failed", f"{type(error).__name__}: {said}"
    if state != "paused":
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    if state == "done" and (follow.best is None or follow.best != follow.best):
        state, reason = "failed", f"The validation {primary} is not a number."
    facts = {
        "seconds": follow.before + process_seconds() - began, "steps": follow.steps, "at": follow.at,
        "figures": follow.figures, "reason": follow.reason,
    }  # fmt: skip
    return {"state": state, "value": follow.best, "reason": reason, "facts": facts}


def _begun(base: Base, recipe: Recipe, folder: Path) -> Run:
    """A trial from the first step; what an earlier life left of it is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    write_text(folder / "recipe.yaml", recipe.yaml())
    run = base.trial(folder, recipe)
    run.save_task()
    return run


def _taken_up(base: Base, folder: Path) -> Run:
    """A trial with a checkpoint; its recipe may hold what was chosen at its start."""
    for place in (folder, folder / CHECKPOINTS):
        sweep(place)
    return base.trial(folder, Recipe.from_draft(Draft.read(folder / "recipe.yaml")))


def rows_of(run: Run, part: str) -> torch.Tensor:
    """(n,) packed rows of a part."""
    return torch.from_numpy((run.parts == PARTS[part]).nonzero()[0])
