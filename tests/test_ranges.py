"""Spaces in recipes: told from values by the field's own type, held to its bounds, all problems at once."""

from pathlib import Path
from typing import Any

import pytest

from deepwright.core.errors import RecipeError
from deepwright.draft import Draft
from deepwright.ranges import Choice, Real, Whole, assign, assign_file, find, name_of, read, take, without
from deepwright.recipe import Recipe, problems_of, tidy


def written(text: str, tmp_path: Path) -> Draft:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return Draft.read(path)


def found(text: str, tmp_path: Path) -> dict[str, Any]:
    return {name_of(one.path): one.range for one in find(written(text, tmp_path), Recipe)}


def test_every_form_of_a_space(tmp_path: Path) -> None:
    text = """\
target: price
model: {kind: mlp, depth: {int: [1, 6]}, dropout: {float: [0, 0.5]}, activation: {choice: [relu, gelu]}}
train:
  batch: [32, 64, 128]
  optimizer: {lr: {log: [1e-4, 1e-1]}}
"""
    assert found(text, tmp_path) == {
        "model.depth": Whole(1, 6), "model.dropout": Real(0, 0.5), "model.activation": Choice(("relu", "gelu")),
        "train.batch": Choice((32, 64, 128)), "train.optimizer.lr": Real(1e-4, 1e-1, True),
    }  # fmt: skip


def test_lists_that_are_values_stay_values(tmp_path: Path) -> None:
    text = """\
target: [price, days]
data: {source: cars.csv, ignore: [a, b]}
model: {kind: cnn, widths: [32, 64]}
task: {kind: regress, quantiles: [0.1, 0.9]}
train: {optimizer: {kind: adamw, betas: [0.9, 0.99]}}
features: {log: number, choice: {kind: number, missing: [9, 99]}}
"""
    assert found(text, tmp_path) == {}
    assert problems_of(written(text, tmp_path)) == []


def test_a_list_field_is_searched_by_an_explicit_choice(tmp_path: Path) -> None:
    text = "train: {optimizer: {kind: adamw, betas: {choice: [[0.9, 0.99], [0.9, 0.999]]}}}\nmodel: {kind: cnn, widths: {choice: [null, [16, 32]]}}\n"
    base, ranges = take(written(text, tmp_path), Recipe, problems_of)
    assert ranges[("train", "optimizer", "betas")] == Choice(([0.9, 0.99], [0.9, 0.999]))
    assert ranges[("model", "widths")] == Choice((None, [16, 32]))
    assert base.value == {"train": {"optimizer": {"kind": "adamw"}}, "model": {"kind": "cnn"}}


def test_whole_parts_and_kinds_are_searched(tmp_path: Path) -> None:
    text = "train: {optimizer: [adamw, {kind: sgd, lr: 0.1}], schedule: {kind: [cosine, constant], warmup: {float: [0, 0.2]}}}\n"
    base, ranges = take(written(text, tmp_path), Recipe, problems_of)
    assert [name_of(path) for path in ranges] == ["train.optimizer", "train.schedule.kind", "train.schedule.warmup"]
    assert base.value == {}


def test_all_problems_at_once_with_line_and_nearest_word(tmp_path: Path) -> None:
    text = """\
model: {kind: mlp, width: [64, 0], dropout: {float: [0, 1.5]}, activation: [relu, gleu], depth: {int: [1.5, 3]}}
train:
  optimizer: {kind: adamw, lr: {lgo: [1e-4, 1e-1]}, weight_decay: {log: [0, 1]}, betas: [0.9]}
  batch: {float: [1, 9]}
  ema: {float: [0.9]}
  clip: {log: [9, 1]}
  bach: 3
  l1: {choice: [0.1]}
  budget: [5epochs, 9epochs]
  schedule: {choice: [{kind: cosine, warmup: {float: [0, 0.1]}}, constant]}
seed: [1, 2]
data: {split: [stratified, random]}
"""
    draft = written(text, tmp_path)
    tidy(draft)
    with pytest.raises(RecipeError) as told:
        take(draft, Recipe, problems_of)
    expected = [
        "line 1: model.width: expected 1 or more; got 0.",
        "line 1: model.dropout: expected 0 or more and less than 1; got 1.5.",
        "line 1: model.activation: expected 'relu', 'gelu', 'silu', 'tanh', 'mish' or 'selu'; got 'gleu'. Did you mean 'gelu'?",
        "line 1: model.depth: 'int' expects whole numbers",
        "line 3: train.optimizer.lr: there is no space 'lgo'. Did you mean 'log'?",
        "line 3: train.optimizer.weight_decay: 'log' expects numbers above 0",
        "line 3: '1' is missing under 'train.optimizer.betas'",
        "line 4: train.batch: expected a whole number; got 4.056.",
        "line 5: train.average.decay: 'float' expects the least and the largest value",
        "line 6: train.clip: the least value must be smaller",
        "line 7: there is no key 'bach' under 'train'. Did you mean 'batch'?",
        "line 8: train.l1: 'choice' expects a list of at least two values",
        "line 9: train.budget: it decides how trials are measured",
        "line 10: train.schedule: a space inside a choice cannot be searched; give 'warmup' a key of its own.",
        "line 11: seed: a seed cannot be tuned",
        "line 12: data.split: 'data' is what trials are measured by",
    ]
    problems = told.value.problems
    assert len(problems) == len(expected)
    for start in expected:
        assert sum(problem.startswith(f"recipe.yaml, {start}") for problem in problems) == 1, (start, problems)
    lines = [int(problem.split(":")[0].split()[-1]) for problem in problems]
    assert lines == sorted(lines)


