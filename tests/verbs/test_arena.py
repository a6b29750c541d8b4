"""Arena: families side by side, for the same time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepwright.core.errors import RecipeError, Refused
from deepwright.core.report import Grid, Pictures, Report
from deepwright.draft import Draft
from deepwright.testing import samples
from deepwright.training.budget import Budget
from deepwright.verbs.arena import Arena, arena, arena_report


def draft(source: Path) -> Draft:
    made = Draft()
    made.put(("data", "source"), str(source), "test")
    return made


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chance = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("rows") / "cars.csv"
    age = chance.integers(0, 20, 200)
    pl.DataFrame(
        {
            "age": age,
            "price": 30_000 - 900 * age + chance.normal(0, 500, 200),
            "colour": chance.choice(["red", "blue"], 200),
        }
    ).write_csv(path)
    return path


@pytest.fixture(scope="module")
def found(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Arena:
    return arena(draft(rows), Budget.parse("3s"), ["vae", "autoregressive"], tmp_path_factory.mktemp("runs"))


def test_each_family_gets_its_share_of_the_time_and_a_run(found: Arena) -> None:
    assert {entrant.kind for entrant in found.entrants} == {"vae", "autoregressive"}
    for entrant in found.entrants:
        assert str(entrant.run.recipe.train.budget) == "1.35s"
        assert entrant.run.state == "finished"
        assert entrant.processor > 0
        assert entrant.shown.columns == ["age", "price", "colour"]
    assert [e.distance for e in found.entrants] == sorted(e.distance for e in found.entrants)


def test_the_report_has_one_table_with_the_floor_and_what_each_creates(found: Arena) -> None:
    report = found.report
    assert Report.from_dict(report.to_dict()) == report
    tables = {block.title: block for block in report.blocks if isinstance(block, Grid)}
    assert [row[0] for row in tables["Families"].rows] == [*(e.kind for e in found.entrants), "real examples"]
    assert len(tables["Created by vae"].rows) == 8
    assert report.data["verdict"].startswith(f"'{found.entrants[0].kind}' is nearest to real examples")
    assert (found.folder / "report.html").exists()
    assert (found.folder / "reports" / "arena.json").exists()


def test_the_verdict_says_who_cannot_be_told_apart(found: Arena) -> None:
    first, second = found.entrants
    near, far = first.beside.resemblance, second.beside.resemblance
    assert near is not None
    assert far is not None

    def placed(entrant, low, value, high):
        own = replace(near.distance["made"], value=value, low=low, high=high)
        beside = replace(entrant.beside, resemblance=replace(near, distance={**near.distance, "made": own}))
        return replace(entrant, beside=beside)

    apart = arena_report((placed(first, 0.0, 0.1, 0.2), placed(second, 0.3, 0.4, 0.5)), "1min")
    assert apart.data["verdict"].endswith("the intervals of the others lie beyond its own.")
    close = arena_report((placed(first, 0.0, 0.1, 0.2), placed(second, 0.15, 0.4, 0.5)), "1min")
    assert close.data["verdict"].endswith(f"but {second.kind} cannot be told from it by these intervals.")


def test_pictures_stand_side_by_side(found: Arena) -> None:
    pictures = pl.DataFrame({"age": samples.columns()["photo"][[0, 2, 3]]})
    features = {
        "age": type("Shown", (), {"show": staticmethod(lambda cells: [f"data:{k}" for k in range(len(cells))])})()
    }
    entrants = [replace(e, shown=pictures, run=replace(e.run, features=features)) for e in found.entrants]
    for entrant, known in zip(entrants, found.entrants, strict=True):
        entrant.run.__dict__["network"] = known.run.network
    (block,) = (one for one in arena_report(entrants, "1min").blocks if isinstance(one, Pictures))
    assert block.captions[:4] == (*(f"{entrants[0].kind} {k}" for k in range(3)), f"{entrants[1].kind} 0")


def test_what_cannot_be_is_said_before_any_work(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="the same time, so write for example 10min"):
        arena(draft(rows), Budget.parse("100steps"), (), tmp_path)
    with pytest.raises(RecipeError, match="--models: 'mlp' creates nothing"):
        arena(draft(rows), Budget.parse("5s"), ["mlp"], tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (2, 60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", picture=pixels[0], photo=pixels[1])
    with pytest.raises(Refused, match="No model that creates takes these columns together: picture, photo"):
        arena(draft(tmp_path / "pictures.npz"), Budget.parse("5s"), ["autoregressive"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pictures.npz"]
