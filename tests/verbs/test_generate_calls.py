"""Generate: wrong calls are sentences, pictures without labels are listed, too few examples are not learnt from."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from deepwright.core.errors import DataError, InputError, RecipeError
from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.verbs.train import train


def pictures(place: Path, count: int) -> Path:
    place.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return place


def trained(source: Path, out: Path) -> Run:
    draft = Draft()
    for one in (
        f"data.source={source}",
        "task=generate",
        "train.budget=1steps",
        "model={kind: gan, width: 4, latent: 4}",
    ):
        draft.set(one)
    return train(draft, out=out)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    place = tmp_path_factory.mktemp("calls")
    return trained(pictures(place / "drawings", 30), place / "runs")


def test_what_is_wrong_in_a_call_is_a_sentence(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"the call: n: expected 1 or more"):
        run.generate(n=0)
    with pytest.raises(RecipeError, match=r"'sede'.*Did you mean 'seed'\?"):
        run.generate(sede=3)
    with pytest.raises(InputError, match=r"made\.cvs: These pictures are written as \.png, \.webp, or into a folder"):
        run.generate(n=1, out=tmp_path / "made.cvs")
    assert not list(tmp_path.iterdir())


def test_pictures_without_labels_are_listed_and_an_old_record_of_a_list_goes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "creations.csv.record.json").write_text("{}")
    run.generate(n=2, seed=4, out=tmp_path, measure=0, force=True)
    assert pl.read_csv(tmp_path / "creations.csv").rows() == [("seed4-0000.png",), ("seed4-0001.png",)]
    assert not (tmp_path / "creations.csv.record.json").exists()


def test_a_single_example_to_learn_from_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"three holds 3 examples, of which 1 can be learnt from: too few"):
        trained(pictures(tmp_path / "three", 3), tmp_path / "runs")


def test_rows_of_a_column_called_file_keep_their_record(tmp_path: Path) -> None:
    pl.DataFrame({"file": np.random.default_rng(0).normal(size=60)}).write_csv(tmp_path / "rows.csv")
    made = trained(tmp_path / "rows.csv", tmp_path / "runs")
    assert made.generate(n=2, out=tmp_path / "made.csv", measure=0).data["files"] == [
        "made.csv",
        "made.csv.record.json",
    ]
