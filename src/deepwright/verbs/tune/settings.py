"""Settings of a tune, and who looks on while it runs."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field as Setting
from pydantic import ValidationError

from deepwright.core.addresses import hidden, lacks_password
from deepwright.core.config import Config
from deepwright.core.errors import RecipeError, Refused
from deepwright.draft import Draft, describe
from deepwright.recipe import plain
from deepwright.registries import prunings, searches
from deepwright.training.budget import Budget
from deepwright.verbs.tune.prunings import Halving
from deepwright.verbs.tune.searches import TPE

if TYPE_CHECKING:
    from deepwright.contracts import Finding

__all__ = ["Standing", "Tune", "TuneWatch", "settled"]


class Tune(Config):
    """How settings are searched for.

    Args:
        trials: at most. budget: wall-clock time of everything, the last trainings and the report included.
        jobs: trainings at a time, each a process of its own; None: one a processor core, one on a GPU.
        threads: of each job.
        search: how the next settings are chosen. prune: when a trial is given up.
        storage: Optuna storage URL, shared by several machines; None for a file in the tune's folder.
        default_first: the first trial is the default recipe, where it lies in the space.
    """

    trials: int = Setting(50, ge=1)
    budget: Budget = Budget(1200.0, "seconds")
    jobs: int | None = Setting(None, ge=1)
    threads: int = Setting(1, ge=1)
    search: Annotated[Any, searches] = TPE()
    prune: Annotated[Any, prunings] = Halving()
    storage: str | None = None
    default_first: bool = True

    def at_a_time(self, device: str) -> int:
        """Jobs on this computer."""
        if self.jobs is not None:
            return min(self.jobs, self.trials)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return 1 if device != "cpu" else max(1, min(cores // self.threads, self.trials))

    def record(self) -> dict[str, Any]:
        """For a file that may be passed on: the storage's address is without its password."""
        return {**plain(self.model_dump()), "storage": self.storage and hidden(self.storage)}

    def reaching(self, storage: str | None, tune: Path) -> "Tune":
        """With an address of the storage that can be reached: one that is given, else the recorded one.

        Raises:
            Refused: the trials lie in the tune's own folder, or the recorded address lacks its password.
        """
        if storage is None and lacks_password(self.storage or ""):
            raise Refused(
                f"No record keeps the password of {self.storage}. Give the whole address: "
                f"deepwright resume {tune} --storage URL"
            )
        if storage is not None and self.storage is None:
            raise Refused(f"The trials of the tune {tune} are in its own folder; leave --storage out.")
        return self if storage is None else self.model_copy(update={"storage": storage})


def settled(given: dict[str, Any], places: dict[str, str] | None = None) -> Tune:
    """Settings from values.

    Args:
        places: what to call each of them in a sentence ("--trials").

    Raises:
        RecipeError: values that cannot be, each named.
    """
    known = {(name,): (places or {}).get(name, name) for name in given}
    try:
        settings = Tune(**given)
    except ValidationError as error:
        raise describe(error, Draft(given, known), Tune) from error
    if settings.budget.unit != "seconds":
        raise RecipeError(
            f"{known.get(('budget',), 'budget')}: the budget of a tune is the time of everything, such as 20min; got "
            f"'{settings.budget}'. A trial's own budget is the recipe's: --set train.{settings.budget.unit}="
            f"{settings.budget.amount:g}"
        )
    return settings


@dataclass(frozen=True)
class Standing:
    """How far a tune is.

    Args:
        stage: "trials" or "last". share: of it that is done. best: figure and number of the best trial so far.
    """

    stage: str
    done: int
    pruned: int
    failed: int
    running: int
    paused: int
    total: int
    share: float
    primary: str
    best: tuple[float, int] | None
    seconds_left: float


@dataclass
class TuneWatch:
    """Who looks on: what is being done, lasting lines, what was found in the data, how far it is, and the folder as soon as
    there is one."""

    tell: Callable[[str], None] = lambda text: None
    line: Callable[[str], None] = lambda text: None
    findings: Callable[["Sequence[Finding]"], None] = lambda findings: None
    standing: Callable[[Standing], None] = lambda standing: None
    folder: Callable[[Path], None] = lambda folder: None
