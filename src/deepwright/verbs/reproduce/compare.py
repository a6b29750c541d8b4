"""Two runs side by side: circumstances, what was learnt about the data, events, figures, weights."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from deepwright.core.files import file_hash, read_json
from deepwright.core.sealed import canonical_hash
from deepwright.core.wording import plural
from deepwright.run import Run
from deepwright.run_folder import whole
from deepwright.training.recorded import told
from deepwright.training.tensor_files import read_tensors
from deepwright.verbs.manifest import recipe_as_left, recipe_hash
from deepwright.verbs.reproduce.differences import (
    Difference,
    hardware,
    in_events,
    in_figures,
    in_weights,
    versions,
)

__all__ = ["after_training", "before_training"]


def before_training(run: Run, now: Mapping[str, Any]) -> list[Difference]:
    """A recipe that was changed; versions and hardware, which alone are no reason to call a run not reproduced."""
    return [*_recipe(run), *versions(run.environment, now), *hardware(run.environment, now)]


def after_training(run: Run, again: Run) -> list[Difference]:
    """What came out otherwise, the first cause first."""
    return [
        *_preparation(run, again),
        *_events(run, again),
        *_figures(run, again),
        *_task(run, again),
        *_weights(run, again),
    ]


def _recipe(run: Run) -> Iterator[Difference]:
    if not recipe_as_left(run):
        yield _tampered("recipe.yaml", run.environment["training"]["recipe"], recipe_hash(run))


def _preparation(run: Run, again: Run) -> Iterator[Difference]:
    if not np.array_equal(run.parts, again.parts):
        many = int((run.parts != again.parts).sum()) if len(run.parts) == len(again.parts) else len(run.parts)
        yield Difference("preparation", f"the division of the rows: {plural(many, 'row')} went into another part")
    for name in dict.fromkeys([*run.features, *again.features]):
        one, other = run.features.get(name), again.features.get(name)
        if (
            one is None
            or other is None
            or canonical_hash([one.kind, one.to_state()]) != canonical_hash([other.kind, other.to_state()])
        ):
            yield Difference("preparation", f"what was learnt about the column '{name}' (features.json)")


def _events(run: Run, again: Run) -> Iterator[Difference]:
    then, now = told(run.events()), told(again.events())
    found = in_events(then, now)
    if found is not None:
        yield found
    known = run.environment.get("hashes", {}).get("events")
    if known not in (None, canonical_hash(then)):
        yield _tampered("events.jsonl", known, canonical_hash(then))


def _tampered(name: str, known: str, now: str) -> Difference:
    text = f"{name} is not as the training left it: environment.json holds another hash"
    return Difference("record", text, known[:12], now[:12])


def _figures(run: Run, again: Run) -> Iterator[Difference]:
    """Those of the manifest, and those that stand in the report."""
    now, then = again.environment.get("figures"), run.environment.get("figures")
    path = run.folder / "reports" / "evaluate.json"
    if now is None or (then is None and not path.exists()):
        return
    shown = None
    if path.exists():
        with whole(path, "Delete that file; deepwright evaluate writes it anew."):
            data = read_json(path)["data"]
            shown = data["metrics"] if data["split"] != "new data" else None
    then = shown if then is None else then
    found = None if then is None else in_figures(then, now)
    if found is not None:
        yield found
    elif shown is not None and shown != now:
        found = in_figures(shown, now)
        if found is not None:
            yield found
    known = run.environment.get("hashes", {}).get("figures")
    for name, figures in (("environment.json", run.environment.get("figures")), ("reports/evaluate.json", shown)):
        if None not in (known, figures) and canonical_hash(figures) != known:
            yield _tampered(f"the figures in {name}", known, canonical_hash(figures))


def _task(run: Run, again: Run) -> Iterator[Difference]:
    one, other = (None if each.task is None else [each.task.kind, each.task.to_state()] for each in (run, again))
    if canonical_hash(one) != canonical_hash(other):
        yield Difference("task", "what validation answers taught the task (task.json)")


def _weights(run: Run, again: Run) -> Iterator[Difference]:
    with whole(run.folder / "weights.safetensors"):
        then = read_tensors(run.folder / "weights.safetensors")[0]
    now = read_tensors(again.folder / "weights.safetensors")[0]
    order = {name: now[name] for name in again.fresh_network().state_dict() if name in now}
    found = in_weights(then, order)
    if found is not None:
        yield found
    known = run.environment.get("hashes", {}).get("weights")
    if known not in (None, file_hash(run.folder / "weights.safetensors")):
        yield _tampered("weights.safetensors", known, file_hash(run.folder / "weights.safetensors"))
