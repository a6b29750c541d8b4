"""Wrong recipes: file, line, nearest right word, allowed range, all problems at once."""

from pathlib import Path

import pytest

from deepwright.cli.options import Shared, build_draft
from deepwright.recipe import Recipe
from tests.cli.conftest import Cli, flats


def refused(cli: Cli, text: str, *words: str) -> list[str]:
    Path("recipe.yaml").write_text(text, encoding="utf-8")
    return cli("train", "recipe.yaml", *words).refused().strip().splitlines()


@pytest.fixture(autouse=True)
def _data(here: Path) -> None:
    flats().write_csv("flats.csv")


def test_all_problems_at_once_each_with_its_line(cli: Cli) -> None:
    text = """\
data:
  source: flats.csv
  spilt: random
target: y
tasks: regress
model: {widht: 3}
features:
  größe: {kind: nubmer}
  lage: {rar: 3}
train:
  batch: 0
  ema: 3
  l1: much
  optimizer: {kind: adamw, lr: -1}
  precision: bfloat
seed: 1.5
evaluate: {metric: rsme}
"""
    assert refused(cli, text) == [
        "recipe.yaml, line 3: there is no key 'spilt' under 'data'. Did you mean 'split'?",
        "recipe.yaml, line 5: there is no key 'tasks'. Did you mean 'task'?",
        "recipe.yaml, line 6: there is no key 'widht' under 'model'. Did you mean 'width'?",
        "recipe.yaml, line 8: features.größe: there is no feature 'nubmer'. Did you mean 'number'?",
        "recipe.yaml, line 9: there is no key 'rar' under 'features.lage'. Did you mean 'rare'?",
        "recipe.yaml, line 11: train.batch: expected 1 or more; got 0.",
        "recipe.yaml, line 12: train.average.decay: expected 0 or more and less than 1; got 3.",
        "recipe.yaml, line 13: train.l1: expected a number; got 'much'.",
        "recipe.yaml, line 14: train.optimizer.lr: expected more than 0; got -1.",
        "recipe.yaml, line 15: train.precision: expected 'auto', 'float32' or 'bfloat16'; got 'bfloat'. Did you mean 'bfloat16'?",
        "recipe.yaml, line 16: seed: expected a whole number; got 1.5.",
        "recipe.yaml, line 17: evaluate.metric: There is no metric 'rsme'. Did you mean 'rmse'?",
    ]
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("target: [", "recipe.yaml, line 1, column 10: this is not YAML"),
        ("- a", "a recipe is a mapping of keys to values"),
        ("", "a recipe is a mapping of keys to values"),
        ("target: y\ntarget: z", "recipe.yaml, line 2: the key 'target' is there twice."),
        ("target: y", "There is no data: give a file or folder"),
        ("data: flats.csv\ntarget: y\nmodel: [3]", "line 3: model: expected a model: its name, or a mapping with 'kind'"),
        ("data: {source: [1]}\ntarget: y", "line 1: data.source: expected a source"),
        ("data: {source: {kind: csv, path: flats.csv, delimiter: ;;}}\ntarget: y", "line 1: data.source.delimiter:"),
        ("data: {source: {kind: csv, path: nope.csv}}\ntarget: y", "There is no file nope.csv."),
        ("data: flats.csv\ntask: generate\nobjective: {kind: adversarial, share: much}",
         "line 3: objective.share: expected 'adaptive', or a number; got 'much'."),
        ("format: 2\ndata: flats.csv\ntarget: y", "line 1: format: expected 1; got 2."),
        ("a: &a [*a]", "recipe.yaml, line 1: a part of it contains itself"),
        ("a: &a {b: {c: *a}}", "recipe.yaml, line 1: a part of it contains itself"),
        ("x: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        ("'a\0b': c", "recipe.yaml: this is not YAML: unacceptable character"),
        ("x: !!python/object:os.system {}", "line 1, column 4: this is not YAML: could not determine a constructor"),
        ("data: flats.csv\ntarget: yes", "line 2: target: expected names of columns; YAML reads one of them as True: put it in quotes"),
        ("data: flats.csv\ntarget: 2020-01-01", "line 2: target: expected names of columns"),
        ("data: {source: flats.csv, ignore: [yes]}\ntarget: y", "line 1: data.ignore: expected names of columns"),
        ("data: flats.csv\ntarget: y\ntrain: {epochs: 3, steps: 4}", "line 3: how long to train is said 2 times (epochs, steps). Say it once."),
        ("data: flats.csv\ntarget: y\ntrain: {optimizer: {lr: .inf, kind: sgd}}", "line 3: train.optimizer.lr: expected a number; got inf."),
        ("data: flats.csv\ntarget: y\nseed: yes", "line 3: seed: expected a number; got True."),
        ("data: flats.csv\ntarget: teuer\ntask: {kind: classify, threshold: yes}", "line 3: task.threshold: expected a number; got True."),
        ("data: flats.csv\ntarget: teuer\ntask: {kind: classify, threshold: 1.5}", "line 3: task.threshold: expected 'auto', or at most 1; got 1.5."),
        ("data: flats.csv\ntarget: teuer\ntask: {kind: classify, class_weight: {ja: -2}}", "line 3: task.class_weight.ja: expected 0 or more; got -2."),
        ("data: flats.csv\ntarget: y\ntrain: {optimizer: [adam]}", "line 3: train.optimizer: expected an optimizer: its name"),
        ("data: {source: flats.csv, split: given}\ntarget: y", "flats.csv has no column 'split' (which the split 'given' goes by)."),
        ("data: {source: flats.csv, split: {kind: group, by: nope}}\ntarget: y", "no column 'nope' (which the split 'group' goes by)."),
        ("data: flats.csv\ntarget: y\nfeatures: {gröse: number}", "no column 'gröse' (named under 'features'). Did you mean 'größe'?"),
        ("data: flats.csv\ntarget: y\ntask: {loss: hubber}", "line 3: task.loss: expected 'mse', 'mae', 'huber' or 'quantile'"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_where(cli: Cli, text: str, told: str) -> None:
    assert told in "\n".join(refused(cli, text))


def test_many_names_of_one_part_are_no_work(cli: Cli) -> None:
    """Ten names of ten names … would be looked at a million times."""
    lines = ["a0: &a0 [1, 1]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert len(refused(cli, "\n".join(lines))) == 12


@pytest.mark.parametrize(
    ("text", "words", "budget"),
    [
        ("train: {epochs: 3}", ("--budget", "7steps"), "7steps"),
        ("train: {budget: 3s}", ("--set", "train.epochs=2"), "2epochs"),
        ("train: {steps: 4}", (), "4steps"),
    ],
)
def test_a_budget_on_the_command_line_wins_over_the_recipe(text: str, words: tuple[str, ...], budget: str) -> None:
    Path("recipe.yaml").write_text(f"data: flats.csv\ntarget: y\n{text}\n", encoding="utf-8")
    flags = {"sets": words[1:]} if "--set" in words else {"budget": words[1]} if words else {}
    draft = build_draft("recipe.yaml", Shared(None, None, False, False, False, False), **flags)
    assert str(Recipe.from_draft(draft).train.budget) == budget


def test_a_recipe_may_name_columns_by_numbers_and_open_the_kind_of_its_source(cli: Cli) -> None:
    Path("t.csv").write_text("1;2;b\n" + "\n".join(f"{n % 9};{n};{n % 7}" for n in range(60)), encoding="utf-8")
    text = "data: {source: {path: t.csv, encoding: cp1252}, ignore: 2}\ntarget: b\nfeatures: {1: category}\n"
    Path("recipe.yaml").write_text(text, encoding="utf-8")
    said = cli("inspect", "recipe.yaml", "--json", "--task", "regress")
    assert said.code == 0, said.err
    assert '"1": "category"' in said.out
    assert "cp1252" in cli("inspect", "t.csv", "--target", "b", "--set", "data.source.encoding=cp1252", "--json").out


def test_a_recipe_that_is_no_text(cli: Cli) -> None:
    Path("recipe.yaml").write_bytes(b"\xff\xfe\0")
    cli("train", "recipe.yaml").refused("recipe.yaml is not a text in UTF-8 (byte 1).")


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (("foo",), "--set foo: expected key=value"),
        (("=3",), "--set =3: expected key=value"),
        (("seed=[",), "--set seed=[: '[' is not a value in YAML."),
        (("trian.batch=3",), "--set trian.batch: there is no key 'trian'. Did you mean 'train'?"),
        (("train.bach=3",), "--set train.bach: there is no key 'bach' under 'train'. Did you mean 'batch'?"),
        (("train.batch=-3",), "--set train.batch: expected 1 or more; got -3."),
        (("train=3",), "--set train: expected keys with values; got 3."),
        (("model.width=8.5", "model.kind=mlp"), "--set model.width: expected a whole number; got 8.5."),
        (("features.lage.kind=categry",), "there is no feature 'categry'. Did you mean 'category'?"),
        (("train.epohcs=3",), "there is no key 'epohcs' under 'train'. Did you mean 'epochs'?"),
        (("train.epochs=abc",), "--set train.epochs: train.budget: 'abc epochs' is not a budget; write for example"),
        (("train.budget=20",), "'20' is not a budget; write for example 60s, 5min, 20epochs or 2000steps."),
    ],
)
def test_set_says_which_assignment_is_wrong(cli: Cli, sets: tuple[str, ...], told: str) -> None:
    words = [word for assignment in sets for word in ("--set", assignment)]
    assert told in cli("train", "flats.csv", "--target", "y", *words).refused()


def test_a_budget_that_is_none_is_not_announced(cli: Cli) -> None:
    said = cli("train", "flats.csv", "--target", "y", "--budget", "5parsecs")
    assert said.err.startswith("Error: --budget: train.budget: '5parsecs' is not a budget")


def test_two_wrong_assignments_are_told_together(cli: Cli) -> None:
    said = cli("train", "flats.csv", "--target", "y", "--set", "trian.batch=3", "--set", "model.widht=3")
    assert (
        len(said.refused("'trian'", "--set model.widht: there is no key 'widht' under 'model'.").strip().splitlines())
        == 2
    )


def test_flags_win_over_the_recipe_and_paths_are_meant_from_its_folder(cli: Cli, here: Path) -> None:
    Path("deep").mkdir()
    Path("flats.csv").rename("deep/flats.csv")
    Path("deep/recipe.yaml").write_text("data: flats.csv\ntarget: teuer\nmodel: nonsense\n", encoding="utf-8")
    said = cli("inspect", "deep/recipe.yaml", "--target", "y", "--model", "mlp", "--json")
    assert said.code == 0, said.err
    assert '"task": "regress"' in said.out
