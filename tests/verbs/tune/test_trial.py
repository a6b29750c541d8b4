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


@pytest.mark.parametrize("pauses", [{2}, {1, 3}, {1, 2, 3, 4}], ids=str)
def test_a_trial_that_paused_goes_on_as_if_it_had_not(base: bases.Base, tmp_path: Path, pauses: set[int]) -> None:
    whole = run_trial(base, base.run.recipe, tmp_path / "whole", lambda *look: "go on", lambda: False)
    looks, left = [], set(pauses)

    def tell(look: int, best: float, event: Any) -> Any:
        looks.append((look, event.step))
        answer = "pause" if look in left else "go on"
        left.discard(look)
        return answer

    for _ in pauses:
        told = run_trial(base, base.run.recipe, tmp_path / "parts", tell, lambda: False)
        assert (told["state"], told["facts"]["reason"]) == ("paused", "")
        assert (told["facts"]["steps"], told["value"] is None) == (looks[-1][1], False)
        assert list((tmp_path / "parts" / "checkpoints").glob("step-*"))
    told = run_trial(base, base.run.recipe, tmp_path / "parts", tell, lambda: False)
    assert looks == sorted([(look, 4 * look) for look in range(1, 6)] + [(look, 4 * look) for look in pauses])
    for one in (told, whole):
        assert one["facts"].pop("seconds") > 0
    assert told == whole
    assert not (tmp_path / "parts" / "checkpoints").exists()
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "parts")]
    assert weights[0] == weights[1]


def test_a_trial_whose_checkpoint_is_broken_comes_the_whole_way_again(base: bases.Base, tmp_path: Path) -> None:
    def tell(look: int, best: float, event: Any) -> Any:
        looks.append(look)
        return "pause" if len(looks) == 3 else "go on"

    looks: list[int] = []
    assert run_trial(base, base.run.recipe, tmp_path, tell, lambda: False)["state"] == "paused"
    (path,) = (tmp_path / "checkpoints").glob("step-*")
    path.write_bytes(path.read_bytes()[:-9])
    told = run_trial(base, base.run.recipe, tmp_path, tell, lambda: False)
    assert (told["state"], told["facts"]["steps"], looks) == ("done", 20, [1, 2, 3, 1, 2, 3, 4, 5])


def test_seconds_of_all_lives_count(base: bases.Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: Any = iter(["pause", "go on", "give up"])
    first = run_trial(base, base.run.recipe, tmp_path, lambda *look: next(answers), lambda: False)
    last = run_trial(base, base.run.recipe, tmp_path, lambda *look: next(answers), lambda: False)
    assert last["state"] == "pruned"
    assert last["facts"]["seconds"] > 0.5 * first["facts"]["seconds"]
