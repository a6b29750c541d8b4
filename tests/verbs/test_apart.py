"""Apart: creations of rows without those that lean most towards a single training row."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from deepwright.core.errors import RecipeError, Refused, RunError
from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.verbs.creation.apart import lean
from deepwright.verbs.creation.recall import recalled
from deepwright.verbs.generate import Generate
from deepwright.verbs.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    place, chance = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    plan = np.where(chance.random(300) < 0.3, "gold", "basic")
    table = pl.DataFrame({"age": chance.integers(18, 90, 300), "plan": plan, "spent": chance.normal(size=300).round(3)})
    spent = pl.when(pl.col("age") > 80).then(None).otherwise("spent").alias("spent")
    table.with_columns(spent).write_csv(place / "rows.csv")
    draft = Draft()
    source = f"data.source={place / 'rows.csv'}"
    for one in (source, "task.kind=generate", "train.budget=12steps", "model={kind: flow, width: 16, depth: 1}"):
        draft.set(one)
    return Run.load(train(draft, out=place).folder)


def kept(run: Run, place: Path, **settings: object) -> tuple[int, ...]:
    run.generate(out=place / "made.csv", force=True, measure=0, **settings)
    return tuple(int(number) for number in recalled(place / "made.csv").at)


def test_a_copy_leans_most_and_what_lies_between_many_rows_least() -> None:
    train = torch.cat([torch.zeros(1, 2), torch.tensor([[10.0, 0.0], [0.0, 10.0], [10.0, 10.0]]).repeat(4, 1)])
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 5.0], [10.0, 10.0]])
    # sums of differences: the tenth row from (1, 0) is (10, 10)'s group at 19; all rows are 10 from the middle
    assert lean(points, train).tolist() == pytest.approx([0.0, 1 / 19, 1.0, 0.0])
    assert lean(points, torch.zeros(12, 2))[0] == 1.0  # a row that many share is nobody's


def test_which_are_kept_depends_on_the_seed_and_the_share_alone(run: Run, tmp_path: Path) -> None:
    many = kept(run, tmp_path, n=400, apart=0.25, seed=3)
    assert many[:50] == kept(run, tmp_path, n=50, apart=0.25, seed=3)
    assert len(many) / (many[-1] + 1) == pytest.approx(0.75, abs=0.06)
    assert set(many) > set(kept(run, tmp_path, n=100, apart=0.5, seed=3))
    assert many != kept(run, tmp_path, n=400, apart=0.25, seed=4)


def test_they_are_the_creations_of_these_numbers_and_open_without_the_data(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = kept(run, tmp_path, n=6, apart=0.5)
    run.generate(n=numbers[-1] + 1, out=tmp_path / "all.csv", measure=0)
    made = pl.read_csv(tmp_path / "made.csv")
    assert made.equals(pl.read_csv(tmp_path / "all.csv")[list(numbers)])
    monkeypatch.setattr(Run, "training_data", _gone)
    report = Generate(reopen=tmp_path / "made.csv", out=tmp_path / "again.csv")(run)
    assert report.data["reopened"]["same"] is True


def _gone(run: Run) -> None:
    raise RunError("The data this run was trained on is gone.")


def test_it_says_how_many_were_left_out_and_measures_those_kept(run: Run, tmp_path: Path) -> None:
    report = run.generate(n=100, apart=0.5, out=tmp_path / "made.csv", measure=40)
    told, plain = report.data["apart"], run.generate(n=100, out=tmp_path / "plain.csv", measure=40).data
    assert told["rows"] == int((run.parts == 0).sum())
    assert told["left_out"] == told["looked"] - 100
    text = next(block.text for block in report.blocks if hasattr(block, "text"))
    assert text.startswith(f"{told['left_out']} creations of the first {told['looked']} were left out")
    nearest = [data["measured"]["nearest"]["made"]["value"] for data in (report.data, plain)]
    assert nearest[0] > nearest[1]


def test_it_says_what_is_made_by_itself(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="--at and --apart: each says what is to be made"):
        run.generate(out=tmp_path / "made.csv", apart=0.2, at="3")
    assert not (tmp_path / "made.csv").exists()


def test_creations_that_are_all_alike_are_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepwright.verbs.creation.apart.lean", lambda points, train: torch.ones(len(points)))
    with pytest.raises(Refused, match=r"of [\d,]+ creations only 0 are left, so many are alike"):
        run.generate(n=10, apart=0.2, out=tmp_path / "made.csv")


def test_pictures_and_data_that_is_gone_are_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "training_data", _gone)
    with pytest.raises(RunError, match="is gone"):
        run.generate(apart=0.2, out=tmp_path / "made.csv")
    grey = np.repeat(np.arange(0, 240, 2, dtype=np.uint8), 64).reshape(120, 8, 8)
    table = pl.DataFrame({"image": pl.Series(grey, dtype=pl.Array(pl.UInt8, (8, 8)))})
    draft = Draft()
    for one in (
        "task.kind=generate",
        "train.budget=2steps",
        "model={kind: gan, width: 4, latent: 6}",
        "train.batch=16",
    ):
        draft.set(one)
    painter = Run.load(train(draft, table, out=tmp_path).folder)
    with pytest.raises(Refused, match=r"--apart compares rows of plain columns, and the run .* creates pictures"):
        painter.generate(apart=0.2, out=tmp_path / "made")
