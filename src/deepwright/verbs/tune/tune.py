"""Tune: from a draft with spaces to the best settings found, delivered as a run; and going on where a kill left it."""

import copy
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from deepwright.core.clock import process_seconds
from deepwright.core.errors import DiskError, Refused, RunError
from deepwright.core.files import sweep, write_text
from deepwright.core.lock import locked
from deepwright.core.memory import resident
from deepwright.data.split import PARTS
from deepwright.draft import Draft
from deepwright.preparation import Data, Prepared
from deepwright.ranges import Range, name_of, read, take
from deepwright.recipe import Recipe, plain, problems_of, tidy
from deepwright.run import Run, new_folder
from deepwright.verbs.environment import environment, pick_device
from deepwright.verbs.jobs import bases
from deepwright.verbs.jobs.jobs import Jobs
from deepwright.verbs.session import Watch
from deepwright.verbs.train import ready
from deepwright.verbs.tune.finale import Finale, Tuned
from deepwright.verbs.tune.folder import TuneFolder
from deepwright.verbs.tune.plan import Plan, Room, planned
from deepwright.verbs.tune.prunings import NoPruning
from deepwright.verbs.tune.search import Ground, Search, costs, room
from deepwright.verbs.tune.settings import Tune, TuneWatch, settled
from deepwright.verbs.tune.sharing import share
from deepwright.verbs.tune.space import Space, offered
from deepwright.verbs.tune.study import Study, local_storage
from deepwright.verbs.validation import metric

__all__ = ["Tuned", "resume_tune", "tune"]

WORKER = "deepwright.verbs.tune.worker"


def tune(
    draft: Draft, settings: Tune, source: Any = None, test: Any = None, out: Path = Path("runs"),
    watch: TuneWatch | None = None, began: float | None = None, command: str = "",
) -> Tuned:  # fmt: skip
    """Search for better settings, train the winner, compare it with the default recipe.

    Args:
        draft: the recipe as far as it is given, with or without spaces. source, test: data that wins over the recipe's.
        out: the folder in which the tune's folder and the winner's run are made.
        began: process seconds from which the budget counts; None for now.

    Raises:
        RecipeError, DataError, Refused: before any work, in sentences. Interrupted: stopped by the person; resumable.
        InputError: no trial came to its end in time. TrainingError: all failed.
    """
    watch = watch or TuneWatch()
    began = process_seconds() if began is None else began
    tidy(draft)
    own, ranges = take(draft, Recipe, problems_of)
    program = resident()
    prepared = ready(_copy(own), source, test, Watch(tell=watch.tell))
    settings = share(settings, prepared, program, pick_device())
    rows = len(prepared.rows("train"))
    heads = {} if prepared.task is None else prepared.task.heads
    if not ranges:
        ranges = _offered(prepared, own, rows)
    if isinstance(own.get("train", "threads"), int) and settings.threads == 1:
        settings = settings.model_copy(update={"threads": own.get("train", "threads")})
    primary, better, fixed = _figure(prepared, ranges)
    fixed[("train", "threads")] = settings.threads
    space = Space(own, ranges, fixed)
    space.check(prepared.recipe, prepared.features, heads, rows)
    settings.search.check(space.ranges)
    if prepared.task is None:  # only the finished network creates something worth judging
        settings = settings.model_copy(update={"prune": NoPruning()})
    name = Path(prepared.data.table.origin.split(".")[0] or "run").name
    folder = TuneFolder(new_folder(out, f"{name}-tune"), {})
    watch.folder(folder.path)
    watch.line(_subject(folder.path, prepared, ranges))
    watch.findings(prepared.findings)
    surroundings = environment(prepared, pick_device(), command)
    with _held(folder.path, settings, command) as jobs:
        watch.tell("writing the data where all trials can read them")
        full = prepared.recipe
        prepared.recipe = space.recipe({}, full, prepared.features, heads, rows)
        bases.lay(folder.base("0"), prepared, surroundings)
        folder.keep(
            settings=settings.record(), draft=own.value, ranges=[[list(path), one.written()] for path, one in ranges.items()],
            primary=primary, better=better, fixed=[[list(path), value] for path, value in fixed.items()], name=name,
            out=str(out), owner=secrets.token_hex(8), seed=full.seed, in_memory=source is not None and full.data.source is None,
            study=_study_name(name, own, ranges, settings, surroundings), plan=None, stage="trials", seconds=0.0,
        )  # fmt: skip
        if own.has("train", "budget") and full.train.budget.unit == "seconds":
            watch.line(
                f"train.budget {full.train.budget} is not used: all trials get the same number of steps instead."
            )
        ground = Ground(folder, space, lambda point: ready(space.preparation(point), source, test), surroundings)
        data = prepared.data
        del prepared  # the packed rows are in files now
        return _searched(folder, settings, ground, jobs, watch, lambda: process_seconds() - began, data, out)


