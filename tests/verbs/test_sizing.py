"""The size that a budget affords, with the settings that go with it."""

import numpy as np
import pytest
from PIL import Image

from deepwright.draft import Draft
from deepwright.models.flow import Flow
from deepwright.models.gan import GAN
from deepwright.recipe import Recipe
from deepwright.training.events import Stepped
from deepwright.verbs.session import Watch
from deepwright.verbs.sizing import sized
from deepwright.verbs.train import train
from tests.models.fakes import NUMBER, picture

PICTURES = {"p": picture(28, 28)}
ROWS = 1000


def recipe(family=GAN, **train):
    model = family()
    recommended = model.recommended(ROWS, 784)
    return Recipe.model_validate({
        "data": {"source": "x"}, "task": {"kind": "generate"}, "model": model, "objective": model.objective,
        "train": {**recommended, **train},
    })  # fmt: skip


def epochs(steps):
    return steps * 32 / ROWS


@pytest.mark.parametrize(("steps", "width", "rate"), [(1000, 8, 8e-3), (5000, 16, 4e-3), (40_000, 32, 2e-3)])
def test_the_rate_goes_with_the_width_that_the_steps_afford(steps, width, rate):
    found = sized(recipe(), PICTURES, ROWS, epochs(steps))
    assert found.model.width == width
    assert found.train.optimizer.lr == pytest.approx(rate)
    assert found.train.model_dump(exclude={"optimizer"}) == recipe().train.model_dump(exclude={"optimizer"})


def test_what_a_person_chose_stays():
    optimizer = {"kind": "adam", "lr": 1e-3, "betas": [0.0, 0.95]}
    found = sized(recipe(optimizer=optimizer), PICTURES, ROWS, epochs(1000))
    assert (found.model.width, found.train.optimizer.lr) == (8, 1e-3)


def test_a_size_that_is_decided_leaves_the_recipe_alone():
    given = recipe()
    given = given.model_copy(update={"model": GAN(width=5)})
    assert sized(given, PICTURES, ROWS, epochs(1000)) is given
    assert sized(recipe(), {"a": NUMBER}, ROWS, epochs(1000)) == recipe()


@pytest.mark.parametrize(("steps", "width"), [(100, 24), (3900, 24), (4000, 32), (7600, 32), (7700, 48), (90_000, 48)])
def test_a_flow_of_pictures_is_as_wide_as_the_steps_afford(steps, width):
    found = sized(recipe(Flow), PICTURES, ROWS, epochs(steps))
    assert found.model.width == width
    assert found.train == recipe(Flow).train
    assert sized(recipe(Flow), {"a": NUMBER}, ROWS, epochs(steps)).model == Flow()
    assert Flow(width=5).sized_for(steps, True).width == 5


def test_a_training_goes_on_with_the_rate_of_its_new_size(tmp_path):
    (tmp_path / "pictures").mkdir()
    chance = np.random.default_rng(0)
    for number in range(40):
        Image.fromarray(chance.integers(0, 256, (24, 24), dtype=np.uint8)).save(tmp_path / "pictures" / f"{number}.png")
    draft, steps = Draft(), []
    for one in (f"data.source={tmp_path / 'pictures'}", "task=generate", "model=gan", "train.budget=8s", "train.threads=1",
                "train.schedule=constant", "image.size=24"):  # fmt: skip
        draft.set(one)
    run = train(draft, out=tmp_path / "runs", watch=Watch(event=lambda one: steps.append(one)))
    assert run.recipe.model.width == 8  # 8 s afford nothing wider
    assert run.recipe.train.optimizer.lr == pytest.approx(8e-3)
    rates = [one.learning_rate for one in steps if isinstance(one, Stepped)]
    assert rates[-1] == pytest.approx(8e-3)
