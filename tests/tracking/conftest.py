"""Small tracked trainings: whole ones, and killed and resumed ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.training.events import Stepped
from deepwright.verbs.learning import learning_report
from deepwright.verbs.report import write_report
from deepwright.verbs.train import Watch, resume, train
from tests.cli.conftest import flats


class Killed(BaseException):
    """A death without farewell."""


def completed(run: Run) -> None:
    """The quick part of what follows a training."""
    run.save_report(learning_report(run))
    write_report(run)


def die_at(step: int) -> Callable[[Any], None]:
    def event(event: Any) -> None:
        if isinstance(event, Stepped) and event.step >= step:
            raise Killed

    return event


class Tracked:
    """Trains in a folder of its own; `warnings` are what was said."""

    def __init__(self, folder: Path):
        self.folder, self.warnings = folder, []
        self.source = folder / "flats.csv"
        flats(60).write_csv(self.source)

    def draft(self, kind: str) -> Draft:
        draft = Draft()
        for setting in (f"data.source={self.source}", "target=y", "model.width=8", "model.members=1", f"track={kind}",
                        "train.budget=20steps", "train.early_stopping=null", "train.checkpoint_seconds=0.000001"):  # fmt: skip
            draft.set(setting)
        return draft

    def whole(self, kind: str) -> Run:
        watch = Watch(warn=self.warnings.append)
        return train(self.draft(kind), out=self.folder / "whole", watch=watch, then=completed)

    def halves(self, kind: str) -> Run:
        with pytest.raises(Killed):
            train(self.draft(kind), out=self.folder / "parts", watch=Watch(die_at(11), warn=self.warnings.append))
        return resume(next((self.folder / "parts").iterdir()), watch=Watch(warn=self.warnings.append), then=completed)


@pytest.fixture
def tracked(tmp_path: Path) -> Tracked:
    return Tracked(tmp_path)


def expected(run: Run) -> dict[str, list[tuple[int, float]]]:
    """Curves that a run's journal tells."""
    curves: dict[str, list[tuple[int, float]]] = {"train/loss": [], "train/learning_rate": [], "validation/loss": []}
    for event in run.events():
        if event["event"] == "stepped":
            curves["train/loss"].append((event["step"], event["loss"]))
            curves["train/learning_rate"].append((event["step"], event["learning_rate"]))
        if event["event"] == "validated":
            curves["validation/loss"].append((event["step"], event["figures"]["loss"]))
    return curves
