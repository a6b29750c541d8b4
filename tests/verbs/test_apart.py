"""Apart: creations of rows without those that lean most towards a single training row."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from deepwright.core.errors import RecipeError, Refused, RunError
from deepwright.draft import Draft
from deepwright.features import Category, Number
from deepwright.fields import Field
from deepwright.run import Run
from deepwright.verbs.creation.apart import Places, lean, usual_share
from deepwright.verbs.creation.recall import recalled
from deepwright.verbs.direction import Direction
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


def alone(numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return numbers, torch.zeros(len(numbers), 0)


def test_a_copy_leans_most_and_what_lies_between_many_rows_least() -> None:
    train = torch.cat([torch.zeros(1, 2), torch.tensor([[10.0, 0.0], [0.0, 10.0], [10.0, 10.0]]).repeat(4, 1)])
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 5.0], [10.0, 10.0]])
    # sums of differences: the tenth row from (1, 0) is (10, 10)'s group at 19; all rows are 10 from the middle
    assert lean(alone(points), alone(train)).tolist() == pytest.approx([0.0, 1 / 19, 1.0, 0.0])
    assert lean(alone(points), alone(torch.zeros(12, 2)))[0] == 1.0  # a row that many share is nobody's


def test_labels_lie_one_apart_and_missing_cells_say_nothing_of_their_value() -> None:
    age, word = pl.Series("a", [None, *map(float, range(1, 80))]), pl.Series("b", ["x", "y"] * 40)
    features = {"a": Number().fit(Number().summarise(age), "a"), "b": Category().fit(Category().summarise(word), "b")}

    def z(a: list[float | None], b: list[str]) -> dict[str, Field]:
        cells = {"a": pl.Series("a", a, dtype=pl.Float64), "b": pl.Series("b", b)}
        return {name: features[name].encode(column) for name, column in cells.items()}

    places = Places(features, z(age.to_list(), word.to_list()))
    numbers, labels = places(z([None, 40.0, 1e9], ["x", "y", "x"]))
    assert numbers[:, 0].tolist() == pytest.approx(
        [0.0, 0.0, 2.0537], abs=1e-3
    )  # the middle, and the highest rank counted
    assert numbers[:, 1].tolist() == [1.0, 0.0, 0.0]
    far = lean((numbers[:1], labels[:1]), (numbers[:2].repeat(5, 1), labels[:2].repeat(5, 1)))
    assert far.tolist() == [0.0]
    assert lean((numbers[:1], labels[:1]), (numbers[:1].repeat(10, 1), labels[1:2].repeat(10, 1))).tolist() == [1.0]


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
    run.generate(n=numbers[-1] + 1, apart=0, out=tmp_path / "all.csv", measure=0)
    made = pl.read_csv(tmp_path / "made.csv")
    assert made.equals(pl.read_csv(tmp_path / "all.csv")[list(numbers)])
    monkeypatch.setattr(Run, "training_data", _gone)
    report = Generate(reopen=tmp_path / "made.csv", out=tmp_path / "again.csv")(run)
    assert report.data["reopened"]["same"] is True


def _gone(run: Run) -> None:
    raise RunError("The data this run was trained on is gone.")


def test_it_says_how_many_were_left_out_and_measures_those_kept(run: Run, tmp_path: Path) -> None:
    report = run.generate(n=100, apart=0.5, out=tmp_path / "made.csv", measure=40)
    told, plain = report.data["apart"], run.generate(n=100, apart=0, out=tmp_path / "plain.csv", measure=40).data
    assert told["rows"] == int((run.parts == 0).sum())
    assert told["left_out"] == told["looked"] - 100
    assert told["looked"] < 300  # those of the file, whatever was made to be measured
    text = next(block.text for block in report.blocks if hasattr(block, "text"))
    assert text.startswith(f"{told['left_out']} creations of the first {told['looked']} left out")
    nearest = [data["measured"]["nearest"]["made"]["value"] for data in (report.data, plain)]
    assert nearest[0] > nearest[1]


@pytest.mark.parametrize(
    ("rows", "share"), [(9, 0.0), (10, 0.2), (1245, 0.2), (1893, 0.132), (25_000, 0.01), (25_001, 0.0)]
)
def test_the_fewer_training_rows_the_more_is_left_out(rows: int, share: float) -> None:
    assert usual_share(rows) == pytest.approx(share, abs=1e-3)


def test_where_nobody_says_the_number_of_training_rows_does(run: Run, tmp_path: Path) -> None:
    usual = kept(run, tmp_path, n=50)
    assert usual == kept(run, tmp_path, n=50, apart=0.2)
    more = Generate(reopen=tmp_path / "made.csv", n=80, out=tmp_path / "more.csv", measure=0)(run)
    assert pl.read_csv(tmp_path / "more.csv")[:50].equals(pl.read_csv(tmp_path / "made.csv"))
    assert more.data["apart"]["left_out"] > 0
    again = Generate(reopen=tmp_path / "made.csv", out=tmp_path / "again.csv", measure=0)(run)
    assert again.data["reopened"]["same"] is True
    assert recalled(tmp_path / "again.csv") == recalled(tmp_path / "made.csv")
    for settings in ({"at": "0-49"}, {"apart": 0.0, "n": 50}):
        assert run.generate(out=tmp_path / "all.csv", force=True, measure=0, **settings).data["apart"] is None
    Generate(reopen=tmp_path / "all.csv", n=60, out=tmp_path / "unsifted.csv", measure=0)(run)
    assert recalled(tmp_path / "unsifted.csv").apart == 0


@pytest.mark.parametrize("change", [{"seed": 8}, {"knobs": {"temperature": 0.5}}, {"apart": 0.0}, {"apart": 0.5}])
def test_a_file_opened_in_another_state_is_sifted_anew(run: Run, tmp_path: Path, change: dict[str, Any]) -> None:
    kept(run, tmp_path, n=30, seed=7)
    changed = Generate(reopen=tmp_path / "made.csv", out=tmp_path / "changed.csv", measure=0, **change)(run)
    assert changed.data["n"] == 30
    run.generate(out=tmp_path / "fresh.csv", measure=0, **{"n": 30, "seed": 7, **change})
    assert (tmp_path / "changed.csv").read_bytes() == (tmp_path / "fresh.csv").read_bytes()
    assert recalled(tmp_path / "changed.csv").apart == recalled(tmp_path / "fresh.csv").apart


def test_edits_move_the_rows_that_a_file_shows_and_keep_the_share_they_were_sifted_by(run: Run, tmp_path: Path) -> None:
    Direction(name="up", pca=1, samples=64, force=True)(run)
    numbers = kept(run, tmp_path, n=10, seed=7)
    Generate(reopen=tmp_path / "made.csv", edit="up=+1", out=tmp_path / "moved.csv", measure=0)(run)
    assert (recalled(tmp_path / "moved.csv").at, recalled(tmp_path / "moved.csv").apart) == (numbers, 0.0)
    run.generate(n=10, edit="up=+1", apart=0.3, out=tmp_path / "sifted.csv", measure=0)
    Generate(reopen=tmp_path / "sifted.csv", out=tmp_path / "once.csv", measure=0)(run)
    assert recalled(tmp_path / "once.csv") == recalled(tmp_path / "sifted.csv")
    Generate(reopen=tmp_path / "made.csv", apart=0.2, out=tmp_path / "same.csv", measure=0)(run)
    assert recalled(tmp_path / "same.csv").at == numbers  # the share it has already
    run.generate(at="3,9", out=tmp_path / "named.csv", measure=0)
    Generate(reopen=tmp_path / "named.csv", apart=0, out=tmp_path / "again.csv", measure=0)(run)
    assert recalled(tmp_path / "again.csv").at == (3, 9)


def test_without_the_data_nothing_is_left_out_unless_somebody_asked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(run, tmp_path, n=20)
    monkeypatch.setattr(Run, "training_data", _gone)
    data = run.generate(n=20, out=tmp_path / "all.csv", measure=0).data
    assert data["apart"] is None
    assert data["notes"] == [
        "No creation is left out for coming close to a single training row (--apart): The data this run was trained on is gone."
    ]
    with pytest.raises(RunError, match="is gone"):  # the file's rows go on with those that were left in
        Generate(reopen=tmp_path / "made.csv", n=30, out=tmp_path / "more.csv")(run)


def test_it_says_what_is_made_by_itself(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="--at and --apart: each says what is to be made"):
        run.generate(out=tmp_path / "made.csv", apart=0.2, at="3")
    assert not (tmp_path / "made.csv").exists()


@pytest.mark.parametrize(("ones", "left"), [(1.0, 0.0), (0.85, 0.15), (0.5, 0.2)])
def test_where_no_row_stands_out_nothing_is_left_out(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ones: float, left: float
) -> None:
    def leans(points: tuple[torch.Tensor, torch.Tensor], train: object) -> torch.Tensor:
        chance = torch.rand(len(points[0]), generator=torch.Generator().manual_seed(int(points[0].sum() * 1e4)))
        return torch.where(chance < ones, 1.0, 0.5)  # and the others lean alike

    monkeypatch.setattr("deepwright.verbs.creation.apart.lean", leans)
    numbers = kept(run, tmp_path, n=2000, apart=0.2)
    assert 1 - len(numbers) / (numbers[-1] + 1) == pytest.approx(left, abs=0.03)


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
