"""A style learnt from a folder, end to end: trained, killed and resumed without the painting, then given to other pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import deepwright as dw
from deepwright.core.errors import DataError, OutputExists
from deepwright.data.sources.pictures import TEXT
from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.verbs.creation.recall import recalled
from deepwright.verbs.creation.records import read_record
from deepwright.verbs.learning import learning_report
from deepwright.verbs.reproduce.reproduce import reproduce
from deepwright.verbs.train import Watch, resume, train
from tests.cli.conftest import invoke

STEPS = 12


def scene(number: int, height: int = 40, width: int = 48) -> np.ndarray:
    """A disc somewhere before a slope."""
    y, x = np.mgrid[:height, :width]
    disc = (y - 8 - number % 24) ** 2 + (x - 8 - 5 * number % 32) ** 2 < 60
    grey = np.where(disc, 220, 40 + 2 * x)
    return np.stack([grey // 2, grey, grey // 3], 2).astype(np.uint8)


def stripes(side: int = 40) -> np.ndarray:
    red = np.arange(side)[:, None] // 3 % 2 == 0
    return np.where(np.broadcast_to(red[..., None], (side, side, 3)), [210, 40, 30], [20, 30, 180]).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photographs in two sub-folders, with a painting beside it."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    for number in range(12):
        place = folder / ("summer" if number % 2 else "winter")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene(number)).save(place / f"{number:02d}.png")
    Image.fromarray(stripes()).save(folder.parent / "painting.png")
    return folder


def draft(photos: Path, painting: Path, **more: Any) -> Draft:
    made = Draft()
    settings = {
        "data.source": str(photos), "model.kind": "stylist", "model.style": str(painting), "model.width": 4, "model.blocks": 1,
        "train.budget": f"{STEPS}steps", "train.checkpoint_seconds": 1e-6, "objective.crop": 32, **more,
    }  # fmt: skip
    for name, value in settings.items():
        made.put(tuple(name.split(".")), value, "the test")
    made.settle_budget()
    return made


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.load(train(draft(photos, photos.parent / "painting.png"), out=tmp_path_factory.mktemp("runs")).folder)


def test_the_run_is_an_ordinary_one_and_holds_the_style(run: Run) -> None:
    assert run.state == "finished"
    assert run.recipe.model is not None
    assert run.recipe.model.style.startswith(TEXT)
    assert run.network.style.shape == (1, 3, 40, 40)
    assert "painting" not in (run.folder / "recipe.yaml").read_text(encoding="utf-8")
    assert run.features["image"].space.shape == (40, 48, 3)  # type: ignore[union-attr]
    assert any("'label' is left out" in finding.text for finding in run.findings)  # sub-folders are no wishes
    assert len(list((run.folder / "lapse").glob("*.png"))) == 5
    assert any(block.block == "pictures" for block in learning_report(run).blocks)


@pytest.mark.parametrize("saved", [1e-6, 1e6], ids=["from a checkpoint", "from the start"])
def test_killed_it_goes_on_to_the_same_bits_without_the_painting(
    photos: Path, run: Run, tmp_path: Path, saved: float
) -> None:
    painting = tmp_path / "mine.png"
    painting.write_bytes((photos.parent / "painting.png").read_bytes())

    def event(told: Any) -> None:
        if getattr(told, "step", 0) == 6:
            raise OSError("killed")

    with pytest.raises(OSError, match="killed"):
        train(draft(photos, painting, **{"train.checkpoint_seconds": saved}), out=tmp_path, watch=Watch(event))
    painting.unlink()
    again = resume(tmp_path / "photos-1")
    ours, theirs = again.network.state_dict(), run.network.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_it_is_reproduced_without_the_painting(photos: Path, tmp_path: Path) -> None:
    painting = tmp_path / "mine.png"
    painting.write_bytes((photos.parent / "painting.png").read_bytes())
    made = train(draft(photos, painting), out=tmp_path)
    painting.unlink()
    assert reproduce(Run.load(made.folder), out=tmp_path).data["equal"]


def test_pictures_of_any_size_are_restyled_in_one_pass(run: Run, tmp_path: Path) -> None:
    content = tmp_path / "photo.png"
    Image.fromarray(scene(3, 70, 51)).save(content)
    report = dw.restyle(content, run=run, out=tmp_path / "a.png", quiet=True)
    dw.restyle(content, run=run.folder, out=tmp_path / "b.png", quiet=True)
    dw.restyle(content, run=run, out=tmp_path / "c.png", seed=4, quiet=True)
    dw.restyle(content, run=run, out=tmp_path / "d.webp", size=35, quiet=True)
    first, again, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == again != other
    with Image.open(tmp_path / "a.png") as image, Image.open(tmp_path / "d.webp") as small:
        assert (image.size, image.mode, small.size) == ((51, 70), "RGB", (26, 35))
    (made,) = report.data["made"]
    assert made["distance"]["after"] < 0.9 * made["distance"]["before"]
    record = read_record(tmp_path / "a.png")
    assert (record["verb"], record["seed"], record["knobs"]) == ("restyle", 0, {"size": 1024})
    assert "photo" not in str(record)
    with pytest.raises(
        DataError, match="restyle' by a run from a picture of yours; with the same run and picture, seed"
    ):
        recalled(tmp_path / "a.png")


def test_a_transparent_picture_keeps_its_transparency(run: Run, tmp_path: Path) -> None:
    alpha = np.full((40, 48, 1), 255, np.uint8)
    alpha[:9] = 0
    Image.fromarray(np.concatenate([scene(1), alpha], 2)).save(tmp_path / "cut.png")
    dw.restyle(tmp_path / "cut.png", run=run, out=tmp_path / "out.png", quiet=True)
    with Image.open(tmp_path / "out.png") as image:
        assert np.array_equal(np.asarray(image)[..., 3], alpha[..., 0])


def test_folders_and_several_pictures_go_to_a_folder(run: Run, photos: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    Image.fromarray(scene(5)).save("a.png")
    Image.fromarray(scene(6)).save("a.jpg")
    said = invoke("restyle", "a.png", "a.jpg", photos, "--with", run.folder, "-o", "out", "--report", "page.html")
    assert (said.code, "14 pictures" in said.out) == (0, True)
    made = sorted(str(path.relative_to("out")) for path in Path("out").rglob("*.png"))
    assert made[:3] == ["a.jpg.png", "a.png", "summer/01.png"]
    assert len(made) == 14
    assert Path("page.html").read_text(encoding="utf-8").count("data:image/png") == 16  # eight pairs
    (Path("broken")).mkdir()
    Path("broken/b.png").write_bytes(b"no picture")
    said = invoke("restyle", "a.png", "broken", "--with", run.folder, "-o", "more")
    assert (said.code, "cannot be read" in said.out) == (0, True)
    assert [path.name for path in Path("more").iterdir()] == ["a.png"]


def test_what_cannot_be_done_is_a_sentence(run: Run, photos: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    Image.fromarray(scene(5)).save("a.png")
    Path("empty").mkdir()
    invoke("restyle", "a.png").refused("either --style PICTURE or --with RUN")
    invoke("restyle", "a.png", "--with", run.folder, "--style", "a.png").refused("either --style")
    invoke("restyle", "a.png", "--with", run.folder, "--features", run.folder).refused("--features belongs to --style")
    invoke("restyle", "a.png", "a.png", "--style", "a.png").refused("these are several pictures; --style restyles one")
    invoke("restyle", "a.png", "--with", run.folder, "--set", "strength=1").refused("--set strength", "size")
    invoke("restyle", "gone.png", "--with", run.folder).refused("There is no file gone.png")
    invoke("restyle", "empty", "--with", run.folder).refused("holds no pictures")
    invoke("restyle", photos, "--with", run.folder, "-o", "one.png").refused("several pictures go to a folder")
    invoke("restyle", "a.png", "--with", "nowhere").refused("nowhere")
    invoke("train", photos, "--style", "gone.png", "--budget", "2steps").refused("There is no file gone.png")
    invoke("train", run.folder, "--branch", "4", "--style", "a.png").refused("keeps the style of its run")
    dw.restyle("a.png", run=run, quiet=True)
    assert Path(f"a-as-{run.name}.png").exists()
    with pytest.raises(OutputExists):
        dw.restyle("a.png", run=run, quiet=True)
    Image.fromarray(scene(5, 4, 40)).save("flat.png")
    with pytest.raises(DataError, match="must have at least 8"):
        dw.restyle("flat.png", run=run, quiet=True)


def test_a_run_that_restyles_nothing_is_refused(photos: Path, tmp_path: Path) -> None:
    other = dw.train(photos, task="generate", model="automaton", budget="2steps", out=tmp_path, quiet=True,
                     settings={"task.condition": [], "image.size": 16})  # fmt: skip
    Image.fromarray(scene(5)).save(tmp_path / "a.png")
    said = invoke("restyle", tmp_path / "a.png", "--with", other.folder)
    said.refused("the model 'automaton', which restyles nothing", "train PHOTOS --style PAINTING")


def test_the_command_learns_a_style(photos: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    small = ("--set", "model.width=4", "--set", "objective.crop=24", "--budget", "3steps")
    said = invoke("train", photos, "--style", photos.parent / "painting.png", *small)
    assert said.code == 0
    assert "deepwright restyle PHOTO --with runs/photos-1 -o out.png" in said.out
    recipe = Run.load("runs/photos-1").recipe
    assert recipe.model is not None
    assert (recipe.model.kind, recipe.model.side) == ("stylist", 256)
    again = dw.train(photos, style=photos.parent / "painting.png", budget="2steps", out="more", quiet=True,
                     settings={"model.width": 4})  # fmt: skip
    assert again.recipe.model.style == recipe.model.style


def test_creations_are_examples_in_the_style_and_not_measured(run: Run, tmp_path: Path) -> None:
    report = run.generate(n=3, out=tmp_path / "made")
    assert len(list((tmp_path / "made").glob("*.png"))) >= 3
    assert any("unlike them on purpose" in getattr(block, "text", "") for block in report.blocks)
