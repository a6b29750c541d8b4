"""The verbs as Python functions. Data is a path, a frame (polars, pandas, Arrow), NumPy arrays or a mapping of columns."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepwright.cli.options import given_size
from deepwright.cli.progress import Progress
from deepwright.core.clock import process_seconds
from deepwright.core.errors import InputError, Interrupted, RecipeError, Refused, did_you_mean
from deepwright.core.files import refuse_existing
from deepwright.core.report import Report
from deepwright.doctor import personal_cells
from deepwright.draft import Draft, configured, split_path
from deepwright.recipe import Data, Recipe, plain
from deepwright.run import Run
from deepwright.verbs import train as training
from deepwright.verbs.complete import complete
from deepwright.verbs.inspect import inspect as look

if TYPE_CHECKING:
    from deepwright.verbs.arena.arena import Arena
    from deepwright.verbs.tune.tune import Tuned

__all__ = [
    "attack", "branch", "evaluate", "explain", "generate", "inspect", "kinds", "load", "predict", "report", "reproduce", "restyle",
    "resume", "runs", "train", "tune",
]  # fmt: skip


def train(
    data: Any = None, target: str | Sequence[str] | None = None, *, budget: str | None = None, task: Any = None,
    model: Any = None, recipe: Recipe | str | Path | Mapping[str, Any] | None = None, test: Any = None, seed: int | None = None,
    threads: int | Literal["auto"] | None = None, memory: str | None = None, out: str | Path = "runs",
    settings: Mapping[str, Any] | None = None, quiet: bool = False, **flags: Any,
) -> Run:  # fmt: skip
    """Train a network and evaluate it beside baselines.

    Args:
        data: what to learn from. target: the column or columns to be learnt.
        recipe: a recipe, its file, or a mapping; other arguments win over it.
        threads: of the processor; "auto" (the default) takes what is fastest now.
        memory: to keep to, such as "2GB"; refused before the first step where it cannot be.
        settings: dotted recipe keys and values, as `--set` takes them: {"train.batch": 64}.
        flags: id, time, group, ignore, strict, metric, track, style, as on the command line.

    Returns:
        The run. After an interrupt: the best network so far; go on with `resume(run.folder)`.

    Raises:
        RecipeError, DataError: in sentences, before any training.
    """
    wishes = {"train.threads": threads, "train.memory": memory}
    settings = {**{name: wish for name, wish in wishes.items() if wish is not None}, **(settings or {})}
    draft = _draft(data, target, budget, task, model, recipe, test, seed, settings, flags)
    with Progress(quiet) as progress:
        began = process_seconds()
        frames = None if _is_path(data) else data
        tests = None if test is None or _is_path(test) else test
        started: list[Run] = []
        watch = _watch(progress, started)
        then = _completing(progress)
        return _kept(
            lambda: training.train(draft, frames, tests, Path(out), watch, began, "deepwright.train", then),
            progress,
            started,
        )


def branch(
    run: Run | str | Path, step: int, *, budget: str | None = None, seed: int | None = None, data: Any = None,
    out: str | Path | None = None, settings: Mapping[str, Any] | None = None, quiet: bool = False,
) -> Run:  # fmt: skip
    """A new run that begins with the weights another run had after `step` steps, a step of its time-lapse or a checkpoint.

    Args:
        data: where the run's data moved or was in memory. out: the folder of runs; None for the one in which the run lies.
        settings: changes of the recipe, as in `train`: of how it learns, not of what, nor of its network.

    Raises:
        RunError: no weights of that step. Refused: a change that they do not fit. RecipeError.
    """
    from deepwright.verbs.branch import branch as work

    parent = _run(run)
    draft = _draft(None, None, budget, None, None, parent.folder / "recipe.yaml", None, seed, settings, {})
    with Progress(quiet) as progress:
        started: list[Run] = []
        watch, then = _watch(progress, started), _completing(progress)
        place, began = None if out is None else Path(out), process_seconds()
        return _kept(
            lambda: work(parent, step, draft, data, place, watch, began, "deepwright.branch", then), progress, started
        )


def tune(
    data: Any = None, target: str | Sequence[str] | None = None, *, space: Mapping[str, Any] | None = None, trials: int = 50,
    budget: str = "20min", jobs: int | None = None, threads: int = 1, memory: str | None = None, search: Any = "tpe", prune: Any = "halving",
    storage: str | None = None, default_first: bool = True, task: Any = None, model: Any = None,
    recipe: Recipe | str | Path | Mapping[str, Any] | None = None, test: Any = None, seed: int | None = None,
    out: str | Path = "runs", settings: Mapping[str, Any] | None = None, quiet: bool = False, **flags: Any,
) -> "Tuned":  # fmt: skip
    """Find better settings: many short trainings side by side, the best one trained again and compared.

    Args:
        space: dotted recipe keys and what to try for them: {"train.optimizer.lr": {"log": [1e-4, 1e-1]},
            "train.batch": [32, 64]}; None takes the spaces in the recipe, or what the model offers.
        budget: wall-clock time of everything. jobs: trainings at a time. memory: of all of them together ("4GB"). search, prune: a kind, or its settings.
        storage: Optuna storage URL that several machines share. default_first: try the default recipe first.
        recipe, settings, flags and the others: as in `train`.

    Returns:
        The winner's run, the report and the tune's folder (`.run`, `.report`, `.folder`, `.best`).

    Raises:
        RecipeError, DataError: in sentences, before any work. Interrupted: go on with `resume(folder)`.
    """
    from deepwright.verbs.tune.settings import TuneWatch, settled
    from deepwright.verbs.tune.tune import tune as work

    draft = _draft(data, target, None, task, model, recipe, test, seed, settings, flags)
    for name, one in (space or {}).items():
        written = {"choice": list(one)} if isinstance(one, list | tuple) else one
        draft.put(split_path(name), plain(written), "the call")
    given = {"trials": trials, "budget": budget, "jobs": jobs, "threads": threads, "search": _plain(search),
             "prune": _plain(prune), "storage": storage, "default_first": default_first}  # fmt: skip
    if memory is not None:
        draft.put(("train", "memory"), memory, "memory")
    chosen = settled(given)
    frames = None if _is_path(data) else data
    tests = None if test is None or _is_path(test) else test
    with Progress(quiet) as progress:
        watch = TuneWatch(progress.tell, progress.line, progress.findings, progress.standing)
        return work(draft, chosen, frames, tests, Path(out), watch, process_seconds(), "deepwright.tune")


def _watch(progress: Progress, started: list[Run]) -> training.Watch:
    def begin(run: Run) -> None:
        started.append(run)
        progress.run(run)

    return training.Watch(progress.event, progress.tell, begin, progress.warn)


def _completing(progress: Progress) -> Callable[[Run], None]:
    """What follows training."""

    def then(run: Run) -> None:
        progress.tell("comparing with baselines")
        complete(run)

    return then


def _kept(work: Callable[[], Run], progress: Progress, started: list[Run]) -> Run:
    """The run that `work` gives; after an interrupt the run as far as it has come, if it has weights at all."""
    try:
        return work()
    except (Interrupted, KeyboardInterrupt) as stop:
        if not started or not (started[-1].folder / "weights.safetensors").exists():
            raise
        progress.line(str(stop) or f"Stopped; the best network so far is in {started[-1].folder}.")
        return started[-1]


def resume(
    folder: str | Path,
    data: Any = None,
    *,
    threads: int | Literal["auto"] | None = None,
    memory: str | None = None,
    storage: str | None = None,
    quiet: bool = False,
) -> "Run | Tuned | Arena":
    """Go on with an interrupted training, bit for bit, or with a tune or an arena; `data` where the source moved or was in memory.

    Another number of `threads` gives other last bits from here on. `storage`: of a tune, where its address has a password.

    After another interrupt of a training: the best network so far.

    Raises:
        RunError: it is finished, or its data is gone or changed. Refused: `storage` where there is none, or where it is needed.
    """
    from deepwright.verbs.arena.folder import ArenaFolder
    from deepwright.verbs.tune.folder import TuneFolder

    if storage is not None and not TuneFolder.at(Path(folder)):
        raise Refused("Only a tune has a storage; leave it out.")
    with Progress(quiet) as progress:
        if TuneFolder.at(Path(folder)):
            from deepwright.verbs.tune.settings import TuneWatch
            from deepwright.verbs.tune.tune import resume_tune

            looking = TuneWatch(progress.tell, progress.line, progress.findings, progress.standing)
            return resume_tune(Path(folder), data, looking, "deepwright.resume", threads, storage)
        if ArenaFolder.at(Path(folder)):
            from deepwright.verbs.arena.arena import resume_arena
            from deepwright.verbs.arena.watching import ArenaWatch

            tells = (progress.tell, progress.line, progress.warn, progress.findings, progress.families)
            return resume_arena(Path(folder), ArenaWatch(*tells), "deepwright.resume")
        started: list[Run] = []
        watch, then = _watch(progress, started), _completing(progress)
        return _kept(
            lambda: training.resume(Path(folder), data, watch, "deepwright.resume", then, threads, given_size(memory)),
            progress,
            started,
        )


def reproduce(
    run: Run | str | Path, data: Any = None, test: Any = None, *, out: str | Path | None = None, quiet: bool = False
) -> Report:
    """Train a run again from its record, into a new run, and say whether it comes out the same, bit for bit.

    Args:
        data, test: where the data moved or was in memory. out: the folder of runs; None for the one the run lies in.

    Returns:
        A report: `.data["equal"]`, `.data["sentence"]`, `.data["differences"]` with the first cause first, and `.data["folder"]`
        of the new run (None where the data is not as it was: then nothing is trained).

    Raises:
        RunError: it is unfinished, or its data is gone. Refused: its weights are those of no single training.
    """
    from deepwright.verbs.reproduce.reproduce import reproduce as work

    with Progress(quiet) as progress:
        watch = training.Watch(progress.event, progress.tell, progress.run, progress.warn)
        return work(_run(run), data, test, None if out is None else Path(out), watch, "deepwright.reproduce")


def load(folder: str | Path) -> Run:
    """A run from its folder. Raises RunError."""
    return Run.load(folder)


def inspect(data: Any, target: str | Sequence[str] | None = None, overfit: bool = False, **flags: Any) -> Report:
    """What the data is and what is wrong with it; `overfit`: also whether eight rows can be learnt by heart."""
    draft = _draft(data, target, None, flags.pop("task", None), None, None, None, None, None, flags)
    return look(draft, None if _is_path(data) else data, overfit)


def evaluate(run: Run | str | Path, data: Any = None, show_personal: bool = False) -> Report:
    """Figures with intervals beside baselines, on the stored test rows or on new data.

    Args:
        show_personal: show cells that look personal (masked otherwise).
    """
    with personal_cells(show_personal):
        return _run(run).evaluate(data)


def predict(run: Run | str | Path, data: Any, with_inputs: bool = False) -> Any:
    """Answers for new rows, one row an example: a frame."""
    return _run(run).predict(data, with_inputs)


def explain(run: Run | str | Path, data: Any = None, **settings: Any) -> Report:
    """Which columns and pixels mattered, checked against a random order."""
    return _run(run).explain(on=data, **settings)


def attack(run: Run | str | Path, data: Any = None, **settings: Any) -> Report:
    """How small a change fools the network, beside random changes of the same size."""
    return _run(run).attack(on=data, **settings)


def generate(run: Run | str | Path | None = None, n: int | None = None, **settings: Any) -> Report:
    """New creations; the same seed gives the same ones.

    Args:
        run: may be left out, or be a folder of runs, where `reopen` names a file that was made before.
        settings: as in `Generate`; `knobs={"truncation": 0.7}` sets how the network is sampled.
    """
    if n is not None:
        settings["n"] = n
    if settings.get("reopen") is not None and not isinstance(run, Run):
        from deepwright.verbs.creation.recall import find_run, recalled

        path = Path(settings["reopen"])
        run = find_run(recalled(path), path, None if run is None else Path(run))
    if run is None:
        raise InputError("Say which run shall create, or which file shall be opened again (reopen=…).")
    return _run(run).generate(**settings)


def restyle(
    content: str | Path | Sequence[str | Path], style: str | Path | None = None, out: str | Path | None = None, *,
    run: Run | str | Path | None = None, seed: int = 0, record: bool = True, force: bool = False, quiet: bool = False,
    features: str | Path | None = None, **knobs: Any,
) -> Report:  # fmt: skip
    """A picture in the style of another: by matching patches, without run and weights; or in one pass of a run that learnt a style.

    Args:
        content: a picture; with `run` also several, and folders of them.
        style: the picture whose style is taken over. run: what `train(photos, style=…)` gave, in its place.
        out: a .png or .webp file, or a folder for several; None: CONTENT-as-STYLE.png in the working folder.
        record: the file carries seed, knobs and the hashes of both pictures. force: replace what is there.
        features: a run that answers from pictures, or a file of weights (EfficientNet-Lite0): what such a network sees is matched
            too; with `style` only.
        knobs: size, and with `style` strength, method, patch, coarsest, steps, filters, rate, as in `--set`.

    Returns:
        A report with the pictures and figures: `.data["file"]`, `.data["distance"]`, `.data["layout"]`; with `run` of each
        picture in `.data["made"]`.

    Raises:
        RecipeError: no such knob, or a value out of its range. DataError: a picture cannot be used. OutputExists.
    """
    from deepwright.verbs.restyle.one_pass import Pass, PassKnobs, restyle_with
    from deepwright.verbs.restyle.restyle import Wish
    from deepwright.verbs.restyle.restyle import restyle as work
    from deepwright.verbs.restyle.settings import Knobs

    paths = (Path(content),) if isinstance(content, str | Path) else tuple(map(Path, content))
    place, seen = (None if one is None else Path(one) for one in (out, features))
    if (style is None) == (run is None) or (run is not None and seen is not None) or (style and len(paths) != 1):
        raise InputError("Give one picture and style=PICTURE (and features=RUN), or pictures and run=RUN.")
    with Progress(quiet) as progress:
        if run is not None:
            folder, chosen = run.folder if isinstance(run, Run) else Path(run), configured(PassKnobs, knobs)
            return restyle_with(Pass(paths, folder, place, chosen, seed, record, force), progress.part)
        assert style is not None
        wish = Wish(paths[0], Path(style), place, configured(Knobs, knobs), seed, record, force, seen)
        return work(wish, progress.part)


def report(run: Run | str | Path, out: str | Path | None = None, rows: bool = True, force: bool = False) -> Path:
    """Write report.html and say where it is.

    Args:
        out: another place for it. rows: show raw rows and pictures. force: replace what is at `out`.
    """
    if out is not None:
        refuse_existing(Path(out), force)
    return _run(run).report(out, rows)


def runs(folder: str | Path = "runs") -> Report:
    """The runs in a folder: what they learnt, how far they are, how good they are."""
    from deepwright.verbs.runs import runs as work

    return work(Path(folder))


def kinds() -> Report:
    """Everything a recipe can name; the schema of recipes is `Recipe.model_json_schema()`."""
    from deepwright.verbs.kinds import kinds as work

    return work()


_ARGUMENTS = ("budget", "memory", "model", "out", "quiet", "recipe", "seed", "settings", "target", "task", "threads")


def _run(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else Run.load(run)


def _is_path(data: Any) -> bool:
    return data is None or isinstance(data, str | Path)


def _draft(
    data: Any, target: Any, budget: Any, task: Any, model: Any, recipe: Any, test: Any, seed: Any, settings: Any, flags: Any
) -> Draft:  # fmt: skip
    """What was given, as a draft of a recipe."""
    place = "the call"
    known = {*Data.model_fields, "metric", "track", "style"}
    for name in flags.keys() - known:
        raise RecipeError(f"There is no argument '{name}'. {did_you_mean(name, sorted({*known, *_ARGUMENTS}))}")
    if isinstance(recipe, str | Path):
        draft = Draft.read(Path(recipe))
    else:
        value = (
            plain(recipe.model_dump(exclude_unset=True)) if isinstance(recipe, Recipe) else plain(dict(recipe or {}))
        )
        draft = Draft(value)
    given = {
        ("data", "source"): str(data) if data is not None and _is_path(data) else None,
        ("data", "test"): str(test) if test is not None and _is_path(test) else None,
        ("target",): [target] if isinstance(target, str) else None if target is None else list(target),
        ("train", "budget"): budget, ("task",): _plain(task), ("model",): _plain(model), ("seed",): seed,
        ("evaluate", "metric"): flags.pop("metric", None), ("track",): plain(flags.pop("track", None)),
    }  # fmt: skip
    if (style := flags.pop("style", None)) is not None:
        given |= {("model",): given["model",] or draft.get("model") or "stylist", ("model", "style"): str(style)}
    given |= {("data", name): plain(value) for name, value in flags.items()}
    for path, value in given.items():
        if value is not None:
            draft.put(path, value, place)
    for name, value in (settings or {}).items():
        draft.put(split_path(name), plain(value), place)
    return draft


def _plain(kind: Any) -> Any:
    return plain(kind.model_dump()) if hasattr(kind, "model_dump") else kind
