"""Drafts: every value with the place where it was written."""

from pathlib import Path

import pytest

from deepwright.core.errors import RecipeError
from deepwright.draft import Draft, split_path

TEXT = """\
target: price
data: {source: cars.csv, ignore: [a, b]}
features:
  "Blood. Pressure":
    kind: number
  doors: category
"""


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    path = tmp_path / "recipe.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return Draft.read(path)


def test_values_and_their_lines(draft: Draft) -> None:
    assert draft.get("features", "Blood. Pressure", "kind") == "number"
    assert draft.place(("features", "Blood. Pressure", "kind")) == "recipe.yaml, line 5"
    assert draft.place(("data", "ignore", 1)) == "recipe.yaml, line 2"
    assert draft.place(("features", "doors", "rare")) == "recipe.yaml, line 6"  # the nearest that is written
    assert draft.place(("train", "batch")) == "recipe"


def test_what_is_not_there_is_nothing(draft: Draft) -> None:
    assert draft.get("train", "batch") is None
    assert draft.get("target", "inner") is None
    assert not draft.has("train", "batch")
    assert not draft.has("target", "inner")
    assert draft.has("data", "source")
    assert not draft.has()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\na: 2\n", "line 2: the key 'a' is there twice"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", "line 4: the key 'b' is there twice"),
        ("a: [1, 2\nb: 3\n", "this is not YAML"),
        ("- a\n- b\n", "a recipe is a mapping"),
        ("", "a recipe is a mapping"),
        ("just words", "a recipe is a mapping"),
        ("a: !!python/object:os.system {}\n", "this is not YAML"),
        ("a: &x 1\n\tb: 2", "this is not YAML"),
    ],
)
def test_what_is_no_recipe_is_a_sentence(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=told):
        Draft.read(path)


def test_bytes_that_are_no_text_are_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"a: \xff\xfe\x00")
    with pytest.raises(RecipeError, match=r"recipe\.yaml"):
        Draft.read(path)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.b", ("a", "b")), ("a", ("a",)), ('features."Blood. Pressure".kind', ("features", "Blood. Pressure", "kind")),
        ('features."a=b".kind', ("features", "a=b", "kind")), ("features.größe.kind", ("features", "größe", "kind")),
    ],
)  # fmt: skip
def test_paths(name: str, parts: tuple[str, ...]) -> None:
    assert split_path(name) == parts
    made = Draft()
    made.set(f"{name}=1")
    assert made.get(*parts) == 1
    assert made.place(parts) == f"--set {name}"


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("x=3", 3), ("x=0.5", 0.5), ("x=[1, 2]", [1, 2]), ("x={kind: number}", {"kind": "number"}), ("x=true", True),
        ("x=null", None), ("x=", None), ("x=a=b", "a=b"), ("x=%d/%m/%Y", "%d/%m/%Y"), ("x= word ", "word"), ("x=1e-3", "1e-3"),
    ],
)  # fmt: skip
def test_values_are_yaml(assignment: str, value: object) -> None:
    made = Draft()
    made.set(assignment)
    assert made.value == {"x": value}


@pytest.mark.parametrize("assignment", ["x", "=3", " =3", "x=[1,"])
def test_what_assigns_nothing_is_a_sentence(assignment: str) -> None:
    with pytest.raises(RecipeError, match=r"--set .*(expected key=value|not a value in YAML)"):
        Draft().set(assignment)


def test_a_bare_kind_on_the_way_becomes_a_mapping() -> None:
    made = Draft({"model": "mlp", "features": {"doors": "category"}})
    made.set("model.width=64")
    made.set("features.doors.rare=5")
    made.set("train.optimizer.lr=0.1")
    assert made.value == {
        "model": {"kind": "mlp", "width": 64},
        "features": {"doors": {"kind": "category", "rare": 5}},
        "train": {"optimizer": {"lr": 0.1}},
    }


def test_a_source_on_the_way_becomes_one_too() -> None:
    made = Draft({"data": "cars.csv"})
    made.set("data.ignore=[a]")
    assert made.value == {"data": {"source": "cars.csv", "ignore": ["a"]}}


@pytest.mark.parametrize("deep", ["[" * 200_000, "- " * 200_000 + "a", "{a: " * 100_000, "? " * 100_000])
def test_what_is_nested_too_deeply_is_told_and_ends_nothing(tmp_path: Path, deep: str):
    path = tmp_path / "recipe.yaml"
    path.write_text(deep, encoding="utf-8")
    with pytest.raises(RecipeError, match=r"recipe\.yaml"):
        Draft.read(path)
