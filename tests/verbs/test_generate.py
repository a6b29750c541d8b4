"""Generate: from a folder of digits to creations that resemble them, the same for ever, with their record."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from deepwright.core.errors import DataError, Interrupted, OutputExists, RecipeError, Refused, RunError
from deepwright.core.report import Grid, Pictures, Report, Text
from deepwright.draft import Draft
from deepwright.fields import Field
from deepwright.run import Run
from deepwright.training.checkpoint import Checkpoints
from deepwright.training.events import Event, Started
from deepwright.verbs.creation.files import Place, Writer
from deepwright.verbs.creation.making import create, decode
from deepwright.verbs.creation.pictures import sheet
from deepwright.verbs.creation.recall import run_hash
from deepwright.verbs.creation.records import in_png, read_record
from deepwright.verbs.generate import Generate
from deepwright.verbs.learning import learning_report
from deepwright.verbs.report import write_report
from deepwright.verbs.resemblance import Scale, kernel_distances
from deepwright.verbs.train import Watch, resume, train
from deepwright.verbs.wishes import wish_of


def draft(source: Path, **settings: Any) -> Draft:
    made = Draft()
    for name, value in {"data.source": str(source), "model.kind": "gan", "train.budget": "20steps", **settings}.items():
        made.put(tuple(name.split(".")), value, "test")
    return made


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,797 handwritten digits of 8 × 8 pixels (Alpaydin & Kaynak 1998), with labels."""
    real = load_digits()
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(path, image=(real.images * 255 / 16).round().astype(np.uint8), label=real.target)
    return path


@pytest.fixture(scope="module")
def run(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(draft(digits, **{"train.budget": "300steps"}), out=tmp_path_factory.mktemp("runs"))


def bits(frame: pl.DataFrame) -> list[bytes]:
    return frame["image"].to_list()


def test_the_recipe_needs_no_target_and_labels_say_what_is_wanted(run: Run) -> None:
    assert run.task is None
    assert run.recipe.objective.kind == "adversarial"
    assert (list(run.features), list(run.created)) == (["image", "label"], ["image"])
    assert run.recipe.task.condition == ("label",)
    assert any(finding.text.startswith("'label' says what is to be created") for finding in run.findings)
    again = Run.load(run.folder)
    assert again.recipe == run.recipe
    assert again.task is None


def test_a_label_can_be_asked_for(run: Run, tmp_path: Path) -> None:
    threes = run.generate(n=6, out=tmp_path / "threes", label="3", measure=100)
    assert pl.read_csv(tmp_path / "threes" / "creations.csv")["label"].to_list() == [3] * 6
    assert 20 <= threes.data["measured"]["n"]["held_out"] <= 60  # of about 180 test rows, the threes
    run.generate(n=40, out=tmp_path / "any", measure=0)
    assert pl.read_csv(tmp_path / "any" / "creations.csv")["label"].n_unique() >= 8
    wish = wish_of(run, ["3"])
    made = create(run.network, 0, 0, 6, wish)
    assert decode(run, made)["image"].to_list() != bits(decode(run, create(run.network, 0, 0, 6, wish_of(run, ["5"]))))
    assert bits(decode(run, made))[4] == bits(decode(run, create(run.network, 0, 4, 1, wish)))[0]
    with pytest.raises(RecipeError, match=r"--label: 'label' knows no 'cat'\. Known: 0, 1, 2"):
        run.generate(n=1, label="cat")
    with pytest.raises(RecipeError, match="asked for twice"):
        run.generate(n=1, label=["1", "label=2"])


def test_labels_can_be_left_out_and_then_not_be_asked_for(digits: Path, tmp_path: Path) -> None:
    run = train(draft(digits, **{"task": {"condition": []}, "train.budget": "1steps"}), out=tmp_path)
    assert list(run.created) == ["image"]
    assert any(finding.text == "'gan' learns 'image'; 'label' is left out." for finding in run.findings)
    with pytest.raises(Refused, match="has learnt no labels, so none can be asked for"):
        run.generate(n=1, label="3")


def folder(place: Path, names: list[str]) -> Path:
    for number, name in enumerate(names):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(path)
    return place


def test_the_task_alone_finds_the_model_and_sub_folders_are_labels(tmp_path: Path) -> None:
    place = folder(tmp_path / "emoji", [f"{kind}/{n}.png" for kind in ("cat", "dog") for n in range(20)])
    made = Draft()
    for name, value in {"data.source": str(place), "task": "generate", "train.budget": "1steps"}.items():
        made.put(tuple(name.split(".")), value, "test")
    run = train(made, out=tmp_path / "runs")
    assert (run.recipe.model.kind, run.recipe.task.condition) == ("gan", ("label",))
    run.generate(n=2, label="dog", out=tmp_path / "dogs")
    listed = pl.read_csv(tmp_path / "dogs" / "creations.csv")
    assert listed.rows() == [("seed0-0000.png", "dog"), ("seed0-0001.png", "dog")]
    with pytest.raises(Refused, match=r"has no target, so there is nothing to predict"):
        run.predict(place)
    with pytest.raises(Refused, match=r"has no target, so there is nothing to compare"):
        run.evaluate()


def test_pictures_without_sub_folders_and_task_get_the_offer_to_generate(tmp_path: Path) -> None:
    place = folder(tmp_path / "emoji", [f"{n}.png" for n in range(4)])
    made = Draft()
    made.put(("data", "source"), str(place), "test")
    with pytest.raises(RecipeError, match=r"or make new examples like these with --task generate"):
        train(made, out=tmp_path / "runs")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model.kind": "cnn", "task": "generate"}, "the model 'cnn' answers and creates nothing"),
        ({"task": "classify"}, "the model 'gan' creates, the task 'classify' answers"),
        ({"task": {"condition": ["lable"]}}, "task.condition: there is no input column 'lable'"),
    ],
)
def test_tasks_and_models_that_contradict_each_other_are_refused(
    digits: Path, tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        train(draft(digits, **settings), out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_creations_are_made_by_the_averaged_weights(run: Run) -> None:
    last = Checkpoints(run.folder / "checkpoints").latest()
    assert last is not None
    average = last.under("average")
    assert all(torch.equal(value, average[name]) for name, value in run.network.state_dict().items())
    assert not torch.equal(average["generator.out.weight"], last.under("weights")["generator.out.weight"])


def test_creations_are_nearer_to_real_digits_than_noise_and_an_untrained_network(run: Run) -> None:
    table = run.training_data().table
    train_rows, held = (table.take(np.flatnonzero(run.parts == part), ["image"]) for part in (0, 2))
    scale = Scale(run.created, train_rows)
    torch.manual_seed(1)
    untrained = run.fresh_network().eval()
    noise = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 1), dtype=np.uint8)
    field = run.features["image"].encode(pl.Series("image", noise[..., 0]))
    others = {
        "made": decode(run, create(run.network, 0, 0, 300)), "untrained": decode(run, create(untrained, 0, 0, 300)),
        "noise": decode(run, {"image": Field(run.network.embed({"image": field})["image"].values)}),
    }  # fmt: skip
    flat = {name: scale(frame) for name, frame in others.items()}
    flat["mean"] = torch.zeros_like(flat["made"])
    found, _ = kernel_distances(scale(held), flat, torch.Generator().manual_seed(0))
    assert found["made"] < 0.05 * min(found["noise"], found["untrained"]), found
    assert found["made"] < 0.6 * found["mean"], found


