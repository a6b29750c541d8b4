"""The same in Python: from files, frames, arrays and mappings."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import deepwright as dw
from deepwright.core.errors import DataError, OutputExists, RecipeError, RunError
from tests.cli.conftest import flats


def of(kind: str, frame: pl.DataFrame) -> Any:
    """The frame as another kind of data."""
    return {
        "polars": lambda: frame,
        "pandas": frame.to_pandas,
        "Arrow": frame.to_arrow,
        "NumPy": lambda: {name: frame[name].to_numpy() for name in frame.columns},
        "mapping": lambda: frame.to_dict(as_series=False),
    }[kind]()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, table: Path) -> dw.Run:
    place = tmp_path_factory.mktemp("api")
    return dw.train(table, target="y", budget="10steps", out=place, quiet=True, ignore=["teuer"])


@pytest.mark.parametrize("kind", ["polars", "pandas", "Arrow", "NumPy", "mapping"])
def test_answers_are_the_same_for_every_kind_of_frame(run: dw.Run, table: Path, kind: str) -> None:
    expected = run.predict(table)
    found = run.predict(of(kind, flats()))
    assert isinstance(found, pd.DataFrame if kind == "pandas" else pl.DataFrame)
    assert list(found.columns) == ["y_predicted"]
    np.testing.assert_allclose(found["y_predicted"].to_numpy(), expected["y_predicted"].to_numpy(), rtol=1e-6)


@pytest.mark.parametrize("kind", ["polars", "pandas", "NumPy"])
def test_trained_and_evaluated_from_memory(tmp_path: Path, kind: str) -> None:
    run = dw.train(of(kind, flats()), target="y", budget="5steps", out=tmp_path, quiet=True)
    assert run.state == "finished"
    loaded = dw.load(run.folder)
    with pytest.raises(RunError, match="--data"):
        dw.evaluate(loaded)
    report = dw.evaluate(loaded, of(kind, flats()))
    assert report.data["n"] == 120
    assert dw.evaluate(run).data["split"] == "test", "the run that trained still has its data"


def test_an_array_is_columns(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    x = chance.normal(size=(80, 3))
    run = dw.train({"x": x, "y": x[:, 0] * 2}, target="y", budget="5steps", out=tmp_path, quiet=True)
    assert list(run.features) == ["x0", "x1", "x2"]
    assert run.predict(x).height == 80


def test_reports_and_runs_show_themselves_in_a_notebook(run: dw.Run, table: Path) -> None:
    assert run._repr_html_().startswith('<div class="dw')
    assert "RMSE of the network" in run._repr_html_()
    dw.explain(run, rows=4)
    assert "RMSE of the network" in run._repr_html_()  # how good it is, whatever was asked last
    report = dw.inspect(table, target="y")
    assert isinstance(report, dw.Report)
    assert "flats.csv" in report._repr_html_()
    assert "<script" not in report._repr_html_()


def test_settings_recipes_and_flags(tmp_path: Path, table: Path) -> None:
    recipe = {"target": "y", "train": {"budget": "5steps"}, "model": {"kind": "mlp", "width": 32}}
    run = dw.train(table, recipe=recipe, settings={"train.batch": 16}, seed=7, out=tmp_path, quiet=True)
    assert (run.recipe.seed, run.recipe.train.batch, run.recipe.model.width) == (7, 16, 32)
    again = dw.train(recipe=run.recipe, out=tmp_path, quiet=True)
    assert again.recipe == run.recipe
    assert dw.report(again).name == "report.html"


def test_the_listings_and_the_page_are_there_as_well(run: dw.Run, tmp_path: Path) -> None:
    assert [one["run"] for one in dw.runs(run.folder.parent).data["runs"]] == ["flats-1"]
    assert "mlp" in dw.kinds().data["models"]
    page, bare = dw.report(run, tmp_path / "page.html"), dw.report(run, tmp_path / "bare.html", rows=False)
    assert "Worst errors" in page.read_text(encoding="utf-8")
    assert "Worst errors" not in bare.read_text(encoding="utf-8")
    with pytest.raises(OutputExists, match="exists already"):
        dw.report(run, page)
    assert dw.report(run, page, force=True) == page


def test_mistakes_are_sentences(run: dw.Run, table: Path) -> None:
    with pytest.raises(RecipeError, match="the call: there is no key 'bach' under 'train'"):
        dw.train(table, target="y", settings={"train.bach": 3}, quiet=True)
    with pytest.raises(DataError, match="no column 'Y'"):
        dw.inspect(table, target="Y")
    with pytest.raises(RunError, match="There is no run"):
        dw.load("nowhere")
    with pytest.raises(DataError, match="Expected a path, a frame"):
        run.predict(3.5)
    with pytest.raises(RecipeError, match=r"There is no argument 'groups'\. Did you mean 'group'"):
        dw.train(table, target="y", groups="lage", quiet=True)
    with pytest.raises(RecipeError, match=r"There is no argument 'bugdet'\. Did you mean 'budget'"):
        dw.train(table, target="y", bugdet="5s", quiet=True)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        dw.trian  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_warnings_are_told_and_quiet_is_quiet(tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = flats().with_columns(cents=pl.col("y") * 100)
    dw.train(frame, target="y", budget="2steps", out=tmp_path)
    told = capsys.readouterr()
    assert "Warning: 'cents' alone gives the target y away" in told.err
    assert told.out == ""
    dw.train(frame, target="y", budget="2steps", out=tmp_path, quiet=True)
    assert capsys.readouterr() == ("", "")
