"""Creations of a network that has learnt transparency: files that are transparent, sheets that show it, scores that cope."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.verbs.creation.pictures import moving, sheet, still
from deepwright.verbs.generate import Generate
from deepwright.verbs.train import train
from tests.features.test_transparency import encoded, stickers


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("data")
    for number, pixels in enumerate(stickers(160, 8)):
        Image.fromarray(pixels).save(folder / f"{number:03d}.webp", lossless=True)
    draft = Draft()
    for one in (f"data.source={folder}", "task=generate", "model={kind: gan, width: 4, latent: 6}", "train.budget=20steps",
                "train.batch=16", "image.alpha=keep"):  # fmt: skip
        draft.set(one)
    return Run.load(train(draft, out=tmp_path_factory.mktemp("runs")).folder)


def test_creations_are_transparent_files(run: Run, tmp_path: Path) -> None:
    assert run.created["image"].space.shape == (8, 8, 4)  # type: ignore[union-attr]
    Generate(n=4, out=tmp_path / "many")(run)
    Generate(n=1, out=tmp_path / "one.webp")(run)
    alphas = []
    for path in (tmp_path / "many" / "seed0-0000.png", tmp_path / "one.webp"):
        with Image.open(path) as picture:
            assert picture.mode == "RGBA"
            alphas.append(np.asarray(picture)[..., 3])
    assert np.array_equal(*alphas)
    assert len(np.unique(alphas[0])) > 4
    for path in (tmp_path / "many" / "sheet.png", run.folder / "seen.png", *(run.folder / "lapse").glob("*.png")):
        with Image.open(path) as picture:
            assert picture.mode == "RGB"


def test_sheets_have_a_chequered_ground() -> None:
    clear, solid = np.zeros((32, 32, 4), np.uint8), np.full((32, 32, 4), (200, 0, 0, 255), np.uint8)
    with Image.open(BytesIO(sheet([encoded(clear), encoded(solid)]))) as picture:
        pixels = np.asarray(picture)
    inside = pixels[2:66, 2:66]
    assert {tuple(one) for one in inside.reshape(-1, 3).tolist()} == {(204, 204, 204), (242, 242, 242)}
    assert tuple(inside[0, 0]) == (242, 242, 242)
    assert tuple(inside[0, 8]) == (204, 204, 204)
    assert (pixels[2:66, 68:132] == (200, 0, 0)).all()


def test_walks_are_transparent_where_the_format_can() -> None:
    frames = [encoded(one) for one in stickers(3, 8)]
    with Image.open(BytesIO(moving(frames, ".webp", 10, None))) as walk:
        for number, frame in enumerate(frames):
            walk.seek(number)
            with Image.open(BytesIO(frame)) as picture:
                expected = np.asarray(picture.convert("RGBA").resize(walk.size, Image.Resampling.NEAREST))
            assert np.array_equal(np.asarray(walk.convert("RGBA"))[..., 3], expected[..., 3])
    with Image.open(BytesIO(moving(frames, ".gif", 10, None))) as walk:
        assert walk.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    with Image.open(BytesIO(still(frames[0], ".webp", {"format": 1}))) as picture:
        assert picture.mode == "RGBA"


def test_scores_cope(run: Run, tmp_path: Path) -> None:
    report = Generate(n=2, out=tmp_path / "some")(run)
    sets = report.data["measured"]["likeness"]["sets"]
    assert {"made", "real", "blurred", "noise"} <= set(sets)
    assert sets["real"]["kernel"] < sets["noise"]["kernel"]
    assert np.isfinite([sets[name]["sliced"] for name in sets]).all()
