"""Arena: every family that can create these columns, each for the same processor time; one table and one picture.

The data are prepared once; each family is trained in a process of its own with one thread, as many at a time as there are
processors, so that all of the computer works and each family has the same part of it.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepwright.core.clock import process_seconds
from deepwright.core.errors import DiskError, RecipeError, RunError, TrainingError
from deepwright.core.files import sweep, write_json, write_text
from deepwright.core.lock import locked
from deepwright.core.report import Report
from deepwright.core.wording import listed, plural
from deepwright.data.split import PARTS
from deepwright.draft import Draft
from deepwright.page.page import page
from deepwright.run import Run, new_folder
from deepwright.training.budget import Budget
from deepwright.verbs.arena.compared import SHOWN, as_seen, shown
from deepwright.verbs.arena.entrants import Ground, entered, timed
from deepwright.verbs.arena.folder import ArenaFolder, Entrant
from deepwright.verbs.arena.report import About, arena_report
from deepwright.verbs.arena.trainings import Trainings, again, reserve
from deepwright.verbs.arena.watching import ArenaWatch
from deepwright.verbs.creation.making import decode
from deepwright.verbs.creation.story import keep_seen
from deepwright.verbs.environment import environment, pick_device
from deepwright.verbs.jobs import bases
from deepwright.verbs.jobs.jobs import Jobs
from deepwright.verbs.session import Watch

__all__ = ["Arena", "arena", "resume_arena"]

WORKER = "deepwright.verbs.arena.worker"
START = 60.0  # seconds that processes may take to begin
LEAST = 1.0  # seconds of a training, whatever is left


@dataclass(frozen=True)
class Arena:
    """What came out: the report, its folder, and the entrants."""

    report: Report
    folder: Path
    entrants: tuple[Entrant, ...]

    @property
    def best(self) -> Path | None:
        """The run whose creations are nearest to real examples."""
        first = next(iter(self.report.data["entrants"]), None)
        return None if first is None or first["measured"] is None else Path(first["run"])


def arena(
    draft: Draft, budget: Budget, families: Sequence[str] = (), jobs: int | None = None, out: Path = Path("runs"),
    watch: ArenaWatch | None = None, began: float | None = None, command: str = "",
) -> Arena:  # fmt: skip
    """Train every family that can create these columns for the same processor time, and compare what they create.

    Args:
        draft: the recipe, without a model. budget: wall-clock of everything. families: only these.
        jobs: trainings at a time; None: one a processor. out: the folder of runs: it gets one a family, and the arena's own.
        began: process seconds from which the budget counts; None for now.

    Raises:
        RecipeError, DataError, Refused: before training, in sentences. Interrupted: stopped by the person; resumable.
        TrainingError: no family came to its end.
    """
    watch = watch or ArenaWatch()
    began = process_seconds() if began is None else began
    if budget.unit != "seconds":
        raise RecipeError(
            "--budget: families are given the same time, so write for example 10min; steps cost each another time."
        )
    ground = entered(draft, budget, families, jobs, Watch(tell=watch.tell))
    folder = ArenaFolder(new_folder(out, "arena"), {})
    with _whole_or_gone(folder), _held(folder, ground.jobs, ground.threads, command) as working:
        watch.folder(folder.path)
        watch.findings(ground.prepared.findings)
        watch.tell("writing the data where all families can read them")
        base = bases.lay(folder.base, ground.prepared, environment(ground.prepared, pick_device(), command))
        keep_seen(base, ground.prepared.packed)
        working.settle(START)
        _enter(folder, ground, budget, process_seconds() - began, out)
        for text in _plan(folder, ground):
            watch.line(text)
        del ground, base  # the packed rows are in files now
        return _contest(folder, working, watch, lambda: process_seconds() - began, command)


def resume_arena(path: Path, watch: ArenaWatch | None = None, command: str = "") -> Arena:
    """Go on with an arena that was stopped or killed: trained families are kept, the others go on from their checkpoints.

    Raises:
        RunError: it is finished, or another process has it.
    """
    watch = watch or ArenaWatch()
    began = process_seconds()
    folder = ArenaFolder.load(path)
    record = folder.record
    if record["stage"] == "finished":
        raise RunError(f"The arena {path} is finished: {path / 'report.html'}. Start a new one with: deepwright arena")
    watch.folder(path)
    before = float(record["seconds"])
    with _held(folder, record["jobs"], record["threads"], command) as working:
        sweep(path)
        return _contest(folder, working, watch, lambda: before + process_seconds() - began, command)


@contextmanager
def _held(folder: ArenaFolder, jobs: int, threads: int, command: str) -> Iterator[Jobs]:
    """The folder for this process alone, and the processes that train; a disk that fails as a sentence that says how to go on."""
    try:
        with locked(folder.path, command), Jobs(WORKER, jobs, threads, folder.path / "jobs.log") as working:
            yield working
    except DiskError as error:
        help = (
            f"What was saved is kept; once there is room to write: {again(folder.path)}"
            if folder.record
            else error.help
        )
        raise DiskError(error.what, help) from error


@contextmanager
def _whole_or_gone(folder: ArenaFolder) -> Iterator[None]:
    """An arena that has not begun leaves no folder behind."""
    try:
        yield
    except BaseException:
        if not folder.record:
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _enter(folder: ArenaFolder, ground: Ground, budget: Budget, used: float, out: Path) -> None:
    """A run for each family, with its share of what is left of the budget; then the record, with which the arena begins."""
    share = round(max(LEAST, (budget.amount - used - reserve(budget.amount, ground.rounds)) / ground.rounds), 1)
    stem = Path(ground.prepared.data.table.origin.split(".")[0] or "run").name
    entrants = []
    for name, recipe in ground.recipes.items():
        place = new_folder(out, stem)
        bases.new_run(folder.base, place, timed(recipe, share))
        entrants.append(Entrant(name, str(place)))
    entrants += [Entrant(name, "", "failed", reason) for name, reason in ground.refused.items()]
    folder.keep(
        budget=str(budget), amount=budget.amount, share=share, jobs=ground.jobs, threads=ground.threads,
        seed=ground.prepared.recipe.seed, stage="training", seconds=used, entrants=[one.to_dict() for one in entrants],
        data=ground.prepared.data.table.origin, rows=_counts(ground),
    )  # fmt: skip


def _plan(folder: ArenaFolder, ground: Ground) -> Iterator[str]:
    """What is going to happen, and who does not take part."""
    record, names = folder.record, list(ground.recipes)
    how = f"{record['jobs']} at a time, {plural(record['threads'], 'thread')} each"
    yield f"Arena {folder.path}: {listed(names)} on {record['rows']} rows; {record['share']:g} s each, {how}."
    for name, reason in ground.refused.items():
        yield f"Warning: {name} takes no part: {reason}"
    if record["share"] <= LEAST:
        yield f"Warning: The budget of {record['budget']} is too short: {record['seconds']:.0f} s were used before the first step. Give more with --budget."


def _counts(ground: Ground) -> str:
    parts = (("train", "training"), ("validation", "validation"), ("test", "test"))
    return ", ".join(f"{len(ground.prepared.rows(part))} {name}" for part, name in parts)


def _contest(folder: ArenaFolder, working: Jobs, watch: ArenaWatch, clock: Callable[[], float], command: str) -> Arena:
    """Train, compare, report: each from where it was left."""
    trainings = Trainings(folder, working, watch, clock, command)
    trainings.train()
    if all(one.state == "failed" for one in folder.entrants):
        reasons = " ".join(f"{one.kind}: {one.reason}" for one in folder.entrants)
        raise TrainingError(f"No family came to the end of its training. {reasons}")
    trainings.compare()
    watch.tell("writing the report")
    report = arena_report(folder.entrants, _about(folder))
    write_json(folder.path / "reports" / "arena.json", report.to_dict())
    told = {name: str(folder.record[name]) for name in ("data", "rows", "budget", "seed")}
    write_text(folder.path / "report.html", page(folder.path.name, [report], told))
    folder.keep(stage="finished", seconds=clock())
    shutil.rmtree(folder.base, ignore_errors=True)
    return Arena(report, folder.path, tuple(folder.entrants))


def _about(folder: ArenaFolder) -> About:
    record, ended = folder.record, {}
    for one in folder.entrants:
        if one.run:
            stopped = [event for event in Run.load(one.run).events() if event["event"] == "stopped"]
            ended |= {one.kind: stopped[-1]["reason"]} if stopped else {}
    return About(
        record["budget"], record["share"], record["jobs"], record["threads"], record["seed"], ended, _real(folder)
    )


def _real(folder: ArenaFolder) -> dict[str, Any]:
    """A few held-out examples as the families see them."""
    base = bases.of(folder.base)
    part = "test" if (base.run.parts == PARTS["test"]).any() else "validation"
    held = np.flatnonzero(base.run.parts == PARTS[part])
    rows = held[np.linspace(0, len(held) - 1, min(SHOWN, len(held))).round().astype(int)]
    return shown(base.run, decode(base.run, as_seen(base.run, base, rows)))
