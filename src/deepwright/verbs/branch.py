"""Branch: a new run that begins with the weights another run had at some step.

The steps are those of the time-lapse and of the checkpoints that are kept. A branch sees the rows its parent saw, divided
and encoded as they were; how it learns is free. It holds its first weights itself (`start.safetensors`), so that it can be
resumed and done again without its parent. Optimisers, averages and what an objective remembers begin anew.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from deepwright.core.clock import process_seconds
from deepwright.core.errors import Refused, RunError
from deepwright.core.files import file_hash
from deepwright.core.memory import give_back, resident
from deepwright.draft import Draft
from deepwright.preparation import Data, Prepared
from deepwright.recipe import Recipe
from deepwright.run import Run
from deepwright.run_folder import whole
from deepwright.training.checkpoint import Checkpoints
from deepwright.training.tensor_files import read_tensors
from deepwright.verbs.creation.lapse import snapshots
from deepwright.verbs.creation.recall import run_hash
from deepwright.verbs.memory import reading
from deepwright.verbs.session import Watch
from deepwright.verbs.train import Start, Then, check_fit, trained

__all__ = ["branch", "like", "steps"]

_KEPT = ("data", "target", "task", "features")


def branch(
    run: Run, step: int, draft: Draft, source: Any = None, out: Path | None = None, watch: Watch | None = None,
    began: float | None = None, command: str = "", then: Then | None = None,
) -> Run:  # fmt: skip
    """A trained run that began as another one was after `step` steps.

    Args:
        draft: the parent's recipe with changes. source: the parent's data, where it moved or was in memory.
        out: the folder of runs; None for the one in which the parent lies. The others are as in `train`.

    Raises:
        RunError: no weights of that step, or the data are gone. Refused: a change that the weights do not fit.
        RecipeError: in sentences.
    """
    watch = watch or Watch()
    began = process_seconds() if began is None else began
    program = resident()
    recipe = Recipe.from_draft(draft)
    _same_inputs(run, recipe, draft)
    start = _start(run, step)
    watch.tell(f"beginning where {run.name} was after step {step}")
    if isinstance(source, str | Path):
        recipe = _moved(recipe, Path(source))
    with reading(recipe.train.memory):
        watch.tell("reading")
        data = run.moved(source).training_data()
        watch.tell("encoding")
        prepared = like(run, recipe, data)
    give_back(prepared.packed.bytes)
    _same_network(run, prepared, start.weights, step)
    check_fit(prepared)
    return trained(prepared, program, out or run.folder.resolve().parent, watch, began, command, then, start)


def like(run: Run, recipe: Recipe, data: Data) -> Prepared:
    """The data prepared as a run has it, instead of anew: its division, features and task."""
    learning = replace(run, task=run.training_task())
    packed = learning.pack(data.table)
    return Prepared(recipe, data, run.parts, run.features, learning.task, packed, list(run.findings))


def steps(run: Run) -> list[int]:
    """Those that can be branched."""
    return sorted({*snapshots(run.folder), *_checkpoints(run).steps()})


def _checkpoints(run: Run) -> Checkpoints:
    return Checkpoints(run.folder / "checkpoints")


def _start(run: Run, step: int) -> Start:
    """The weights of a step; averaged, where they are: those that made the drawing of the time-lapse."""
    known, kept = steps(run), snapshots(run.folder)
    if step not in known:
        some = ", ".join(str(one) for one in known)
        there = f"It has those of: {some}." if known else "It has none: they come with training."
        raise RunError(f"The run {run.folder} has no weights of step {step}. {there}")
    path = kept.get(step) or _checkpoints(run).path(step)
    with whole(path, "Take another step, or the file from a copy of the run."):
        weights = read_tensors(path)[0] if step in kept else _checkpoints(run).at(step).averaged
        record = {"run": run_hash(run.folder), "step": step, "name": run.name, "weights": file_hash(path)}
    return Start(f"{run.name}-from-{step}", weights, record)


def _same_inputs(run: Run, recipe: Recipe, draft: Draft) -> None:
    """Raises Refused: a change of what is seen or learnt."""
    for part in _KEPT:
        if getattr(recipe, part) == getattr(run.recipe, part):
            continue
        changes = (place for path, place in draft.places.items() if path[0] == part and ", line " not in place)
        raise Refused(
            f"{next(changes, part)}: a branch sees and learns what its parent did, so its {' and '.join(_KEPT)} stay as they "
            "are. What can be changed: train, objective, evaluate, track, seed. To change more, train anew: "
            f"deepwright train {run.folder}/recipe.yaml"
        )


def _same_network(run: Run, prepared: Prepared, weights: Mapping[str, Tensor], step: int) -> None:
    """Raises Refused: the weights do not fit the network of the recipe."""
    heads = {} if prepared.task is None else prepared.task.heads
    model: Any = prepared.recipe.model
    network = model.build(prepared.features, heads, len(prepared.rows("train")), prepared.recipe.conditions)
    there = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    here = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if there != here:
        name = next(name for name in (*here, *there) if here.get(name) != there.get(name))
        raise Refused(
            f"The network of the changed recipe is another one than that of {run.folder}: at step {step} its '{name}' "
            f"is {_shape(there.get(name))}, and would be {_shape(here.get(name))}. Leave the model as it is, or train anew: "
            f"deepwright train {run.folder}/recipe.yaml"
        )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "not there" if shape is None else " × ".join(str(side) for side in shape) or "one number"


def _moved(recipe: Recipe, place: Path) -> Recipe:
    """The recipe with its data in another place, where the source has one."""
    source: Any = recipe.data.source
    if not hasattr(source, "path"):
        return recipe
    source = source.model_copy(update={"path": str(place.resolve())})
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"source": source})})
