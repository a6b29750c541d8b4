"""Reproduce: the file and the row that are not as they were."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from deepwright.core.errors import DataError, Refused, RunError
from deepwright.run import Run
from deepwright.verbs.reproduce.reproduce import reproduce
from deepwright.verbs.train import train
from tests.verbs.reproduce.conftest import draft, first, first_text, same


def test_a_changed_file_is_named_with_its_row_and_nothing_is_trained(
    wine: Path, tmp_path: Path, original: Path
) -> None:
    path = tmp_path / "wine.csv"
    shutil.copyfile(wine, path)
    run = train(draft(path), out=tmp_path / "runs")
    lines = path.read_text().splitlines()
    cells = lines[42].split(",")
    lines[42] = ",".join([str(float(cells[0]) + 1), *cells[1:]])
    path.write_text("\n".join(lines) + "\n")
    report = reproduce(run)
    found = first(report)
    assert (found["about"], found["text"]) == ("data", "row 42 of wine.csv is not as it was")
    assert report.data["folder"] is None
    assert [one.name for one in (tmp_path / "runs").iterdir()] == ["wine-1"]
    assert same(reproduce(run, wine)).recipe.data.source.path == str(wine)
    path.write_text("\n".join(lines[:-8]) + "\n")
    assert first(reproduce(run))["text"].startswith(
        "wine.csv had 178 rows and has 170; the first that is not as it was is row 42"
    )


def test_other_bytes_with_the_same_rows_are_no_difference(wine: Path, tmp_path: Path) -> None:
    path = tmp_path / "wine.csv"
    shutil.copyfile(wine, path)
    run = train(draft(path), out=tmp_path / "runs")
    path.write_text(path.read_text().replace("\n", "\r\n"), newline="")
    same(reproduce(run))


def test_rows_of_a_test_file_are_counted_as_that_file_counts_them(wine: Path, tmp_path: Path) -> None:
    lines = wine.read_text().splitlines()
    first, held = tmp_path / "first.csv", tmp_path / "held.csv"
    first.write_text("\n".join(lines[:140]) + "\n")
    held.write_text("\n".join([lines[0], *lines[140:]]) + "\n")
    run = train(draft(first, **{"data.test": str(held)}), out=tmp_path / "runs")
    moved = same(reproduce(run, test=shutil.copyfile(held, tmp_path / "moved.csv")))
    assert moved.recipe.data.test == str(tmp_path / "moved.csv")
    changed = [lines[0], *lines[140:]]
    changed[5] = "9" + changed[5]
    held.write_text("\n".join(changed) + "\n")
    assert first_text(reproduce(run)) == "row 5 of held.csv is not as it was"
    held.write_text("\n".join(changed[:-2]) + "\n")
    assert (
        first_text(reproduce(run))
        == "held.csv had 39 rows and has 37; the first that is not as it was is row 5 of held.csv"
    )
    held.write_text("\n".join([lines[0], *lines[140:-2]]) + "\n")
    assert first_text(reproduce(run)) == "held.csv had 39 rows and has 37"
    held.unlink()
    with pytest.raises(RunError, match=r"The test data of .* is gone: .*held\.csv\. Give its new place with --test"):
        reproduce(run)


def test_data_without_a_column_of_the_run_is_said_to_lack_it(run: Run, wine: Path, tmp_path: Path) -> None:
    for dropped, text in (
        (["hue"], "less.csv does not have the column 'hue' that the run uses"),
        (["target"], "less.csv does not have the column 'target' that the run uses"),
        (["hue", "alcohol", "ash"], "less.csv does not have the column 'alcohol' that the run uses, nor 2 others"),
    ):
        path = tmp_path / "less.csv"
        pl.read_csv(wine).drop(dropped).write_csv(path)
        assert first_text(reproduce(run, path)) == text
        if "target" in dropped:
            with pytest.raises(DataError, match=r"less\.csv has no column 'target'"):
                run.moved(path)


def test_test_data_is_asked_for_where_there_was_some_and_refused_where_there_was_none(
    run: Run, wine: Path, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="was trained without test data"):
        reproduce(run, test=wine)
    frame = pl.read_csv(wine)
    made = train(draft(None), frame[:140], frame[140:], out=tmp_path / "frames")
    loaded = Run.load(made.folder)
    with pytest.raises(RunError, match=r"The test data of .* was handed over in memory and is gone.*--test"):
        reproduce(loaded, frame[:140])
    same(reproduce(loaded, frame[:140], frame[140:]))


def test_rows_of_one_example_are_an_example(wine: Path, tmp_path: Path) -> None:
    lines = wine.read_text().splitlines()
    path = tmp_path / "twice.csv"
    rows = [f"{number // 2},{line}" for number, line in enumerate(x for x in lines[1:] for _ in (0, 1))]
    path.write_text("\n".join([f"bottle,{lines[0]}", *rows]) + "\n")
    run = train(draft(path, **{"data.id": "bottle"}), out=tmp_path / "runs")
    rows[20] = rows[20].replace(",", ",9", 1)
    rows[21] = rows[21].replace(",", ",9", 1)
    path.write_text("\n".join([f"bottle,{lines[0]}", *rows]) + "\n")
    assert first_text(reproduce(run)) == "example 11 of twice.csv is not as it was"


def test_a_picture_that_changed_is_named_by_its_row(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(12):
            pixels = chance.integers(0, 100, (8, 8, 3), dtype=np.uint8) + 100 * (label == "dog")
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "pets" / label / f"{number:02}.png")
    settings = {
        "model.width": None,
        "model.members": None,
        "model.dropout": None,
        "target": ["label"],
        "train.budget": "3steps",
    }
    run = train(draft(tmp_path / "pets", **settings), out=tmp_path / "runs")
    same(reproduce(run))
    shutil.move(tmp_path / "pets", tmp_path / "animals")
    with pytest.raises(RunError, match=r"is gone: .*pets\. Give its new place with --data"):
        reproduce(run)
    same(reproduce(run, tmp_path / "animals"))
    Image.new("RGB", (8, 8)).save(tmp_path / "animals" / "dog" / "02.png")
    assert first(reproduce(run, tmp_path / "animals"))["text"] == "02.png (row 15 of animals) is not as it was"
