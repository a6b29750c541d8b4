"""Columns that are the same in every row: nothing to learn, but made rows have them, as they came."""

from pathlib import Path

import polars as pl

from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.verbs.generate import Generate
from deepwright.verbs.train import train

ROWS = 60


def test_what_never_changes_is_given_back(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "country": ["DE"] * ROWS, "age": [20 + row % 37 for row in range(ROWS)], "year": [2024] * ROWS,
            "branch": ["007"] * ROWS, "rate": [0.5] * ROWS, "state": ["inf"] * ROWS, "plan": ["ab"[row % 2] for row in range(ROWS)],
        }
    )  # fmt: skip
    frame.write_csv(tmp_path / "customers.csv")
    draft = Draft()
    for path, value in ((("data", "source"), str(tmp_path / "customers.csv")), (("task",), "generate"), (("train", "budget"), "2steps")):  # fmt: skip
        draft.put(path, value, "test")
    made = train(draft, out=tmp_path)
    run = Run.load(made.folder)
    assert run.recipe.task.fixed == {"country": "DE", "year": 2024, "branch": "007", "rate": 0.5, "state": "inf"}  # type: ignore[union-attr]
    texts = [finding.text for finding in run.findings if finding.code == "constant"]
    assert len(texts) == 5
    assert all(text.endswith("in every row: it is not learnt, and rows that are made get it back.") for text in texts)

    out = tmp_path / "new.parquet"
    Generate(n=5, measure=0, out=out)(run)
    rows = pl.read_parquet(out)
    assert rows.columns == frame.columns
    fixed = rows.select("country", "year", "branch", "rate", "state")
    assert fixed.unique().rows() == [("DE", 2024, "007", 0.5, "inf")]


def test_rows_have_the_order_of_the_data_where_a_column_says_what_is_wanted(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"plan": ["ab"[row % 2] for row in range(ROWS)], "age": [20 + row % 37 for row in range(ROWS)]}
    )
    frame.write_csv(tmp_path / "customers.csv")
    draft = Draft()
    for path, value in (
        (("data", "source"), str(tmp_path / "customers.csv")), (("train", "budget"), "2steps"),
        (("task",), {"kind": "generate", "condition": ["plan"]}),
    ):  # fmt: skip
        draft.put(path, value, "test")
    Generate(n=3, measure=0, label=("b",), out=tmp_path / "new.csv")(train(draft, out=tmp_path))
    rows = pl.read_csv(tmp_path / "new.csv")
    assert rows.columns == ["plan", "age"]
    assert rows["plan"].to_list() == ["b"] * 3
