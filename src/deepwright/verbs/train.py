"""Train and resume: from a draft of a recipe to a run."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from deepwright.contracts import Finding
from deepwright.core.allocating import returned_at_once
from deepwright.core.clock import process_seconds
from deepwright.core.errors import DataError, DiskError, Refused, RunError
from deepwright.core.files import sweep
from deepwright.core.lock import locked
from deepwright.core.memory import give_back, resident
from deepwright.core.size import Size
from deepwright.data.looking import check_room
from deepwright.doctor import examine, stricter
from deepwright.draft import Draft
from deepwright.preparation import Prepared, prepare
from deepwright.recipe import Recipe
from deepwright.run import Run, new_folder
from deepwright.tracking import Tracking
from deepwright.training.distributed import Ranks, joined
from deepwright.training.journal import Journal
from deepwright.verbs.creation.story import keep_seen
from deepwright.verbs.environment import environment, pick_device
from deepwright.verbs.memory import afford, keeping, kept, reading
from deepwright.verbs.resolution import fitted
from deepwright.verbs.session import Session, Watch
from deepwright.verbs.thread_choice import Wish
from deepwright.verbs.tracked import tell_completed, tracked
from deepwright.verbs.validation import metric_names

__all__ = ["Start", "Watch", "check_fit", "new_run", "ready", "resumable", "resume", "train", "trained"]


Then = Callable[[Run], object]


@dataclass(frozen=True)
class Start:
    """Where a branch begins.

    Args:
        name: of the new run, without its number. record: which run and step, for the manifest.
    """

    name: str
    weights: Mapping[str, Tensor]
    record: Mapping[str, Any]


def train(
    draft: Draft, source: Any = None, test: Any = None, out: Path = Path("runs"), watch: Watch | None = None,
    began: float | None = None, command: str = "", then: Then | None = None, measured: bool = True,
) -> Run:  # fmt: skip
    """A trained run.

    Args:
        draft: the recipe as far as it is given. source, test: data that wins over the recipe's.
        out: the folder in which the numbered run folder is made.
        began: process seconds from which a wall-clock budget counts; None for now.
        then: what follows training (figures, the report), done while the run is still this process's own.
        measured: a measured step decides the size of pictures that are to be created, where it is left open; else the rule.

    Raises:
        RecipeError, DataError: before training, in sentences. Interrupted: stopped by the person; resumable.
    """
    watch = watch or Watch()
    began = process_seconds() if began is None else began
    program = resident()
    prepare = partial(ready, source=source, test=test, watch=watch)
    prepared = fitted(draft, prepare, watch, process_seconds() - began) if measured else prepare(draft)
    return trained(prepared, program, out, watch, began, command, then)


def trained(
    prepared: Prepared, program: int, out: Path, watch: Watch, began: float, command: str, then: Then | None,
    start: Start | None = None,
) -> Run:  # fmt: skip
    """A trained run from prepared data; for the others see `train`.

    Args:
        program: bytes of memory that were held before the data was read. start: where a branch begins.
    """
    with ExitStack() as held:
        held.enter_context(keeping(prepared.recipe.train.memory))
        with returned_at_once():
            prepared.recipe, estimated = afford(prepared, program, pick_device(), watch)
        ranks = held.enter_context(joined())
        watch = watch if ranks.rank == 0 else Watch()
        run = new_run(prepared, out, command, ranks, held, watch, start=start)
        held.enter_context(resumable(run))
        watch, tracking = held.enter_context(tracked(run, watch, ranks))
        session = Session(run, prepared.packed, pick_device(), watch, ranks)
        session.estimated = estimated
        size = prepared.packed.bytes
        del prepared  # the packed rows go when training is over: what follows reads the table
        run = session.start(began)
        del session
        give_back(size)  # trainers refer to themselves in circles, and to the rows
        _follow(then, run, ranks, tracking)
        return run


def ready(draft: Draft, source: Any = None, test: Any = None, watch: Watch | None = None) -> Prepared:
    """Prepared data that nothing speaks against training on.

    Raises:
        RecipeError, DataError, Refused: in sentences.
    """
    watch = watch or Watch()
    with reading(Recipe.from_draft(draft).train.memory):
        prepared = prepare(draft, source, test, watch.tell)
        watch.tell("looking for trouble")
        prepared.findings += examine(prepared)
    give_back(prepared.packed.bytes)
    if prepared.recipe.data.strict:
        prepared.findings = stricter(prepared.findings)
    if errors := _errors(prepared.findings):
        raise DataError("\n".join(errors))
    check_fit(prepared)
    return prepared


def _errors(findings: Sequence[Finding]) -> list[str]:
    """The sentences of errors; many empty columns in one."""
    empty = [f for f in findings if f.severity == "error" and f.code == "all-missing"]
    others = [f.text for f in findings if f.severity == "error" and f not in empty]
    if len(empty) < 2:
        return [f.text for f in empty] + others
    names, flags = (", ".join(f"'{f.column}'" for f in empty), " ".join(f"--ignore '{f.column}'" for f in empty))
    return [f"{len(empty)} columns are empty in every row: {names}. Fill them, or leave them out: {flags}", *others]


def check_fit(prepared: Prepared) -> None:
    """Whether model, objective, metric and data belong together, before anything is written.

    Raises:
        Refused, RecipeError: they do not. MissingExtra: a tracker's library is not installed.
    """
    recipe, task = prepared.recipe, prepared.task
    for tracker in recipe.track:
        tracker.check()
    if task is not None:
        metric_names(task, recipe.evaluate.metric)
    heads = {} if task is None else task.heads
    network = recipe.model.build(prepared.features, heads, len(prepared.rows("train")), recipe.conditions)
    judges = recipe.objective.bind(task, prepared.features, network).judges
    average = recipe.train.average
    if task is None and not judges and average is not None and average.build(network).live is None:
        raise Refused(
            f"The average '{average.kind}' is only kept where validation finds it better, and '{recipe.model.kind}' creates and "
            "is not validated. Use --set train.average=ema, or none."
        )


def new_run(
    prepared: Prepared, out: Path, command: str, ranks: Ranks, held: ExitStack, watch: Watch, stem: str | None = None,
    start: Start | None = None, **more: Any,
) -> Run:  # fmt: skip
    """The first rank makes the folder and holds it, the others open it; a run that the person is not told of is none.

    Args:
        stem: of the run's name; None for that of the data, or of the branch. more: for the record of its circumstances.
    """
    name = ""
    if start is not None:
        stem, more = stem or start.name, {**more, "branch": start.record}
    if ranks.rank == 0:
        folder = new_folder(out, stem or Path(prepared.data.table.origin.split(".")[0] or "run").name)
        with _whole_or_gone(folder):
            held.enter_context(locked(folder, command))
            circumstances = {**environment(prepared, pick_device(), command, ranks.count), **more}
            give_back(prepared.packed.bytes)  # the texts of rows, of which hashes were taken
            run = Run.create(folder, prepared, circumstances, None if start is None else start.weights)
            if run.task is None:
                keep_seen(run, prepared.packed)
            watch.run(run)
        name = folder.name
    name = ranks.word(name)
    return run if ranks.rank == 0 else Run.load(out / name)


@contextmanager
def _whole_or_gone(folder: Path) -> Iterator[None]:
    """A run that cannot be written leaves no folder behind."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def resume(
    folder: Path, source: Any = None, watch: Watch | None = None, command: str = "", then: Then | None = None,
    threads: Wish = None, memory: Size | None = None,
) -> Run:  # fmt: skip
    """Go on with an interrupted run from its last checkpoint, bit for bit as if it had never stopped.

    Args:
        then: as for `train`; where only that is missing, it is all that is done.
        threads: another number from here on (other last bits then); "auto" measures which is fastest now.
        memory: another limit from here on. It changes where the data lie and what the baselines learn from, not what the
            network learns.

    Raises:
        RunError: it is finished, another process has it, or its data moved or changed.
    """
    watch = watch or Watch()
    run = Run.load(folder)
    for tracker in run.recipe.track:
        tracker.check()
    with ExitStack() as held:
        ranks = held.enter_context(joined())
        watch = watch if ranks.rank == 0 else Watch()
        if ranks.rank == 0:
            held.enter_context(locked(folder, command))
            for place in (folder, folder / "checkpoints", folder / "reports", folder / "lapse"):
                sweep(place)
        events = Journal(folder).read()
        trained = run.state_after(events) == "finished"
        if trained and (then is None or events[-1]["event"] == "completed"):
            raise RunError(
                f"The run {folder} is finished. Train a new one from its recipe: deepwright train {folder}/recipe.yaml"
            )
        watch.run(run)
        watch.tell("reading")
        program = resident()
        _relimit(run, memory)
        held.enter_context(keeping(run.recipe.train.memory))
        with reading(run.recipe.train.memory):
            run = run.moved(source)
            data = run.training_data()
        held.enter_context(resumable(run))
        watch, tracking = held.enter_context(tracked(run, watch, ranks))
        if not trained:
            watch.tell("encoding")
            check_room(data.table)
            with returned_at_once():
                packed = run.pack(data.table)
            session = Session(run, packed, pick_device(), watch, ranks)
            del packed
            session.estimated = None if memory is None else kept(run, session.packed, program, pick_device())
            if memory is not None and ranks.rank == 0:
                run.save_recipe()
            size = session.packed.bytes
            run = session.go_on(threads)
            del session
            give_back(size)
        _follow(then, run, ranks, tracking)
        return run


def _follow(then: Then | None, run: Run, ranks: Ranks, tracking: Tracking) -> None:
    """What follows training, once, in the first rank's process."""
    if then is None or ranks.rank != 0:
        return
    with returned_at_once():
        then(run)
    tell_completed(run, tracking)


def _relimit(run: Run, memory: Size | None) -> None:
    """Another limit of the memory in the recipe; written once it is known that it can be kept to."""
    if memory is not None:
        train = run.recipe.train.model_copy(update={"memory": memory})
        run.recipe = run.recipe.model_copy(update={"train": train})


@contextmanager
def resumable(run: Run) -> Iterator[None]:
    """A disk that fails in the middle: say how to go on."""
    try:
        yield
    except DiskError as error:
        again = f"What was saved is kept; once there is room to write, go on with: deepwright resume {run.folder}"
        raise DiskError(error.what, again) from error
