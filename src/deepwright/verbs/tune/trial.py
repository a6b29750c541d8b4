"""One trial: a training of a recipe on a base, which tells its best validation figure and may be given up on the way."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch

from deepwright.core.clock import process_seconds
from deepwright.core.errors import DeepwrightError, DiskError
from deepwright.core.files import write_text
from deepwright.data.split import PARTS
from deepwright.recipe import Recipe
from deepwright.run import Run
from deepwright.training.distributed import Ranks
from deepwright.training.events import Event, Stopped, Validated
from deepwright.verbs.environment import pick_device
from deepwright.verbs.jobs.bases import Base
from deepwright.verbs.session import Session, Watch
from deepwright.verbs.tune.created import created_distance

__all__ = ["Ended", "rows_of", "run_trial"]

Answer = Literal["go on", "give up", "stop"]


class Ended(Exception):
    """Raised inside a training to end it: given up by the pruning, or stopped because the time is over."""

    def __init__(self, answer: Answer):
        self.answer = answer
        super().__init__(answer)


class _Follow:
    """Consumes the events of a training."""

    def __init__(self, primary: str, tell: Callable[[int, float, Event], Answer], asked: Callable[[], bool]):
        self._primary, self._tell, self._asked = primary, tell, asked
        self.looks, self.best, self.at = 0, None, 0
        self.figures: dict[str, float | None] = {}
        self.steps, self.reason = 0, ""

    best: float | None

    def event(self, event: Event) -> None:
        self.steps = event.step
        if isinstance(event, Validated):
            self.looks += 1
            value = event.figures[self._primary]
            if event.better and value is not None:
                self.best, self.at, self.figures = value, event.step, dict(event.figures)
            if self.best is not None:
                answer = self._tell(self.looks, self.best, event)
                if answer != "go on":
                    raise Ended(answer)
        elif isinstance(event, Stopped):
            self.reason = event.reason
        if self._asked():
            raise Ended("stop")


def run_trial(
    base: Base, recipe: Recipe, folder: Path, tell: Callable[[int, float, Event], Answer], asked: Callable[[], bool]
) -> dict[str, Any]:
    """How a trial went: "state" ("done", "pruned", "failed" or "stopped"), "value", "reason" and "facts".

    Args:
        folder: of the trial: its recipe, events and best weights.
        tell: called with the look (1, 2, …), the best figure so far and the event; answers whether to go on.
        asked: whether the trial should stop at once.

    Raises:
        DiskError: the disk is full or not writable, which would end every other trial too.
    """
    shutil.rmtree(folder, ignore_errors=True)  # what an earlier life left of it
    write_text(folder / "recipe.yaml", recipe.yaml())
    run = base.trial(folder, recipe)
    primary = "distance" if run.task is None else recipe.evaluate.metric or "loss"
    follow = _Follow(primary, tell, asked)
    began = process_seconds()
    state, reason = "done", ""
    try:
        Session(run, base.packed, pick_device(), Watch(event=follow.event), Ranks()).start(process_seconds())
        if run.task is None:
            follow.best = created_distance(run.network, base.packed, rows_of(run, "validation"), recipe.seed)
            follow.figures = {"distance": follow.best}
    except Ended as ended:
        state = "pruned" if ended.answer == "give up" else "stopped"
    except DiskError:
        raise
    except DeepwrightError as error:
        state, reason = "failed", str(error)
    except (RuntimeError, ValueError, MemoryError, ArithmeticError, LookupError, TypeError) as error:
        state, reason = "failed", f"{type(error).__name__}: {(str(error).splitlines() or ['no reason is given'])[0]}"
    finally:
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    if state == "done" and (follow.best is None or follow.best != follow.best):
        state, reason = "failed", f"The validation {primary} is not a number."
    facts = {
        "seconds": process_seconds() - began, "steps": follow.steps, "at": follow.at, "figures": follow.figures,
        "reason": follow.reason,
    }  # fmt: skip
    return {"state": state, "value": follow.best, "reason": reason, "facts": facts}


def rows_of(run: Run, part: str) -> torch.Tensor:
    """(n,) packed rows of a part."""
    return torch.from_numpy((run.parts == PARTS[part]).nonzero()[0])
