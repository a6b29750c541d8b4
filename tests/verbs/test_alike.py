"""Alike: the creations nearest to an example of one's own, whatever family makes them and however much of it is given."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from deepwright.core.errors import DataError, RecipeError, Refused
from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.verbs.creation.recall import recalled
from deepwright.verbs.generate import Generate
from deepwright.verbs.train import train


def rows() -> pl.DataFrame:
    chance = np.random.default_rng(0)
    plan = np.where(chance.random(300) < 0.3, "gold", "basic")
    return pl.DataFrame({"age": chance.integers(18, 90, 300), "plan": plan, "spent": chance.normal(size=300).round(3)})


def trained(table: pl.DataFrame, out: Path, *sets: str) -> Run:
    draft = Draft()
    for one in ("train.budget=12steps", *sets):
        draft.set(one)
    return Run.load(train(draft, table, out=out).folder)


@pytest.fixture(scope="module", params=["flow", "autoregressive"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One family with latents and one without."""
    return trained(rows(), tmp_path_factory.mktemp("runs"), f"model={{kind: {request.param}, width: 16, depth: 1}}")


def liked(run: Run, place: Path, row: Any, **settings: Any) -> pl.DataFrame:
    (place / "row.json").write_text(json.dumps(row))
    run.generate(like=place / "row.json", out=place / "made.csv", force=True, measure=0, **settings)
    return pl.read_csv(place / "made.csv")


def test_they_resemble_a_row_of_which_columns_may_be_missing(run: Run, tmp_path: Path) -> None:
    made = liked(run, tmp_path, {"age": 30, "plan": "gold"}, n=5)
    assert made.height == 5
    assert made["plan"].to_list() == ["gold"] * 5
    assert (made["age"] - 30).abs().mean() < 15  # 24 on average by chance
    assert liked(run, tmp_path, [{"age": None, "plan": "basic"}], n=3)["plan"].to_list() == ["basic"] * 3


def test_few_are_the_first_of_many_and_the_record_holds_numbers_only(run: Run, tmp_path: Path) -> None:
    many = liked(run, tmp_path, {"age": 41, "spent": 0.2}, n=20)
    record = recalled(tmp_path / "made.csv")
    assert len(record.at) == 20
    assert "spent" not in (tmp_path / "made.csv.record.json").read_text()
    report = Generate(reopen=tmp_path / "made.csv", out=tmp_path / "again.csv")(run)
    assert report.data["reopened"]["same"] is True
    assert liked(run, tmp_path, {"age": 41, "spent": 0.2}, n=3).equals(many[:3])


def test_what_fits_no_column_is_said(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"'plan' knows no 'glod'\. Did you mean 'gold'\?"):
        liked(run, tmp_path, {"plan": "glod"})
    with pytest.raises(DataError, match="'age' is a number, and 'old' is none"):
        liked(run, tmp_path, {"age": "old"})
    for value in (math.nan, math.inf):
        with pytest.raises(DataError, match=r"'age' is (nan|inf), which is no number that can be near to others"):
            liked(run, tmp_path, {"age": value})
    with pytest.raises(RecipeError, match=r"no value of a column that the run .* creates; .* Did you mean 'age'\?"):
        liked(run, tmp_path, {"ages": 3})
    with pytest.raises(DataError, match="expected one row as a JSON object of plain values"):
        liked(run, tmp_path, {"age": [3, 4]})
    (tmp_path / "row.json").write_text("age: 3")
    with pytest.raises(DataError, match=r"row\.json is no JSON"):
        run.generate(like=tmp_path / "row.json", out=tmp_path / "made")
    with pytest.raises(DataError, match="There is no file"):
        run.generate(like=tmp_path / "none.json")
    with pytest.raises(RecipeError, match="--at and --like: each says what is to be made"):
        liked(run, tmp_path, {"age": 3}, at="3")
    Image.new("L", (8, 8)).save(tmp_path / "mine.png")
    with pytest.raises(Refused, match=r"creates rows .*, no pictures"):
        run.generate(like=tmp_path / "mine.png")


def test_what_has_no_latents_is_sent_here_before_anything_else_is_asked(run: Run, tmp_path: Path) -> None:
    if run.network.latent is None:
        with pytest.raises(Refused, match=r"nothing can be inverted\. --like finds its creations nearest to yours"):
            run.generate(invert=tmp_path / "row.csv")


def test_a_row_with_labels_can_be_inverted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "row.csv").write_text("age,plan,spent\n50,gold,0.5\n")
    if run.network.latent is not None:
        run.generate(invert=tmp_path / "row.csv", name="mine", out=tmp_path / "made.csv")
        assert pl.read_csv(tmp_path / "made.csv").height == 1


def test_columns_that_are_not_created_are_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "row.csv").write_text("name,age\nAnn,50\n")
    report = run.generate(n=2, like=tmp_path / "row.csv", out=tmp_path / "made.csv", measure=0)
    texts = [block.text for block in report.blocks if hasattr(block, "text")]
    assert "Not created, and not looked at: 'name'." in texts
    assert any(text.startswith("The 2 nearest to row.csv of the first 1,024 creations") for text in texts)


def test_pictures_are_found_by_pictures_and_rows_cannot_be_enlarged(run: Run, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="--scale enlarges pictures"):
        run.generate(n=1, scale=2, out=tmp_path / "large")
    grey = np.repeat(np.arange(0, 240, 2, dtype=np.uint8), 64).reshape(120, 8, 8)
    table = pl.DataFrame({"image": pl.Series(grey, dtype=pl.Array(pl.UInt8, (8, 8)))})
    painter = trained(table, tmp_path, "model={kind: gan, width: 4, latent: 6}", "train.batch=16")
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(tmp_path / "mine.png")
    report = painter.generate(n=2, like=tmp_path / "mine.png", out=tmp_path / "near", measure=0)
    first, second = (int(name[6:10]) for name in report.data["files"][:2])
    painter.generate(n=1024, out=tmp_path / "all", measure=0)
    apart = [
        np.square(np.asarray(Image.open(tmp_path / "all" / f"seed0-{k:04d}.png"), float) - 200).mean()
        for k in range(1024)
    ]
    assert [first, second] == np.argsort(apart, kind="stable")[:2].tolist()