def test_train_refuses_a_space_in_a_sentence_and_tells_the_rest_too(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as told:
        Recipe.from_draft(written("model: {kind: mlp, width: [64, 128]}\ntrain: {bach: 3}\n", tmp_path))
    assert told.value.problems == [
        "recipe.yaml, line 1: model.width is a space; use deepwright tune, or give it one value.",
        "recipe.yaml, line 2: there is no key 'bach' under 'train'. Did you mean 'batch'?",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("train.optimizer.lr=log:1e-4..1e-1", {"log": ["1e-4", "1e-1"]}),
        ("model.depth=int:1..6", {"int": ["1", "6"]}),
        ("train.batch=32,64", {"choice": [32, 64]}),
        ("train.batch=choice:32, 64", {"choice": [32, 64]}),
        ("train.optimizer={choice: [sgd, {kind: adamw, lr: 0.1}]}", {"choice": ["sgd", {"kind": "adamw", "lr": 0.1}]}),
    ],
)
def test_spaces_on_the_command_line(text: str, value: dict[str, Any]) -> None:
    draft = Draft()
    assign(draft, text)
    assert draft.get(*text.partition("=")[0].split(".")) == value
    assert all(one.range is not None for one in find(draft, Recipe))


@pytest.mark.parametrize("text", ["train.batch", "=3", "train.batch=", "train.batch=64", "train.batch=[", "a=log:1"])
def test_what_is_no_space_is_told_with_an_example(text: str) -> None:
    with pytest.raises(RecipeError, match=r"--space .*log:1e-4\.\.1e-1"):
        assign(Draft(), text)


def test_a_file_of_spaces_lies_over_the_recipe_and_says_where_it_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "spaces.yaml"
    path.write_text(
        "train.optimizer.lr: {log: [1e-4, 1e-1]}\nmodel:\n  depth: {int: [1, 6]}\n  width: 0\ntrain: {batch: [32, 64]}\n"
    )
    draft = Draft({"target": ["price"], "model": "mlp", "train": {"batch": 16, "clip": 1.0}})
    assign_file(draft, path, Recipe)
    assert draft.value == {
        "target": ["price"], "model": {"kind": "mlp", "depth": {"int": [1, 6]}, "width": 0},
        "train": {"batch": [32, 64], "clip": 1.0, "optimizer": {"lr": {"log": ["1e-4", "1e-1"]}}},
    }  # fmt: skip
    with pytest.raises(RecipeError) as told:
        take(draft, Recipe, problems_of)
    assert [text.partition(": ")[0] for text in told.value.problems] == ["spaces.yaml, line 4"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "data: cars.csv\nmodel: {depth: {int: [1, 6]}}",
            r"line 1: 'data' does not belong .* deepwright tune .*spaces\.yaml",
        ),
        ("model: {depth: 3}", r"spaces\.yaml holds no space; write one such as"),
        ("- 3", "a recipe is a mapping"),
    ],
)
def test_what_is_no_file_of_spaces(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "spaces.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=told):
        assign_file(Draft(), path, Recipe)


def test_written_ranges_are_read_again() -> None:
    for one in (Choice((1, 2)), Whole(1, 6), Real(0.0, 0.5), Real(1e-4, 0.1, True)):
        assert read(one.written()) == one


def test_without_leaves_no_empty_parts_and_the_draft_as_it_was() -> None:
    draft = Draft({"train": {"optimizer": {"lr": 1}}, "model": {"width": 1, "depth": 2}})
    left = without(draft, [("train", "optimizer", "lr"), ("model", "width")])
    assert left.value == {"model": {"depth": 2}}
    assert draft.get("train", "optimizer", "lr") == 1
