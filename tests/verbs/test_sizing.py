"""The size that a budget affords, with the settings that go with it."""

import pytest

from deepwright.models.gan import GAN
from deepwright.recipe import Recipe
from deepwright.verbs.sizing import sized
from tests.models.fakes import NUMBER, picture

PICTURES = {"p": picture(28, 28)}
ROWS = 1000


def recipe(**train):
    model = GAN()
    recommended = model.recommended(ROWS, 784)
    return Recipe.model_validate({
        "data": {"source": "x"}, "task": {"kind": "generate"}, "model": model, "objective": "adversarial",
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
