"""Evaluate: the same rows for all, on the run's own test rows and on new data, and nothing personal shown."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.core.errors import DataError
from deepwright.core.report import Grid, Report
from deepwright.data.split import PARTS
from deepwright.run import Run
from deepwright.verbs.evaluate import Evaluate, answer_rows
from deepwright.verbs.worst import MASK, worst
from tests.verbs.conftest import trained

CHANCE = np.random.default_rng(0)
ROWS = 300
SIZE = CHANCE.normal(size=ROWS)
HOUSES = pl.DataFrame(
    {
        "size": [f"{value:.4f}" for value in SIZE],
        "email": [f"person{n}@example.org" if n % 2 else "info@example.org" for n in range(ROWS)],
        "heated": ["yes" if value > 0 else "no" for value in SIZE + 0.3],
        "town": [("Bonn", "Rome", "Oslo")[n % 3] for n in range(ROWS)],
        "price": [f"{100 + 20 * value:.2f}" if n % 30 else "" for n, value in enumerate(SIZE)],
    }
)


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A quantity from a number, a flag, a category and addresses of people."""
    settings = ("train.budget=60steps", "model.width=32", "features.email.kind=category")
    return trained(HOUSES, "price", tmp_path_factory.mktemp("runs"), *settings)


@pytest.fixture(scope="module")
def report(houses: Run) -> Report:
    return Evaluate()(houses)


def test_it_judges_the_test_rows_and_nothing_else(houses: Run, report: Report) -> None:
    data = report.data
    assert (data["version"], data["split"], data["n"]) == (1, "test", int((houses.parts == PARTS["test"]).sum()))
    assert data["n"] == round(0.2 * (ROWS - 10))
    assert set(data["baselines"]) == {"constant", "linear", "boosting"}
    for name, figure in data["metrics"].items():
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert set(data["baselines"]["linear"][name]) == {"value", "low", "high"}
    assert data["verdict"].startswith("Judged by RMSE, the network is ")
    told = [words for words in ("the constant answer", "the linear model", "boosting") if words in data["verdict"]]
    assert len(told) == len(data["differences"]) == 3
    assert all(gap["low"] <= gap["value"] <= gap["high"] and 0 < gap["p"] <= 1 for gap in data["differences"].values())


def test_its_figures_are_those_of_its_answers(houses: Run, report: Report) -> None:
    assert houses.task is not None
    answered = answer_rows(houses, houses.training_data().table, np.flatnonzero(houses.parts == PARTS["test"]))
    gap = answered.answer["value"] - answered.truth["value"]
    assert report.data["metrics"]["rmse"]["value"] == pytest.approx(gap.square().mean().sqrt().item(), rel=1e-5)
    assert report.data["metrics"]["mae"]["value"] == pytest.approx(gap.abs().mean().item(), rel=1e-5)


def test_the_first_table_fits_a_terminal_with_all_competitors(report: Report) -> None:
    grid = next(block for block in report.blocks if isinstance(block, Grid))
    assert grid.columns == ("figure", "network", "constant", "linear", "boosting")
    widths = [max(len(str(row[place])) for row in (grid.columns, *grid.rows)) for place in range(5)]
    assert sum(min(width, 16) + 3 for width in widths) <= 80
    assert all("[" in row[1] for row in grid.rows)
    intervals = next(
        block for block in report.blocks if isinstance(block, Grid) and block.title.startswith("Baselines")
    )
    assert all("[" in row[2] for row in intervals.rows)


def test_it_is_the_same_again(houses: Run, report: Report) -> None:
    assert Evaluate()(houses).data["metrics"] == report.data["metrics"]