def test_the_report_has_pictures_figures_and_their_floor(run: Run, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    report = run.generate(n=5, seed=7, out=tmp_path / "new")
    assert all(torch.equal(value, before[name]) for name, value in run.network.state_dict().items())
    assert Report.from_dict(report.to_dict()) == report
    data = report.data
    assert data["version"] == 1
    assert data["files"] == [
        *(f"seed7-{k:04d}.png" for k in range(5)),
        "sheet.png",
        "creations.csv",
        "creations.csv.record.json",
    ]
    measured = data["measured"]
    assert measured["n"] == {"made": 359, "held_out": 359, "training": 1168}
    distance = measured["distance"]
    assert abs(distance["real"]["value"]) < distance["made"]["value"] < distance["mean"]["value"]
    assert all(figure["low"] <= figure["value"] <= figure["high"] for figure in measured["nearest"].values())
    assert measured["chance"]["made"] < 0.05 < measured["chance"]["real"]
    likeness = measured["likeness"]
    assert (likeness["n"], likeness["columns"], likeness["extractor"], likeness["k"]) == (
        359,
        112,
        "random convolutions",
        5,
    )
    assert len(likeness["hash"]) == 12
    sets = likeness["sets"]
    assert set(sets) == {"made", "real", "blurred", "noise", "principal", "mixed"}
    assert all(figures["frechet"] is None for figures in sets.values())  # 359 rows are too few for 112 columns
    for figure in ("kernel", "sliced"):
        assert sets["real"][figure] < sets["made"][figure] < sets["blurred"][figure] < sets["noise"][figure], figure
    assert sets["noise"]["coverage"] == 0 < sets["made"]["coverage"] < sets["real"]["coverage"]
    assert sets["made"]["closer"] < 0.6 < 0.9 < sets["mixed"]["closer"]
    assert 0.4 < sets["real"]["closer"] < 0.6
    (pictures,) = (block for block in report.blocks if isinstance(block, Pictures))
    assert len(pictures.images) == 5
    assert pictures.alts[3] == "Creation 3 of seed 7"
    grid, far, where = [block for block in report.blocks if isinstance(block, Grid)][-3:]
    assert far.columns == ("", "Fréchet", "kernel", "sliced Wasserstein")
    assert where.columns[-1] == "closer to training"
    assert "The Fréchet distance needs 10 rows a column, 1120 here: left out" in far.note
    assert [row[0] for row in grid.rows] == [
        "creations",
        "training examples",
        "held-out examples",
        "their mean, repeated",
    ]
    assert data["verdict"].startswith("The creations can be told from real examples")


def test_a_creation_has_the_same_bytes_however_many_are_made(run: Run, tmp_path: Path) -> None:
    for n in (4, 8, 70):
        run.generate(n=n, seed=3, out=tmp_path / str(n), measure=0)
    for k in range(4):
        name = f"seed3-{k:04d}.png"
        assert len({(tmp_path / str(n) / name).read_bytes() for n in (4, 8, 70)}) == 1
    whole = bits(decode(run, create(run.network, 3, 0, 70)))
    assert bits(decode(run, create(run.network, 3, 30, 37))) == whole[30:67]
    assert len(set(whole)) == 70
    assert bits(decode(run, create(run.network, 4, 0, 70))) != whole


def test_files_carry_their_record_and_are_whole_pictures(run: Run, tmp_path: Path) -> None:
    run.generate(n=3, seed=2, out=tmp_path / "new", measure=0)
    record = read_record(tmp_path / "new" / "seed2-0001.png")
    assert (record["run"], record["number"]) == (run_hash(run.folder), 1)
    assert record["state"] == {"seed": 2, "knobs": run.network.knobs().model_dump()}
    assert not {str(tmp_path), run.name, "digits"} & set(str(record).replace("'", " ").split())
    with Image.open(tmp_path / "new" / "seed2-0001.png") as picture:
        picture.verify()
        assert picture.size == (8, 8)
    plain = bits(decode(run, create(run.network, 2, 0, 2)))[1]
    assert in_png(plain, record) == (tmp_path / "new" / "seed2-0001.png").read_bytes()
    assert read_record(tmp_path / "new" / "sheet.png")["n"] == 3
    (tmp_path / "plain.png").write_bytes(plain)
    with pytest.raises(DataError, match="carries no record"):
        read_record(tmp_path / "plain.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match="is no creation that can be opened again"):
        read_record(tmp_path / "text.png")


def test_records_hold_any_sign(run: Run, tmp_path: Path) -> None:
    plain = bits(decode(run, create(run.network, 2, 0, 1)))[0]
    (tmp_path / "a.png").write_bytes(in_png(plain, {"run": "Möwe 鳥"}))
    assert read_record(tmp_path / "a.png") == {"run": "Möwe 鳥"}


def test_without_a_place_each_call_gets_a_folder_of_its_own(run: Run) -> None:
    first, second = (Path(run.generate(n=1, measure=0).data["folder"]) for _ in range(2))
    assert first.parent == second.parent == run.folder / "creations"
    assert int(second.name) == int(first.name) + 1


def test_a_taken_place_is_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputExists, match=r"nothing was written\. Use --force"):
        run.generate(n=1, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    run.generate(n=1, out=tmp_path, force=True, measure=0)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "sheet.png").exists()


def test_without_the_training_data_there_are_creations_and_a_note(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    def gone() -> None:
        raise RunError("The data this run was trained on is gone.")

    monkeypatch.setattr(run, "training_data", gone)
    report = run.generate(n=2, out=tmp_path / "new")
    assert report.data["measured"] is None
    assert report.data["notes"] == ["Nothing could be measured: The data this run was trained on is gone."]
    assert (tmp_path / "new" / "seed0-0001.png").exists()


def test_a_run_that_answers_is_refused() -> None:
    answering = SimpleNamespace(name="cars-1", recipe=SimpleNamespace(model=SimpleNamespace(learns="target")))
    with pytest.raises(Refused, match=r"The run cars-1 answers, it does not create\. Train one .* --task generate\."):
        Generate().check(answering)  # type: ignore[arg-type]


def test_a_target_is_refused_before_training(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="creates inputs and answers nothing; leave the target 'label' out"):
        train(draft(digits, target=["label"]), out=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("columns", [["a", "b"], ["b"]])
def test_a_gan_creates_rows_of_numbers_and_labels(tmp_path: Path, columns: list[str]) -> None:
    chance = np.random.default_rng(0)
    frame = pl.DataFrame({"a": chance.normal(size=300), "b": chance.choice(["x", "y", "z"], 300)}).select(columns)
    frame.write_csv(tmp_path / "plain.csv")
    made = train(draft(tmp_path / "plain.csv"), out=tmp_path / "runs")
    rows = decode(made, create(made.network, 7, 0, 50))
    assert rows.columns == columns
    assert set(rows["b"]) <= {"x", "y", "z"}
    if "a" in columns:
        assert frame["a"].min() <= rows["a"].min() <= rows["a"].max() <= frame["a"].max()
    assert {"coverage", "duplicates"} <= next(e for e in made.events() if e["event"] == "checked")["figures"].keys()


@pytest.mark.parametrize("step", [1, 13])
def test_an_interrupted_training_goes_on_to_the_same_bits(
    digits: Path, tmp_path: Path, step: int, monkeypatch: Any
) -> None:
    whole = train(draft(digits), out=tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr("deepwright.training.loop.interrupts", lambda: _Stop(step))
        with pytest.raises(Interrupted) as stop:
            train(draft(digits), out=tmp_path / "parts")
    assert f"Stopped at step {step} of 20" in str(stop.value)
    resumed = resume(next((tmp_path / "parts").iterdir()))
    wanted, found = (load_file(one.folder / "weights.safetensors") for one in (whole, resumed))
    assert wanted.keys() == found.keys()
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


@dataclass
class _Stop:
    """What the loop asks after every step; says yes after some."""

    after: int

    def __enter__(self) -> "_Stop":
        return self

    def __exit__(self, *_: object) -> None: ...

    def is_set(self) -> bool:
        self.after -= 1
        return self.after <= 0


def test_the_report_of_a_training_shows_every_player(run: Run) -> None:
    titles = {block.title: block for block in learning_report(run).blocks if hasattr(block, "title")}
    assert [line.name for line in titles["Learning curve"].series] == ["discriminator", "generator"]  # type: ignore[union-attr]
    assert {"Discriminator accuracy", "Discriminator penalty"} <= titles.keys()
    page = write_report(run).read_text(encoding="utf-8")
    assert "Discriminator accuracy" in page


def test_no_budget_means_ten_minutes(digits: Path, tmp_path: Path) -> None:
    made = draft(digits)
    made.value["train"] = {}
    seen: list[Run] = []

    class Enough(BaseException): ...

    def enough(event: Event) -> None:
        if isinstance(event, Started):
            raise Enough

    with pytest.raises(Enough):
        train(made, out=tmp_path, watch=Watch(enough, run=seen.append))
    assert str(seen[0].recipe.train.budget) == "10min"


def written(folder: Path, frame: pl.DataFrame) -> list[str]:
    writer = Writer(Place(folder), "seed1", {"format": 1})
    writer.take(range(frame.height), frame)
    return writer.finish({"n": frame.height})


def test_columns_of_cells_become_a_table(tmp_path: Path, run: Run) -> None:
    cells = pl.DataFrame({"age": [31.5, 40.0], "town": ["Bern", None]})
    assert written(tmp_path, cells) == ["creations.csv", "creations.csv.record.json"]
    assert pl.read_csv(tmp_path / "creations.csv").equals(cells)
    two = pl.DataFrame({"a": bits(decode(run, create(run.network, 1, 0, 2))), "b": [None, None], "c": [1, 2]},
                       schema_overrides={"b": pl.Binary})  # fmt: skip
    names = ["seed1-0000-0.png", "seed1-0001-0.png", "sheet-0.png", "sheet-1.png", "creations.csv"]
    assert written(tmp_path / "two", two) == [*names, "creations.csv.record.json"]


def test_a_sheet_shows_pictures_in_reading_order(tmp_path: Path) -> None:
    def plain(shade: int) -> bytes:
        out = tmp_path / "one.png"
        Image.new("L", (4, 4), shade).save(out)
        return out.read_bytes()

    (tmp_path / "sheet.png").write_bytes(sheet([plain(10), None, plain(30)]))
    with Image.open(tmp_path / "sheet.png") as whole:
        assert whole.size == (2 * 66 + 2, 2 * 66 + 2)
        assert [whole.getpixel((30 + 66 * x, 30 + 66 * y)) for y in (0, 1) for x in (0, 1)] == [10, 128, 30, 128]


def test_tone_of_notes_stands_out(run: Run, tmp_path: Path) -> None:
    texts = [block for block in run.generate(n=1, out=tmp_path / "x").blocks if isinstance(block, Text)]
    assert [text.tone for text in texts][:3] == ["plain", "warning", "good"]
