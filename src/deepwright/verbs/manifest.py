"""Manifest: what a training adds to environment.json when it ends, so that it can be done again and compared."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deepwright.core.files import file_hash
from deepwright.core.report import Report
from deepwright.core.sealed import canonical_hash
from deepwright.training.determinism import Determinism
from deepwright.training.recorded import told

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["figures_of", "hashes", "note_figures", "note_training", "recipe_as_left", "recipe_hash"]


def hashes(run: "Run", events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """SHA-256 of what a training left: the weights (the file), the task and the events (times aside)."""
    task = None if run.task is None else {"kind": run.task.kind, "state": run.task.to_state()}
    return {
        "weights": file_hash(run.folder / "weights.safetensors"),
        "task": canonical_hash(task),
        "events": canonical_hash(told(events)),
    }


def recipe_hash(run: "Run") -> str:
    """SHA-256 of the recipe, wherever its data lie."""
    recipe = run.recipe.model_dump(mode="json")
    data = recipe["data"]
    source = data["source"]
    if isinstance(source, dict):
        source = {name: value for name, value in source.items() if name != "path"}
    return canonical_hash({**recipe, "data": {**data, "source": source, "test": data["test"] is not None}})


def recipe_as_left(run: "Run") -> bool:
    """Whether recipe.yaml is as the training left it, as far as the manifest tells."""
    known = run.environment.get("training", {}).get("recipe")
    whole = canonical_hash(run.recipe.model_dump(mode="json"))  # of earlier manifests
    return known in (None, recipe_hash(run), whole)


def note_training(run: "Run", events: Sequence[Mapping[str, Any]], promise: Determinism, device: str) -> None:
    """Write what came out. Trials of a tune have no manifest.

    Args:
        events: up to the end. promise: whether the bits are promised.
    """
    if not (run.folder / "environment.json").exists():
        return
    train = run.recipe.train
    run.save_environment(
        training={
            "recipe": recipe_hash(run), "device": device, "threads": train.threads, "precision": train.precision,
            "deterministic": not promise.why_not, "why_not": promise.why_not,
        },
        hashes=hashes(run, events),
        figures=None,
    )  # fmt: skip


def figures_of(report: Report) -> dict[str, Any] | None:
    """The network's own figures of an evaluation, by name; None where there is no target."""
    return report.data.get("metrics")


def note_figures(run: "Run", report: Report) -> None:
    """Write the figures on held-out rows."""
    figures = figures_of(report)
    if figures is not None and "hashes" in run.environment:
        stored = {**run.environment["hashes"], "figures": canonical_hash(figures)}
        run.save_environment(hashes=stored, figures=figures)
