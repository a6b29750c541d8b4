"""Recipes: all problems at once, shorthands, parts left open, and the way to YAML and back."""

import json
from pathlib import Path
from typing import Any

import pytest

from deepwright.core.errors import RecipeError
from deepwright.draft import Draft
from deepwright.recipe import EXAMPLE, Recipe
from deepwright.training.budget import Budget


def recipe(**values: Any) -> Recipe:
    return Recipe.from_draft(Draft(values))


def problems(tmp_path: Path, text: str, *sets: str) -> list[str]:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    draft = Draft.read(path)
    for assignment in sets:
        draft.set(assignment)
    with pytest.raises(RecipeError) as caught:
        Recipe.from_draft(draft)
    return caught.value.problems


def test_the_example_is_a_recipe_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(EXAMPLE, encoding="utf-8")
    first = Recipe.read(path)
    assert (first.target, first.data.ignore, first.train.budget) == (("price",), ("remarks",), Budget(300.0, "seconds"))
    assert first.features["doors"].kind == "category"
    path.write_text(first.yaml(), encoding="utf-8")
    again = Recipe.read(path)
    assert again == first
    assert again.yaml() == first.yaml()


def test_names_of_any_kind_survive_yaml(tmp_path: Path) -> None:
    names = [
        "Größe (m²)",
        "a: b",
        "true",
        "1",
        "null",
        "quote ' and \"",
        "# no comment",
        " blank ",
        "日本",
        "2024-01-01",
        "a.b",
    ]
    first = recipe(target=["y"], features={name: "number" for name in names}, data={"ignore": names})
    path = tmp_path / "recipe.yaml"
    path.write_text(first.yaml(), encoding="utf-8")
    again = Recipe.read(path)
    assert again == first
    assert list(again.features) == names


def test_all_problems_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = "target: y\nmodle: mlp\ntrain:\n  batch: -3\n  optimiser: adam\n  optimizer: {kind: adan}\nevaluate: {metric: rsme}\n"
    told = problems(tmp_path, text, "seed=x")
    assert len(told) == 6
    for line, words in (
        ("line 2", "there is no key 'modle'. Did you mean 'model'?"), ("line 4", "expected 1 or more"),
        ("line 5", "there is no key 'optimiser' under 'train'. Did you mean 'optimizer'?"),
        ("line 6", "there is no optimizer 'adan'. Did you mean 'adam'?"), ("line 7", "Did you mean 'rmse'?"),
        ("--set seed", "a whole number"),
    ):  # fmt: skip
        assert any(line in one and words in one for one in told), (line, words, told)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: {kind: mlp, widht: 3}", "there is no key 'widht' under 'model'. Did you mean 'width'?"),
        ("model: {widht: 3}", "Did you mean 'width'?"),
        ("features:\n  a: {kind: numbr}", "there is no feature 'numbr'. Did you mean 'number'?"),
        ("features:\n  a: {kind: number, mising: [9]}", "Did you mean 'missing'?"),
        ("features:\n  a: {rear: 3}", "Did you mean 'rare'?"),
        ("features:\n  a: {clip: -1}", "features.a.clip: expected more than 0; got -1."),
        ("task: {loss: focl}", "task.loss: expected 'cross_entropy' or 'focal'; got 'focl'. Did you mean 'focal'?"),
        ("train: {optimizer: {lr: fast}}", "train.optimizer.lr: expected a number; got 'fast'."),
        ("task: clasify", "there is no task 'clasify'. Did you mean 'classify'?"),
        ("task: {kind: classify, loss: focl}", "Did you mean 'focal'?"),
        ("train: {budget: 5mins}", "train.budget"),
        ("train: {schedule: cosinus}", "Did you mean 'cosine'?"),
        ("data: {split: {kind: stratified, test: 0.9}}", "must leave rows to train on"),
        ("data: {split: {kind: group}}", "'by' is missing under 'data.split"),
        ("format: 2", "format"),
        ("target: {a: 1}", "target"),
        ("features: [a]", "features"),
        ("train: fast", "train"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    told = problems(tmp_path, text)
    assert len(told) == 1
    assert "recipe.yaml, line" in told[0]
    assert words in told[0]


def test_shorthands() -> None:
    made = recipe(data="cars.csv", target="price", model="mlp", train={"epochs": 20})
    assert made.data.source == "cars.csv"
    assert made.target == ("price",)
    assert made.model.kind == "mlp"
    assert made.train.budget == Budget(20, "epochs")
    assert recipe(train={"steps": 7}).train.budget == Budget(7, "steps")


def test_parts_without_a_kind_are_left_for_later() -> None:
    made = recipe(task={"loss": "focal"}, model={"width": 64}, train={"optimizer": {"lr": 0.1}, "batch": 32},
                  features={"a": {"rare": 3}, "b": "flag"})  # fmt: skip
    assert (made.task, made.model, made.train.optimizer, made.train.batch) == (None, None, None, 32)
    assert list(made.features) == ["b"]


def test_a_value_that_one_kind_takes_waits_for_the_kind() -> None:
    assert recipe(task={"loss": "huber"}).task is None  # regress takes it
    assert recipe(model={"norm": "batch"}).model is None  # cnn does, mlp does not


def test_values_of_parts_without_a_kind_are_told_with_all_the_others(tmp_path: Path) -> None:
    told = problems(
        tmp_path, "target: y\n", "train.optimizer.lr=-1", "objective.mixup=x", "train.batch=0", "model.widht=3"
    )
    assert [one.partition(":")[0] for one in told] == [
        "--set train.optimizer.lr", "--set objective.mixup", "--set train.batch", "--set model.widht",
    ]  # fmt: skip


def test_where_kinds_allow_other_values_each_tells_its_own(tmp_path: Path) -> None:
    told = problems(tmp_path, "task: {loss: xyz}")
    assert len(told) == 3
    assert any("expected 'bce' or 'focal'; got 'xyz'. (if kind: tag)" in text for text in told)
    assert "Did you mean 'huber'?" in problems(tmp_path, "task: {loss: hubber}")[0]


def test_the_schema_is_json_and_names_every_kind() -> None:
    schema = json.dumps(Recipe.model_json_schema())
    for word in ("mlp", "cnn", "number", "category", "classify", "adamw", "cosine", "stratified", "csv"):
        assert f'"{word}"' in schema