def test_new_data_is_judged_where_its_target_is_known(houses: Run) -> None:
    data = Evaluate(on=HOUSES.head(50).drop("town").with_columns(town=pl.lit("Paris")), baselines=False)(houses).data
    assert (data["split"], data["n"], set(data["baselines"])) == ("new data", 48, {"constant"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (HOUSES.drop("price"), "no column 'price'"),
        (HOUSES.drop("size"), "no column 'size'"),
        (HOUSES.with_columns(price=pl.lit("dear")), "has a target this run knows"),
        (HOUSES.with_columns(price=pl.lit(None, pl.String)), "has a target this run knows"),
    ],
)
def test_new_data_that_cannot_be_judged_is_a_sentence(houses: Run, change: pl.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Evaluate(on=change)(houses)


def test_a_single_row_is_judged(houses: Run) -> None:
    data = Evaluate(on=HOUSES[5:6], baselines=False)(houses).data
    assert data["n"] == 1


def test_the_worst_rows_come_first_and_people_stay_masked(houses: Run, report: Report) -> None:
    grid = next(block for block in report.blocks if isinstance(block, Grid) and block.title == "Worst errors")
    assert grid.raw
    assert len(grid.rows) == 12
    assert grid.columns[:4] == ("row", "answer", "truth", "error")
    assert [row[3] for row in grid.rows] == [row[1] - row[2] for row in grid.rows]  # type: ignore[operator]
    gaps = [abs(row[3]) for row in grid.rows]  # type: ignore[arg-type]
    assert gaps == sorted(gaps, reverse=True)
    first = HOUSES.row(int(grid.rows[0][0]) - 1, named=True)  # type: ignore[arg-type]
    cells = dict(zip(grid.columns, grid.rows[0], strict=True))
    assert cells["town"] == first["town"]
    assert cells["email"] == MASK
    assert "@" not in str(report.to_dict())


def test_labels_too(tumours_run: Run) -> None:
    report = Evaluate(baselines=False)(tumours_run)
    grid = next(block for block in report.blocks if isinstance(block, Grid) and block.title == "Worst errors")
    assert grid.columns[:4] == ("row", "answer", "sure", "truth")
    assert {row[3] for row in grid.rows} <= {"malignant", "benign"}
    assert all(row[1] != row[3] for row in grid.rows)  # errors only
    assert all(re.fullmatch(r">?\u00a0?[\d.]+\u00a0%", str(row[2])) for row in grid.rows)
    assert Report.from_dict(report.to_dict()).data == report.data


def test_where_all_is_right_the_least_sure_are_shown_as_such(tumours_run: Run) -> None:
    answered = answer_rows(tumours_run, tumours_run.training_data().table, np.flatnonzero(tumours_run.parts == 2))
    right = answered.answer["decision"] == answered.truth["label"]
    kept = right.nonzero()[:, 0]
    answer = {name: value[kept] for name, value in answered.answer.items()}
    truth = {name: value[kept] for name, value in answered.truth.items()}
    only = replace(answered, rows=answered.rows[right.numpy()], answer=answer, truth=truth, loss=answered.loss[kept])
    grid = next(block for block in worst(tumours_run, only) if isinstance(block, Grid))
    assert grid.title == "Least sure answers, all of them right"
    assert all(row[1] == row[3] for row in grid.rows)


def test_few_rows_are_called_few(houses: Run) -> None:
    report = Evaluate(on=HOUSES.head(20), baselines=False)(houses)
    assert report.data["notes"][0].startswith("19 rows can tell little")


def test_without_its_data_only_the_constant_is_beside_it(houses: Run, tmp_path: Path) -> None:
    source = tmp_path / "houses.csv"
    HOUSES.write_csv(source)
    run = trained(source, "price", tmp_path / "runs", "train.budget=5steps", "model.width=32")
    source.unlink()
    report = Evaluate(on=HOUSES.head(40))(Run.load(run.folder))
    assert set(report.data["baselines"]) == {"constant"}
    assert any("is gone" in note for note in report.data["notes"])


def test_rows_and_cells_of_new_data_that_do_not_count_are_told(houses: Run) -> None:
    new = HOUSES.head(50).with_columns(size=pl.when(pl.col("town") == "Oslo").then(pl.lit("big")).otherwise("size"))
    notes = Evaluate(on=new, baselines=False)(houses).data["notes"]
    assert notes[0] == "2 rows were left out: the target is empty there, or one that was not in the training data."
    assert any("'big' (" in note and "first in row" in note for note in notes)
    notes = Evaluate(on=HOUSES[5:9], baselines=False)(houses).data["notes"]
    assert not any("left out" in note or "count as missing" in note for note in notes)
