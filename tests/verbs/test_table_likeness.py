"""Created rows beside real rows and plain ways of making more."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.core.errors import RecipeError
from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.verbs.copula import cells_of, gaussian_copula, neighbour_rows
from deepwright.verbs.generate import Generate
from deepwright.verbs.resemblance import Scale
from deepwright.verbs.table_likeness import auc, table_blocks, table_likeness
from deepwright.verbs.train import train


def table(rows: int, seed: int = 0) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    size = chance.gamma(3.0, 10.0, rows)
    price = 3 * size + chance.normal(0, 6, rows)
    town = np.where(price > np.median(price), "Bern", "Chur")
    town = np.where(chance.random(rows) < 0.1, "Zug", town)
    gone = chance.random(rows) < 0.05
    sizes = [None if lost else round(float(one), 2) for one, lost in zip(size, gone, strict=True)]
    return pl.DataFrame({"size": sizes, "town": town, "price": price.round(1)})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    draft = Draft()
    for one in ("task=generate", "model={kind: flow, width: 16, depth: 1}", "train.budget=10steps", "train.batch=32"):
        draft.set(one)
    made = train(draft, table(400), out=tmp_path_factory.mktemp("runs"))
    loaded = Run.load(made.folder)
    loaded.data = made.data
    return loaded


def test_a_copula_keeps_columns_and_ranks(run: Run) -> None:
    known = table(600, 1)
    made = gaussian_copula(run.created, known.select(list(run.created)), 3000, 0)
    assert set(made["town"].to_list()) == {"Bern", "Chur", "Zug"}
    assert set(made["price"].to_list()) <= set(known["price"].to_list())
    assert made["size"].null_count() / 3000 == pytest.approx(known["size"].null_count() / 600, abs=0.02)
    wanted = known.drop_nulls().select(pl.corr("size", "price", method="spearman")).item()
    assert made.drop_nulls().select(pl.corr("size", "price", method="spearman")).item() == pytest.approx(
        wanted, abs=0.05
    )
    assert gaussian_copula(run.created, known, 20, 0).equals(gaussian_copula(run.created, known, 20, 0))


def test_mixtures_lie_between_their_rows(run: Run) -> None:
    known = table(200, 1).select(list(run.created))
    flat = Scale(run.created, known)(known)
    made = neighbour_rows(run.created, known, flat, 400, 0)
    prices = cells_of(run.created["price"], made["price"])
    assert known["price"].min() <= np.nanmin(prices)
    assert np.nanmax(prices) <= known["price"].max()
    assert set(made["town"].to_list()) <= {"Bern", "Chur", "Zug"}
    assert len(set(prices) - set(known["price"].to_list())) > 300


@pytest.mark.slow
def test_real_rows_pass_shuffled_ones_are_told_and_copies_are_seen(run: Run) -> None:
    held, known = table(400, 2), table(900, 3)
    real = table_likeness(run, table(400, 4), held, known, 0, "price")
    made, floor = real.sets["made"], real.sets["real"]
    assert (real.n, real.target, real.measure, real.constant) == (400, "price", "R²", 0.0)
    assert made["columns"] > 0.9
    assert floor["columns"] > 0.9
    assert 0.4 < made["told_apart"] < 0.6  # type: ignore[operator]
    assert made["useful"] == pytest.approx(floor["useful"], abs=0.1)
    assert 0.4 < made["closer"] < 0.6  # type: ignore[operator]
    alone = table(400, 4).with_columns(pl.col("price").shuffle(0), pl.col("town").shuffle(1))
    apart = table_likeness(run, alone, held, known, 0, "price").sets["made"]
    assert apart["columns"] > 0.9 > 0.75 > apart["pairs"]  # type: ignore[operator]
    assert apart["told_apart"] > 0.8  # type: ignore[operator]
    assert apart["useful"] < 0.1 < real.sets["copula"]["useful"]  # type: ignore[operator]
    order = np.random.default_rng(_seed()).permutation(900)
    copied = table_likeness(run, known[order[400:800]], held, known, 0, "town")
    assert copied.sets["made"]["closer"] == 1.0
    assert copied.measure == "balanced accuracy"
    assert any("may be copies" in block.text for block in table_blocks(copied) if hasattr(block, "text"))  # type: ignore[union-attr]


def _seed() -> int:
    from deepwright.core.seeds import derive

    return derive(0, "table")


def test_an_area_is_half_for_one_population_and_one_for_two() -> None:
    chance = np.random.default_rng(0)
    a, b = chance.normal(size=(400, 3)), chance.normal(size=(400, 3))
    assert auc(a, b, 0) == pytest.approx(0.5, abs=0.1)
    assert auc(a, b + 3, 0) > 0.98


def test_rows_are_written_opened_again_and_measured(run: Run, tmp_path: Path) -> None:
    report = run.generate(out=tmp_path / "rows.csv", n=40, seed=2)
    rows = report.data["measured"]["rows"]
    assert set(rows["sets"]) == {"made", "real", "copula", "mixed"}
    assert rows["target"] == list(run.created)[-1]
    assert set(rows["columns"]) == set(run.created)
    assert report.data["files"] == ["rows.csv", "rows.csv.record.json"]
    for name in ("rows.csv", "rows.parquet"):
        run.generate(out=tmp_path / name, n=40, seed=2, measure=0, force=True)
        again = Generate(reopen=tmp_path / name, out=tmp_path / "again" / name[5:])(run)
        assert again.data["reopened"]["same"] is True
        few = run.generate(out=tmp_path / "few" / name, n=7, seed=2, measure=0)
        assert few.data["files"][0] == name
    whole, part = (pl.read_csv(tmp_path / name) for name in ("rows.csv", "few/rows.csv"))
    assert whole.head(7).equals(part)
    with pytest.raises(RecipeError, match=r"creates no column 'prise'\. Did you mean 'price'"):
        Generate(predict="prise")(run)