def _offered(prepared: Prepared, own: Draft, rows: int) -> dict[tuple[str, ...], Range]:
    """What is searched where nothing else is said: of a whole recipe, as Deepwright writes it, nothing was fixed on purpose."""
    whole = all(name in own.value for name in Recipe.model_fields)
    return offered(prepared.recipe, Draft() if whole else own, rows)


@contextmanager
def _held(folder: Path, settings: Tune, command: str) -> Iterator[Jobs]:
    """The folder for this process alone, and the processes that train; a disk that fails as a sentence that says how to go on."""
    count = settings.at_a_time(pick_device().type)
    try:
        with locked(folder, command), Jobs(WORKER, count, settings.threads, folder / "jobs.log") as jobs:
            yield jobs
    except DiskError as error:
        raise DiskError(error.what, room(folder)) from error


def resume_tune(
    path: Path,
    source: Any = None,
    watch: TuneWatch | None = None,
    command: str = "",
    threads: Any = None,
    storage: str | None = None,
) -> Tuned:
    """Go on with a tune that was stopped or killed: finished trials are kept, the others go on.

    Args:
        source: the data, where they moved or were handed over in memory. threads: cannot be changed; None.
        storage: its address, which the record keeps without a password.

    Raises:
        RunError: it is finished, another process has it, or its data are gone or changed. Refused: a password is missing.
    """
    if threads is not None:
        raise Refused("All trials of a tune are trained with the same number of threads; leave --threads out.")
    watch = watch or TuneWatch()
    began = process_seconds()
    folder = TuneFolder.load(path)
    record = folder.record
    if record["stage"] == "finished":
        raise RunError(
            f"The tune {path} is finished; its winner is {record['winner']['run']}. "
            f"Start a new one with: deepwright tune {path}/spaces.yaml"
        )
    watch.folder(path)
    settings = settled(record["settings"]).reaching(storage, path)
    ranges = {tuple(where): read(written, where) for where, written in record["ranges"]}
    space = Space(Draft(record["draft"]), ranges, {tuple(where): value for where, value in record["fixed"]})
    watch.tell("reading")
    base = Run.load(folder.base("0")).moved(source)
    if record["in_memory"] and source is None:
        raise RunError(
            f"The data of the tune {path} were handed over in memory and are gone. Hand them over again, or give them "
            "as a file with --data."
        )
    data = base.training_data()
    before = float(record["seconds"])

    def prepare(point: Any) -> Prepared:
        return ready(space.preparation(point), source)

    with _held(path, settings, command) as jobs:
        sweep(path)
        ground = Ground(folder, space, prepare, base.environment)
        clock: Callable[[], float] = lambda: before + process_seconds() - began  # noqa: E731
        return _searched(folder, settings, ground, jobs, watch, clock, data, Path(record["out"]))


def _searched(
    folder: TuneFolder, settings: Tune, ground: Ground, jobs: Jobs, watch: TuneWatch, clock: Callable[[], float],
    data: Data | None, out: Path,
) -> Tuned:  # fmt: skip
    """Plan, search, finish: each from where it was left."""
    record = folder.record
    if record["plan"] is None:
        watch.tell("measuring what a trial costs")
        folder.keep(plan=_plan(settings, ground, jobs, clock).to_dict())
    study = Study(
        settings.storage or local_storage(folder.path), record["study"], record["owner"], record["better"],
        ground.space.ranges, settings.search, settings.prune, record["seed"], record["plan"], settings.storage is not None,
    )  # fmt: skip
    try:
        plan = Plan.from_dict(study.plan)
        ground.space = _planned_space(ground.space, plan)
        if settings.default_first and settings.search.starts_anywhere:
            study.start = ground.space.start(ground.recipe(None))
        _write_spaces(folder, ground.space)
        folder.keep(plan=plan.to_dict(), starts=study.start is not None, search_from=clock())
        search = Search(settings, ground, study, plan, jobs, watch, clock)
        watch.line(_division(search, clock()))
        winner = record.get("winner")
        best = search.run() if winner is None else study.records()[int(winner["number"])]
        return Finale(search, data, out)(best)
    finally:
        study.close()


def _plan(settings: Tune, ground: Ground, jobs: Jobs, clock: Callable[[], float]) -> Plan:
    """How many steps each trial gets, and the size of network that suits them."""
    run = Run.load(ground.folder.base("0"))
    train = run.recipe.train
    rows = int((run.parts == PARTS["train"]).sum())
    judged = max(1, int((run.parts == PARTS["validation"]).sum()))
    given = train.budget if train.budget.unit != "seconds" else None
    budget = settings.budget.amount
    most = settings.search.most(ground.space.ranges)
    trials = settings.trials if most is None else min(settings.trials, most)
    per_epoch = rows / max(1, min(train.batch or 1, rows))

    def made() -> Plan:
        measured = costs(jobs, ground, run.recipe.seed, budget)
        room = Room(budget - clock(), budget, trials, len(jobs), settings.prune.share, per_epoch, train.longest,
                    min(train.validation_rows or judged, judged), given,
                    train.validations if train.inside_epochs else None)  # fmt: skip
        return planned(measured, room)

    plan = made()
    usual = _sized(run.recipe.model, plan.steps / per_epoch) if given is None else ()
    if not usual:
        return plan
    ground.space = replace(ground.space, usual=dict(usual))
    return replace(made(), usual=usual)  # a smaller network is faster: there may be more steps


