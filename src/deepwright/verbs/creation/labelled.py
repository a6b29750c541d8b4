"""Directions named by another run's label, "RUN2:label", found when they are first asked for."""

from typing import TYPE_CHECKING

from deepwright.verbs.creation.directions import sampled, towards
from deepwright.verbs.creation.scorers import divided_source, label_score
from deepwright.verbs.creation.shelf import Shelf, Stored

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["SAMPLES", "judge_of", "label_direction", "stored_name"]

SAMPLES = 1024


def judge_of(text: str) -> tuple["Run", str]:
    """The run and the label of "RUN2:label". Raises RecipeError, RunError."""
    from deepwright.run import Run

    folder, label = divided_source(text)
    return Run.load(folder), label


def stored_name(text: str) -> str:
    """The name of a direction that has none: "runs/faces-2:smiling" is "faces-2-smiling", signs of no name left out."""
    folder, label = divided_source(text)
    name = "".join(sign if sign.isalnum() or sign in "_-.+" else "-" for sign in f"{folder.name}-{label}")[:60]
    return name if name[:1].isalpha() else f"d-{name}"[:60]


def label_direction(run: "Run", text: str, seed: int = 0) -> Stored:
    """The stored direction of "RUN2:label", found now where it is not there yet (or belongs to older weights)."""
    shelf, name = Shelf(run), stored_name(text)
    judge, label = judge_of(text)
    score = label_score(run, judge, label)
    if name in shelf.names("directions"):
        stored = shelf.named("directions", name)
        if stored.values.get("judge") == judge.folder.name:
            return stored
    found = towards(sampled(run, seed, SAMPLES, score))
    how = {"how": f"the score of '{label}' by the run {judge.name}", "figure": found.figure, "judge": judge.folder.name}
    return shelf.keep("directions", name, found.vector, how, force=True)
