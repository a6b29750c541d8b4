"""One trial of a tune: how it went, also where it did not come to its end."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from deepwright.draft import Draft
from deepwright.preparation import prepare
from deepwright.verbs.environment import environment
from deepwright.verbs.jobs import bases
from deepwright.verbs.tune.trial import run_trial


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> bases.Base:
    folder = tmp_path_factory.mktemp("base")
    frame = pl.DataFrame({"x": [float(k) for k in range(60)], "y": [float(k % 7) for k in range(60)]})
    draft = Draft()
    for setting in ("target=y", "model.width=8", "model.members=1", "train.budget=20steps", "train.validations=5",
                    "train.inside_epochs=true", "train.early_stopping=null"):  # fmt: skip
        draft.set(setting)
    prepared = prepare(draft, frame)
    bases.lay(folder, prepared, environment(prepared, torch.device("cpu"), "test"))
    return bases.of(folder)


@pytest.mark.parametrize(
    ("answers", "asked", "state", "steps"),
    [(["go on"] * 5, False, "done", 20), (["go on", "give up"], False, "pruned", 8), (["stop"], False, "stopped", 4),
     ([], True, "stopped", 0)],
)  # fmt: skip
def test_the_steps_that_were_done_are_told_however_it_ended(
    base: bases.Base, tmp_path: Path, answers: list[Any], asked: bool, state: str, steps: int
) -> None:
    waiting = iter(answers)
    told = run_trial(base, base.run.recipe, tmp_path, lambda *look: next(waiting), lambda: asked)
    assert (told["state"], told["facts"]["steps"]) == (state, steps)
    assert (told["value"] is None) == (asked or not answers)