def _sized(model: Any, epochs: float) -> tuple[tuple[tuple[str, ...], Any], ...]:
    """What the model changes about itself where a trial affords so many epochs."""
    return tuple(_changes(("model",), plain(model.model_dump()), plain(model.sized(epochs).model_dump())))


def _changes(
    path: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in after.items():
        if isinstance(value, dict) and isinstance(before.get(name), dict):
            yield from _changes((*path, name), before[name], value)
        elif value != before.get(name):
            yield (*path, name), value


def _planned_space(space: Space, plan: Plan) -> Space:
    """The space with what all trials share."""
    shared: dict[tuple[str, ...], Any] = {
        ("train", "budget"): str(plan.budget), ("train", "validations"): plan.looks, ("train", "inside_epochs"): True,
        ("train", "validation_rows"): plan.rows, ("train", "precision"): plan.precision,
    }  # fmt: skip
    own = {path: value for path, value in shared.items() if path not in space.paths}
    return replace(space, fixed={**space.fixed, **own}, usual=dict(plan.usual))


def _division(search: Search, used: float) -> str:
    """How the time is divided, now that it is known what a trial costs."""
    plan, budget = search.plan, search.settings.budget.amount
    until = search.until()
    fit = "" if until > used else " There is hardly time for one."
    return (
        f"Each trial: {plan.budget.amount:g} {plan.budget.unit}, {plan.looks} looks at {plan.rows} validation rows, about "
        f"{plan.seconds:.3g} s. "
        f"{used:.0f} s are used; trials until {max(used, until):.0f} s, then winner and default recipe, figures and report "
        f"until {budget:.0f} s.{fit}"
    )


def _figure(prepared: Prepared, ranges: Mapping[tuple[str, ...], Range]) -> tuple[str, str, dict[tuple[str, ...], Any]]:
    """The figure that decides, which direction is better, and what has to be fixed for it."""
    if prepared.task is None:
        return "distance", "lower", {}
    chosen = prepared.recipe.evaluate.metric
    fixed: dict[tuple[str, ...], Any] = {}
    if chosen is None and any(path[0] == "task" for path in ranges):  # losses of different tasks cannot be compared
        chosen = prepared.task.metrics[0]
        fixed[("evaluate", "metric")] = chosen
    return (chosen, metric(chosen).better, fixed) if chosen is not None else ("loss", "lower", {})


def _copy(draft: Draft) -> Draft:
    return Draft(copy.deepcopy(draft.value), dict(draft.places))


def _study_name(
    name: str, draft: Draft, ranges: Mapping[tuple[str, ...], Range], settings: Tune, surroundings: Mapping[str, Any]
) -> str:
    """The same on every machine that searches the same space on the same data; plain where nobody else looks."""
    if settings.storage is None:
        return name
    meant = {key: value for key, value in draft.value.items() if key != "data"}
    files = [*sorted(surroundings["data"]["files"].values()), surroundings["data"]["targets"]]
    text = json.dumps(
        [meant, sorted((list(p), one.written()) for p, one in ranges.items()), files], sort_keys=True, default=str
    )
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _write_spaces(folder: TuneFolder, space: Space) -> None:
    """spaces.yaml: what was searched, as a recipe; with the plan in it, another tune of it tries the same."""
    full = Run.load(folder.base("0")).recipe
    whole = _copy(space.draft)
    source = plain(full.data.model_dump()).get("source")
    if source is not None:
        whole.put(("data", "source"), source, "the tune")
    whole.put(("seed",), full.seed, "the tune")
    usual = {path: value for path, value in space.usual.items() if not whole.has(*path)}
    for path, value in {**usual, **space.fixed}.items():
        whole.put(path, value, "the tune")
    for path, one in space.paths.items():
        whole.put(path, one.written(), "the tune")
    write_text(folder.path / "spaces.yaml", yaml.safe_dump(plain(whole.value), sort_keys=False, allow_unicode=True))


def _subject(folder: Path, prepared: Prepared, ranges: Mapping[tuple[str, ...], Range]) -> str:
    """What is tuned, before anything is trained."""
    counts = ", ".join(f"{len(prepared.rows(part))} {name}" for part, name in
                       (("train", "training"), ("validation", "validation"), ("test", "test")))  # fmt: skip
    names = ", ".join(name_of(path) for path in ranges)
    return f"Tune {folder}: {prepared.recipe.model.kind}; {counts} rows; chosen are {names}."
