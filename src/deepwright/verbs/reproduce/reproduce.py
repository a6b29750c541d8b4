"""Reproduce: train a run again from its record, into a new run, and name the first thing that is not as it was.

The new training follows the recorded plan: steps, re-plans, changes of threads, the end. The clock decides nothing, so that
runs with a wall-clock budget come out the same too, bit for bit, on the same machine with the same versions.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from deepwright.core.errors import InputError, Interrupted, Refused, RunError
from deepwright.core.report import Report
from deepwright.data.chain import Chain
from deepwright.data.sameness import target_hash
from deepwright.data.sources import detect
from deepwright.data.table import digests
from deepwright.draft import Draft
from deepwright.preparation import Prepared, open_data
from deepwright.recipe import Recipe, plain
from deepwright.run import Run
from deepwright.run_folder import whole
from deepwright.training.distributed import joined
from deepwright.training.recorded import Recorded
from deepwright.training.tensor_files import read_tensors
from deepwright.verbs.branch import like
from deepwright.verbs.complete import complete
from deepwright.verbs.environment import circumstances, pick_device, rows_of_table, used_columns
from deepwright.verbs.manifest import recipe_as_left
from deepwright.verbs.report import write_report
from deepwright.verbs.reproduce.changed_data import in_data
from deepwright.verbs.reproduce.compare import after_training, before_training
from deepwright.verbs.reproduce.differences import Difference
from deepwright.verbs.reproduce.verdict import verdict
from deepwright.verbs.session import Session, Watch
from deepwright.verbs.train import Start, new_run, ready

__all__ = ["reproduce"]


def reproduce(
    run: Run,
    source: Any = None,
    test: Any = None,
    out: Path | None = None,
    watch: Watch | None = None,
    command: str = "",
) -> Report:
    """Whether the run comes out the same again: "equal", "differences" in order, the new run's "folder" (None: not trained).

    Args:
        source, test: the training and test data, where they moved or were in memory.
        out: the folder of runs for the new one; None for the one in which the run lies.

    Raises:
        RunError: the run is unfinished, or its data are gone. Refused: it is no single training. Interrupted: by the person.
    """
    watch = watch or Watch()
    recorded = _recorded(run)
    watch.tell("looking at the data")
    with _as_left(run):
        draft = _draft(run, source, test)
        lost = _data_difference(run, draft, source, test)
        if lost is not None:
            now = circumstances(pick_device())
            return verdict(run, None, [lost, *before_training(run, now)])
        prepared = _prepared(run, draft, source, test, watch)
    with ExitStack() as held:
        ranks = held.enter_context(joined())
        if ranks.count > 1:
            raise Refused("Runs are done again by one process; start deepwright reproduce without torchrun.")
        folder = run.folder.resolve()
        stem, out = f"{run.name}-again", out or folder.parent
        start = None if run.start is None else Start(stem, run.start, run.environment.get("branch", {}))
        again = new_run(prepared, out, command, ranks, held, watch, stem, start, reproduces=str(folder))
        held.enter_context(_stopped(run))
        again = Session(again, prepared.packed, pick_device(), watch, ranks, recorded).follow()
        if "figures" in run.environment.get("hashes", {}) or any(e["event"] == "completed" for e in run.events()):
            watch.tell("comparing with baselines")
            complete(again)
        differences = [*before_training(run, again.environment), *after_training(run, again)]
        report = verdict(run, again, differences)
        again.save_report(report)
        write_report(again)
        return report


@contextmanager
def _as_left(run: Run) -> Iterator[None]:
    """What stops the preparation, with its likely cause where somebody has changed the recipe.

    Raises:
        RunError: the recipe was changed since, and cannot be followed as it is.
    """
    try:
        yield
    except InputError as error:
        if recipe_as_left(run):
            raise
        raise RunError(
            f"recipe.yaml of {run.folder} is not as the training left it, and cannot be followed as it is now. Change it "
            f"back. What is in the way: {error}"
        ) from error


def _prepared(run: Run, draft: Draft, source: Any, test: Any, watch: Watch) -> Prepared:
    """The data prepared anew; for a branch, which took over what its parent knew of them, as it has them."""
    source, test = (None if _path(one) else one for one in (source, test))
    if run.start is None:
        return ready(draft, source, test, watch)
    recipe = Recipe.from_draft(draft)
    watch.tell("encoding")
    return like(run, recipe, open_data(recipe, source, test, examples=run.examples)[0])


def _recorded(run: Run) -> Recorded:
    """How the run went.

    Raises:
        RunError: it is unfinished, or damaged. Refused: its weights are no training's.
    """
    if (run.folder / "soup.json").exists():
        raise Refused(
            f"The weights of {run.folder} are the average of several trainings of a tune (soup.json), which no single "
            "training gives again. What can be done again is the tune: its command is in environment.json."
        )
    if run.state == "unfinished":
        again = "Train it to its end first: deepwright resume " + str(run.folder)
        stopped = [event for event in run.events() if event["event"] == "stopped"]
        if stopped and stopped[-1]["reason"] == "diverged":
            raise RunError(
                f"The loss of {run.folder} left for good before there were weights to keep: there is nothing to compare."
            )
        raise RunError(f"The run {run.folder} is unfinished, so there is nothing to compare with yet. {again}")
    with whole(run.folder / "environment.json"):
        _whole_manifest(run.environment)
    with whole(run.folder / "events.jsonl"):
        recorded = Recorded.of(run.events())
        if recorded is None:
            raise ValueError("it does not tell how the training was planned")
    with whole(run.folder / "weights.safetensors"):  # before the work, though they are compared after it
        read_tensors(run.folder / "weights.safetensors")
    _ = run.parts
    return recorded


def _whole_manifest(known: Mapping[str, Any]) -> None:
    """Raises LookupError, ValueError, TypeError, AttributeError: something is missing, or is not what it should be."""
    _ = known["deepwright"], known["python"], known["packages"].items()
    data = known["data"]
    _ = int(data["rows"]), str(data["origin"])
    if "hashes" in data:
        _ = int(data["hashes"]["size"]), data["hashes"]["blocks"].split()


def _path(source: Any) -> bool:
    return source is None or isinstance(source, str | Path)


def _draft(run: Run, source: Any, test: Any) -> Draft:
    """The run's own recipe, with the places where the data lie now; trackers are not told a second time.

    Raises:
        RunError: the data are gone.
    """
    draft, place = Draft.read(run.folder / "recipe.yaml"), "--data"
    if draft.get("track"):
        draft.put(("track",), [], "the run done again")
    if source is None and run.recipe.data.source is None:
        raise RunError(
            f"The data {run.folder} was trained on was handed over in memory and is gone. Give it as a file with --data, "
            "or in Python: reproduce(run, data=…)."
        )
    if isinstance(source, str | Path):
        found, kept = detect(str(source), run.recipe.creates), run.recipe.data.source
        same = kept is not None and found.kind == kept.kind
        draft.put(("data", "source"), plain({**(kept if same else found).model_dump(), "path": str(source)}), place)
    elif source is None:
        path = Path(getattr(run.recipe.data.source, "path", "."))
        if not path.exists():
            raise RunError(f"The data {run.folder} was trained on is gone: {path}. Give its new place with --data.")
    _check_test(run, test)
    if isinstance(test, str | Path):
        draft.put(("data", "test"), str(test), "--test")
    elif test is None and run.recipe.data.test is not None and not Path(run.recipe.data.test).exists():
        raise RunError(
            f"The test data of {run.folder} is gone: {run.recipe.data.test}. Give its new place with --test."
        )
    return draft


def _check_test(run: Run, test: Any) -> None:
    """Raises Refused: there was no test data. RunError: it was in memory, and is not handed over again."""
    tests = run.environment["data"].get("tests")  # rows; earlier manifests do not tell
    if run.recipe.data.test is not None or tests is None:
        return
    if test is not None and not tests:
        raise Refused(f"The run {run.folder} was trained without test data of its own; leave it out (--test).")
    if test is None and tests:
        raise RunError(
            f"The test data of {run.folder} was handed over in memory and is gone. Give it as a file with --test, or in "
            "Python: reproduce(run, data=…, test=…)."
        )


def _data_difference(run: Run, draft: Draft, source: Any, test: Any) -> Difference | None:
    """Rows that are not as they were, before any work."""
    recipe = Recipe.from_draft(draft)
    frames = (None if _path(source) else source, None if _path(test) else test)
    data = open_data(recipe, *frames, examples=run.examples)[0]
    now: dict[str, Any] = {
        "origin": data.table.origin, "rows": data.table.height, "files": digests(data.table), "tests": data.tests,
        "test": data.table.second.origin if isinstance(data.table, Chain) else None,
        "row": "row" if data.examples is None else "example",
    }  # fmt: skip
    then = run.environment["data"]
    if list(now["files"].values()) != list(then["files"].values()) or not now["files"] or len(now["files"]) >= 1000:
        now["missing"] = [name for name in used_columns(recipe) if name not in data.table.columns]
        task = None if now["missing"] else run.training_task()
        now["hashes"] = rows_of_table(recipe, data.table)
        now["targets"] = None if task is None else target_hash(task, data.table)
    return in_data(then, now)


@contextmanager
def _stopped(run: Run) -> Iterator[None]:
    try:
        yield
    except Interrupted as stop:
        raise Interrupted(
            f"Stopped before there was anything to compare. Start again with: deepwright reproduce {run.folder}"
        ) from stop
