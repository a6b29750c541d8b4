"""Preparation: awkward tables become examples or a sentence, and a written recipe prepares the same bits again."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from deepwright.core.errors import DataError, InputError, RecipeError
from deepwright.data.split import PARTS
from deepwright.draft import Draft
from deepwright.preparation import Prepared, prepare

CHANCE = np.random.default_rng(0)
ROWS = 120
X = CHANCE.normal(size=ROWS)


def prepared(data: Any, *sets: str, test: Any = None, target: str = "y") -> Prepared:
    draft = Draft()
    for assignment in (*([f"target={target}"] if target else []), *sets):
        draft.set(assignment)
    if isinstance(data, Path):  # as the command line does, so that the recipe names it
        draft.put(("data", "source"), str(data), "test")
        data = None
    return prepare(draft, data, test)


def table(target: Any, **columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"x": X[: len(target)], **columns, "y": target}, strict=False)


def counts(made: Prepared) -> dict[str, int]:
    return {name: int((made.parts == code).sum()) for name, code in {**PARTS, "unused": -1}.items()}


def codes(made: Prepared) -> set[str]:
    return {finding.code for finding in made.findings}


def same(one: Prepared, other: Prepared) -> None:
    """Bit for bit."""
    assert np.array_equal(one.parts, other.parts)
    assert {n: f.to_state() for n, f in one.features.items()} == {n: f.to_state() for n, f in other.features.items()}
    assert one.task == other.task
    a, b = (made.packed.take(torch.arange(len(made.parts))) for made in (one, other))
    for ours, theirs in ((a.inputs, b.inputs), (a.targets, b.targets)):
        assert list(ours) == list(theirs)
        for name in ours:
            for part in ("values", "mask", "present"):
                mine, its = getattr(ours[name], part), getattr(theirs[name], part)
                assert (mine is None and its is None) or (mine.dtype == its.dtype and torch.equal(mine, its))


def test_a_column_of_a_long_table_is_left_out_by_the_name_it_has_in_the_file() -> None:
    ids = [str(row % 60) for row in range(ROWS)]
    long = pl.DataFrame({"id": ids, "x": X, "z": X, "same": ids, "y": [float(name) for name in ids]})
    made = prepared(long, "data.id=id", "data.ignore=[z, same]")
    assert "x mean" in made.features
    assert not any(name.startswith(("z", "same")) for name in made.features)
    assert set(made.recipe.data.ignore) >= {"z", "same"}


def test_examples_of_several_rows_are_ordered_by_their_first_time() -> None:
    ids = [f"{row // 2:03d}" for row in range(200)]
    days = [f"2024-{1 + (row // 2) % 12:02d}-{1 + row % 2:02d}" for row in range(200)]
    long = pl.DataFrame(
        {"id": ids, "when": days, "x": [float(row) for row in range(200)], "y": [float(name) for name in ids]}
    )
    made = prepared(long, "data.id=id", "data.time=when")
    assert (made.recipe.data.time, made.recipe.data.split.kind) == ("when first", "time")
    months = made.data.table.select(["when first"])["when first"].cast(pl.String).str.slice(5, 2).to_numpy()
    assert max(months[made.parts == 0]) <= min(months[made.parts == 2])


def test_a_column_that_divides_the_rows_by_itself_is_told() -> None:
    parts = np.array(["train", "validation", "test", "train"])[np.arange(ROWS) % 4]
    texts = [finding.text for finding in prepared(table(X * 2, split=parts)).findings]
    assert "The column 'split' says which rows train, validate and test. To divide by chance: --ignore split" in texts


def test_rows_without_a_target_are_not_used() -> None:
    made = prepared(table([None if n % 4 == 0 else f"{v:.3f}" for n, v in enumerate(X)]))
    (told,) = [finding for finding in made.findings if finding.code == "missing-target"]
    assert told.text == "'y' is empty in 30 of 120 rows, the first in row 1; they are left out."
    assert told.severity == "warning"
    assert counts(made) == {"train": 58, "validation": 14, "test": 18, "unused": 30}
    assert (made.parts[::4] == -1).all()


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_empty_labels_are_missing(empty: str | None) -> None:
    made = prepared(table([empty if n % 10 == 0 else "ab"[n % 2] for n in range(ROWS)]))
    assert counts(made)["unused"] == 12
    assert made.task.heads == {"y": 2} or made.recipe.task.kind == "classify"


def test_wrong_cells_of_a_quantity_are_told_of_and_not_used() -> None:
    made = prepared(table(["n/a" if n % 30 == 0 else f"{v:.3f}" for n, v in enumerate(X)]))
    assert made.recipe.task.kind == "regress"
    assert counts(made)["unused"] == 4
    (finding,) = [finding for finding in made.findings if finding.code == "bad-target"]
    assert (finding.count, finding.row) == (4, 0)
    assert "'n/a'" in finding.text


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ([True, False] * 60, "classify"),
        ([0, 1] * 60, "classify"),
        (["yes", "no"] * 60, "classify"),
        ([float(n % 3) for n in range(ROWS)], "classify"),
        (X, "regress"),
        (range(ROWS), "regress"),
        ([["a"], ["a", "b"], []] * 40, "tag"),
    ],
)
def test_the_task_follows_from_the_target(target: Any, kind: str) -> None:
    made = prepared(table(list(target)))
    assert made.recipe.task.kind == kind
    assert counts(made)["unused"] == 0


def test_a_label_that_only_test_rows_have_is_left_out_and_said() -> None:
    test = table(["a", "b", "c"] * 10)
    made = prepared(table(["a", "b"] * 60), test=test)
    assert counts(made) == {"train": 102, "validation": 18, "test": 20, "unused": 10}
    (finding,) = [finding for finding in made.findings if finding.code == "bad-target"]
    assert "'c'" in finding.text


def test_a_test_file_is_the_test() -> None:
    test = pl.DataFrame({"y": X[:20], "extra": ["q"] * 20, "x": [f"{v:.3f}" for v in X[:20]]})
    made = prepared(table(X), test=test)
    assert counts(made) == {"train": 102, "validation": 18, "test": 20, "unused": 0}
    assert (made.parts[ROWS:] == PARTS["test"]).all()


@pytest.mark.parametrize(
    ("data", "sets", "told"),
    [
        (table(["a", "b"]), (), "2 usable rows are too few"),
        (table(["a"] * 50), (), "is 'a' in all"),
        (table([None] * 50), (), "is empty in every row"),
        (table(["", " "] * 25), (), "is empty in every row"),
        (table([f"label {n}" for n in range(ROWS)]), (), "label"),
        (table(["soon", "late"] * 60), ("task=regress",), "y"),
        (table(X).drop("x"), (), "No input column is left"),
        (table(X).with_columns(x=pl.lit(1)), (), "No input column is left"),
        (table(X), ("target=z",), "no column 'z'"),
        (table(X), ("data.ignore=[z]",), "no column 'z'"),
        (table(X), ("data.group=z",), "no column 'z'"),
        (table(X), ("data.ignore=[y]",), "cannot be the target and an input"),
        (table(X), ("features.z=number",), "no column 'z'"),
        (table(X), ("target=[y, y]",), "named twice"),
        (table([{"a": 1}] * 50), (), "No task fits"),
        (table([[[1.5]]] * 50), (), "No task fits"),
        (table([[[1.5]]] * 50), ("task=tag",), "are no labels"),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_is_a_sentence(data: pl.DataFrame, sets: tuple[str, ...], told: str) -> None:
    with pytest.raises(InputError, match=told):
        prepared(data, *sets)


def test_a_missing_target_names_the_columns() -> None:
    with pytest.raises(
        RecipeError, match=r"Name the column with --target, or .* --task generate\. Columns of .*: x, y\."
    ):
        prepared(table(X), target="")


@pytest.mark.parametrize(
    ("sets", "split"), [(("data.group=g",), "group"), (("data.time=t",), "time"), ((), "stratified")]
)
def test_the_split_follows_from_the_flags(sets: tuple[str, ...], split: str) -> None:
    columns = {"g": [f"g{n % 12}" for n in range(ROWS)], "t": [f"2024-01-{1 + n % 28:02d}" for n in range(ROWS)]}
    made = prepared(table(X, **columns), *sets)
    assert made.recipe.data.split.kind == split
    assert ("g" in made.features) == (split != "group")


def test_dates_divide_rows_as_they_are_read() -> None:
    """The day comes first where the person says so, for the column and for the split alike."""
    columns = {"t": [f"{1 + n % 12:02d}/{1 + n // 12:02d}/2024" for n in range(ROWS)]}
    made = prepared(table(X, **columns), "data.time=t", 'features."t".form=%d/%m/%Y')
    months = np.arange(ROWS) // 12
    assert made.recipe.data.split.form == "%d/%m/%Y"
    assert months[made.parts == PARTS["train"]].max() <= months[made.parts == PARTS["test"]].min()
    assert "t" in made.features
    assert "t" not in prepared(table(X, **columns), "data.time=t", "data.ignore=[t]").features


def test_the_decimal_sign_of_a_file_holds_for_targets_too(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    cells = [f"{n % 40},{n % 7}5;{1 + n % 9}.{100 + n}" if n % 3 else f"{n % 40},25;{100 + n}" for n in range(ROWS)]
    source.write_text("x;y\n" + "\n".join(cells) + "\n", encoding="utf-8")
    made = prepared(None, f"data.source={source}", "data.source.encoding=utf-8")
    assert made.task is not None
    assert made.task.scales[0].high > 1000  # type: ignore[attr-defined]
    assert made.recipe.data.source.decimal == ","
    made = prepared(None, f"data.source={source}", "data.source.decimal=.")
    assert made.task.scales[0].high < 1000  # type: ignore[union-attr]


@pytest.mark.parametrize("words", [("train", "test"), (" Train", "VAL ", "test")])
def test_a_column_called_split_is_one(words: tuple[str, ...]) -> None:
    made = prepared(table(X, split=[words[n % len(words)] for n in range(ROWS)]))
    assert made.recipe.data.split.kind == "given"
    assert "split" not in made.features
    assert counts(made)["test"] == ROWS // len(words)
    typed = table(X, split=[words[n % len(words)] for n in range(ROWS)]).with_columns(
        pl.col("split").cast(pl.Categorical)
    )
    assert prepared(typed).recipe.data.split.kind == "given"


@pytest.mark.parametrize("cells", [["left", "right"] * 60, [[1], [2]] * 60, range(ROWS)])
def test_a_column_called_split_may_mean_something_else(cells: Any) -> None:
    assert prepared(table(X, split=list(cells))).recipe.data.split.kind == "stratified"


def test_what_a_person_named_is_kept() -> None:
    made = prepared(
        table(X, c=[n % 5 for n in range(ROWS)]), "train.epochs=7", "train.batch=16", "train.optimizer.lr=0.5", "model.width=32",
        "task.loss=huber", "features.c=category", "features.x.clip=2", "seed=5",
    )  # fmt: skip
    final = made.recipe
    assert (final.train.budget.amount, final.train.budget.unit, final.train.batch, final.seed) == (7, "epochs", 16, 5)
    assert (final.train.optimizer.lr, final.model.width, final.task.loss) == (0.5, 32, "huber")
    assert (final.features["c"].kind, final.features["x"].clip, final.features["x"].kind) == ("category", 2.0, "number")
    assert final.train.optimizer.kind
    assert final.objective.kind == "supervised"


TABLES: dict[str, Callable[[], Any]] = {
    "iris": load_iris, "wine": load_wine, "diabetes": load_diabetes, "breast cancer": load_breast_cancer,
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_the_written_recipe_prepares_the_same_bits(tmp_path: Path, name: str) -> None:
    frame = pl.from_pandas(TABLES[name](as_frame=True).frame)
    awkward = frame.with_columns(
        pl.Series("when", [f"{1 + n % 12}/{1 + n % 28}/2024" for n in range(frame.height)]),
        pl.Series("euro", [None if n % 9 == 0 else f"{n % 17},{n % 10} €" for n in range(frame.height)]),
        pl.Series("town", [("New York", "new york ", "Rome", "")[n % 4] for n in range(frame.height)]),
        pl.Series("row id", range(frame.height)),
        pl.Series("code", [999 if n % 15 == 0 else n % 7 for n in range(frame.height)]),
        pl.lit("x").alias("same"),
    )
    source = tmp_path / "table.csv"
    awkward.write_csv(source)
    first = prepared(source, target="target")
    assert set(first.recipe.data.ignore) == {"row id", "same"}
    written = tmp_path / "recipe.yaml"
    written.write_text(first.recipe.yaml(), encoding="utf-8")
    again = prepare(Draft.read(written))
    assert again.recipe == first.recipe
    same(first, again)


@pytest.mark.parametrize(
    "sets", [("data.group=g",), ("data.time=t",), ("data.id=g",), ("seed=9", "data.split.kind=random")]
)
def test_every_way_to_divide_rows_comes_back_from_the_recipe(tmp_path: Path, sets: tuple[str, ...]) -> None:
    columns = {"g": [f"g{n % 40:02d}" for n in range(ROWS)], "t": [f"2024-{1 + n % 12:02d}-01" for n in range(ROWS)]}
    target = [f"{X[n % 40]:.3f}" for n in range(ROWS)]
    source, test = tmp_path / "table.parquet", tmp_path / "test.csv"
    table(target, **columns).write_parquet(source)
    table(target, **columns).head(20).write_csv(test)
    for tests in (None, str(test)):
        first = prepared(source, *sets, *([f"data.test={tests}"] if tests else []))
        written = tmp_path / "recipe.yaml"
        written.write_text(first.recipe.yaml(), encoding="utf-8")
        again = prepare(Draft.read(written))
        assert again.recipe == first.recipe
        same(first, again)


def test_another_seed_divides_otherwise() -> None:
    assert not np.array_equal(prepared(table(X)).parts, prepared(table(X), "seed=1").parts)


def test_only_training_rows_are_learnt_from() -> None:
    """The scale is that of training rows, however wild the others are."""
    plain, wild = table(X), table(X)
    first = prepared(plain)
    train = first.parts == PARTS["train"]
    wild = wild.with_columns(x=pl.Series(np.where(train, X, 1e6)))
    second = prepared(wild)
    assert np.array_equal(first.parts, second.parts)
    assert first.features["x"].to_state() == second.features["x"].to_state()


def test_columns_nobody_can_use_are_left_out_and_said() -> None:
    odd = {
        "l": [[1], [2, 3]] * 60,
        "d": pl.Series(range(ROWS)).cast(pl.Duration("us")),
        "n": pl.Series([None] * ROWS, dtype=pl.Null),
    }
    made = prepared(table(X, **odd))
    assert set(made.features) == {"x"}
    assert {"unknown", "all-missing"} <= codes(made)


def test_broken_pictures_are_not_learnt_as_blanks_by_what_creates(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02d}.png").write_bytes(_png())
    for number in range(0, 40, 10):
        (tmp_path / f"{number:02d}.png").write_bytes(b"broken")
    made = prepared(tmp_path, "task=generate", target="")
    assert sorted(np.flatnonzero(made.parts < 0)) == [0, 10, 20, 30]
    assert "4 rows without a picture that can be read are left out." in [finding.text for finding in made.findings]
    field = made.packed.take(made.rows("train")).inputs["image"]
    assert field.present is None or bool(field.present.all())


def test_without_a_readable_picture_in_a_part_nothing_is_created(tmp_path: Path) -> None:
    frame = pl.DataFrame({
        "image": [b"broken", *[_png() for _ in range(9)]], "part": ["validation", *["train"] * 8, "test"]
    })  # fmt: skip
    with pytest.raises(DataError, match=r"No row with a picture is left for validation"):
        prepared(frame, "task=generate", "data.split={kind: given, by: part}", target="")


def _png() -> bytes:
    out = BytesIO()
    Image.fromarray(CHANCE.integers(0, 255, (8, 8, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_errors_before_training_are_input_errors() -> None:
    assert issubclass(DataError, InputError)
    with pytest.raises(InputError):
        prepare(Draft())
