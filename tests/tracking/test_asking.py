"""How trackers are asked for, and what is said where that cannot be."""

import sys
from pathlib import Path

import pytest

import deepwright as dw
from deepwright.core.errors import MissingExtra, RecipeError
from deepwright.draft import Draft
from deepwright.recipe import Recipe
from deepwright.registries import trackers
from deepwright.testing.settings import check_settings
from deepwright.verbs.train import train
from tests.cli.conftest import Cli, cli, flats, here, table  # noqa: F401  fixtures
from tests.tracking.conftest import Tracked


def recipe(track: str) -> Recipe:
    draft = Draft()
    draft.set(f"track={track}")
    return Recipe.from_draft(draft)


def test_ways_to_ask() -> None:
    assert [one.kind for one in recipe("tensorboard").track] == ["tensorboard"]
    assert [one.kind for one in recipe("[tensorboard, {kind: mlflow, experiment: mine}]").track] == [
        "tensorboard",
        "mlflow",
    ]
    assert recipe("none").track == recipe("null").track == recipe("[]").track == ()


@pytest.mark.parametrize(
    ("track", "told"),
    [("tensorbord", "there is no tracker 'tensorbord'. Did you mean 'tensorboard'?"),
     ("[wandb, wandb]", "'wandb' is named twice"), ("{kind: mlflow, experimnt: x}", "Did you mean 'experiment'?")],
)  # fmt: skip
def test_what_is_wrong_is_said(track: str, told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(track)
    assert told in str(caught.value)


@pytest.mark.parametrize("kind", trackers.kinds)
def test_settings_are_sound(kind: str) -> None:
    check_settings(trackers.get(kind))


@pytest.mark.parametrize(
    ("kind", "module", "extra"),
    [("tensorboard", "tensorboard", "tensorboard"), ("mlflow", "mlflow", "mlflow"), ("wandb", "wandb", "wandb"),
     ("mlflow", "sqlalchemy", "mlflow")],
)  # fmt: skip
def test_a_missing_library_is_named_before_training(
    kind: str, module: str, extra: str, tracked: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    if module == "sqlalchemy":
        monkeypatch.setitem(sys.modules, "mlflow", sys)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"'{module}', which is not installed.*pip install 'deepwright\[{extra}\]'"):
        train(tracked.draft(kind), out=tracked.folder / "runs")
    assert not (tracked.folder / "runs").exists()


def test_the_flag_and_the_recipe_of_the_run(cli: Cli, here: Path, table: Path) -> None:  # noqa: F811
    words = ("train", table, "--target", "y", "--budget", "3steps", "--quiet", "--ignore", "teuer", "--ignore", "lage")
    said = cli(*words, "--track", "tensorboard")
    assert (said.code, said.err) == (0, "")
    run = dw.load("runs/flats-1")
    assert [one.kind for one in run.recipe.track] == ["tensorboard"]
    assert [path.name for path in (run.folder / "tensorboard").iterdir()] == ["events.out.tfevents.deepwright"]
    cli(*words, "--track", "tensorbord").refused("--track: ", "Did you mean 'tensorboard'?")


def test_in_python(tmp_path: Path) -> None:
    run = dw.train(flats(40), "y", budget="2steps", track="tensorboard", out=tmp_path, quiet=True,
                   settings={"model.width": 8, "model.members": 1})  # fmt: skip
    assert (run.folder / "tensorboard").is_dir()
