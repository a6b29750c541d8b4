"""Who enters an arena: recipes as `train` makes them, one thread each, and sentences for those that do not fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepwright.core.errors import RecipeError, Refused
from deepwright.recipe import Recipe
from deepwright.training.budget import Budget
from deepwright.verbs.arena import entrants
from deepwright.verbs.arena.entrants import entered, timed
from deepwright.verbs.session import Watch
from tests.verbs.arena.conftest import draft

MINUTES = Budget.parse("10min")


def test_every_family_that_suits_gets_a_recipe_of_its_own_with_one_thread(rows: Path) -> None:
    ground = entered(draft(rows, "seed=5", "train.batch=32"), MINUTES, (), 2, Watch())
    assert set(ground.recipes) == {"autoregressive", "flow", "gan", "vae"}, "an automaton is for the person to ask for"
    assert (ground.jobs, ground.threads, ground.rounds, ground.refused) == (2, 1, 2, {})
    for kind, recipe in ground.recipes.items():
        assert (recipe.model.kind, recipe.objective.kind) == (kind, recipe.model.objective)
        assert (recipe.train.threads, recipe.train.batch, recipe.seed) == (1, 32, 5)
        assert timed(recipe, 131.26).train.budget == Budget(131.3, "seconds")
        assert recipe.features == ground.prepared.recipe.features, "all learn from the same rows"
    rates = {kind: recipe.train.optimizer for kind, recipe in ground.recipes.items()}
    assert rates["gan"] != rates["flow"], "each as its family recommends"


def test_rounds_are_as_many_as_one_job_trains_one_after_the_other(rows: Path) -> None:
    ground = entered(draft(rows), MINUTES, ("gan", "flow", "vae"), 2, Watch())
    assert (ground.jobs, ground.rounds) == (2, 2)
    alone = entered(draft(rows), MINUTES, ("flow",), 4, Watch())
    assert (alone.jobs, alone.rounds) == (1, 1)
    assert alone.threads == entrants._cores(), "nobody is to be compared with it"


def test_families_of_pictures_too(tmp_path: Path) -> None:
    """Their size goes by the time that each has, so they are prepared anew where that is another one."""
    chance = np.random.default_rng(0)
    for place in range(24):
        pixels = chance.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{place}.png")
    long = entered(draft(tmp_path / "pictures"), Budget.parse("3h"), (), 2, Watch())
    assert set(long.recipes) == {"autoregressive", "flow", "gan", "vae"}
    short = entered(
        draft(tmp_path / "pictures"), Budget.parse("25min"), (), 2, Watch()
    )  # in all: each has less than 20
    sides = [ground.prepared.features["image"].space.shape[0] for ground in (long, short)]
    assert sides == [40, 32]


def test_a_setting_that_a_family_does_not_know_leaves_that_one_out(rows: Path) -> None:
    ground = entered(draft(rows, "model.mixture=4"), MINUTES, ("vae", "flow"), 2, Watch())
    assert set(ground.recipes) == {"vae"}
    assert ground.recipes["vae"].model.mixture == 4
    assert "model.mixture" in ground.refused["flow"]


def test_a_whole_recipe_says_what_the_data_are_but_not_how_each_family_learns(rows: Path, tmp_path: Path) -> None:
    first = entered(draft(rows, "seed=3"), MINUTES, ("gan", "flow"), 2, Watch())
    (tmp_path / "recipe.yaml").write_text(first.recipes["gan"].yaml(), encoding="utf-8")
    again = entered(entrants.Draft.read(tmp_path / "recipe.yaml"), MINUTES, ("gan", "flow"), 2, Watch())
    assert again.refused == {}
    assert again.recipes == first.recipes


def test_what_cannot_be_is_said_before_any_work(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="--models: 'mlp' creates nothing"):
        entered(draft(rows), MINUTES, ["mlp"], None, Watch())
    with pytest.raises(
        Refused, match="No family can be trained: automaton: The model 'automaton' creates textures from pictures"
    ):
        entered(draft(rows), MINUTES, ["automaton"], None, Watch())
    pixels = np.random.default_rng(0).integers(0, 255, (2, 60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", picture=pixels[0], photo=pixels[1])
    with pytest.raises(Refused, match="No model that creates takes these columns together: picture, photo"):
        entered(draft(tmp_path / "pictures.npz"), MINUTES, (), None, Watch())


def test_memory_is_shared_by_the_trainings(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"gan": 300e6, "flow": 250e6, "vae": 900e6}
    monkeypatch.setattr(entrants, "resident", lambda: 200_000_000)
    monkeypatch.setattr(entrants, "each", lambda prepared, *_: int(sizes[prepared.recipe.model.kind]))
    limited = draft(rows, "train.memory=800MB")
    monkeypatch.setattr(entrants, "ready", _unlimited(entrants.ready))
    ground = entered(limited, MINUTES, tuple(sizes), 3, Watch())
    assert set(ground.recipes) == {"gan", "flow"}
    assert ground.jobs == 2, "both fit beside the process that decides"
    assert ground.refused["vae"] == (
        "--memory 800MB is not enough: the process that decides holds 200 MB, and this training takes about 900 MB. Give at least 1.2GB."
    )
    sizes["flow"] = 400e6
    assert entered(limited, MINUTES, tuple(sizes), 3, Watch()).jobs == 1


def _unlimited(ready):
    """Reads without a limit: what the test process itself holds is none of this test's business."""

    def read(draft, *args, **more):
        limit = draft.value["train"].pop("memory")
        prepared = ready(draft, *args, **more)
        train = Recipe().train.model_validate({**prepared.recipe.train.model_dump(), "memory": limit})
        prepared.recipe = prepared.recipe.model_copy(update={"train": train})
        return prepared

    return read
