"""Errors are sentences that name what to do."""

import pytest

from deepwright.core import errors
from deepwright.core.errors import (
    DeepwrightError,
    InputError,
    MissingExtra,
    RecipeError,
    TrainingError,
    did_you_mean,
    need,
)


def test_exit_codes():
    codes = {
        name: getattr(errors, name).exit_code for name in errors.__all__ if isinstance(getattr(errors, name), type)
    }
    assert {name for name, code in codes.items() if code == 1} == {"DeepwrightError", "TrainingError"}
    assert codes.pop("Interrupted") == 130
    assert all(code in (1, 2) for code in codes.values())
    assert issubclass(InputError, DeepwrightError)


@pytest.mark.parametrize(
    ("word", "known", "sentence"),
    [
        ("pirce", ["price", "year"], "Did you mean 'price'?"),
        ("PRICE", ["price", "year"], "Did you mean 'price'?"),
        ("price", ["Price", "PRICE"], "Did you mean 'Price'?"),
        ("Pirce", ["PRICE"], "Did you mean 'PRICE'?"),
        ("colour", ["b", "a"], "Known: a, b."),
        ("x", [], ""),
    ],
)
def test_the_nearest_word_is_named(word, known, sentence):
    assert did_you_mean(word, known) == sentence


def test_a_long_list_is_cut():
    known = [f"column{k:02d}" for k in range(31)]
    assert did_you_mean("zzz", known).endswith("column29, ...")


def test_recipe_errors_list_all_problems():
    error = RecipeError(["one", "two"])
    assert (error.problems, str(error), RecipeError("one").problems) == (["one", "two"], "one\ntwo", ["one"])


def test_missing_packages_name_the_extra():
    assert need("json", "any").loads("1") == 1
    with pytest.raises(
        MissingExtra, match=r"'no_such_package', which is not installed.*pip install 'deepwright\[toys\]'"
    ):
        need("no_such_package.part", "toys")


def test_a_notebook_shows_the_sentence_alone():
    """IPython asks an exception for `_render_traceback_`; faults of ours keep their traceback."""
    assert RecipeError(["a", "b"])._render_traceback_() == ["RecipeError: a\nb"]
    assert not hasattr(TrainingError("x"), "_render_traceback_")
