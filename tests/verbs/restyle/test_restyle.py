"""Restyle, end to end on small pictures: what moves over, what stays, what is written, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import deepwright as dw
from deepwright.core.errors import DataError, InputError, OutputExists, RecipeError
from deepwright.models.layers.colours import recoloured
from deepwright.verbs.creation.recall import recalled
from deepwright.verbs.creation.records import read_record
from deepwright.verbs.restyle import laying
from deepwright.verbs.restyle.laying import drawn, laid
from deepwright.verbs.restyle.scales import scaled_to, sides
from deepwright.verbs.restyle.settings import Knobs
from tests.cli.conftest import invoke

QUICK = {"size": 32, "coarsest": 16, "steps": 12, "patch": 5}


def stripes(side: int = 32) -> np.ndarray:
    """Red and blue stripes, three pixels wide."""
    red = np.arange(side)[:, None] // 3 % 2 == 0
    return np.where(np.broadcast_to(red[..., None], (side, side, 3)), [210, 40, 30], [20, 30, 180]).astype(np.uint8)


def scene(height: int = 24, width: int = 32) -> np.ndarray:
    """A bright disc before a dark slope, all of it greenish."""
    y, x = np.mgrid[:height, :width]
    disc = (y - height / 2) ** 2 + (x - width / 3) ** 2 < 49
    grey = np.where(disc, 220, 40 + x)
    return np.stack([grey // 2, grey, grey // 3], 2).astype(np.uint8)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(scene()).save("photo.png")
    Image.fromarray(stripes()).save("painting.png")
    return tmp_path


def made(out: str = "out.png", **given: object) -> dw.Report:
    given = {"content": "photo.png", "style": "painting.png", "quiet": True, **QUICK, **given}
    return dw.restyle(out=out, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("method", "steps"), [("nearest", 3), ("sliced", 30)])
def test_the_style_moves_over_and_the_layout_stays(pictures: Path, method: str, steps: int) -> None:
    if method == "nearest":  # strokes take room, and are to be had dark and bright
        Image.fromarray(scene()).resize((128, 96)).save("photo.png")
        shade = np.linspace(0.2, 1, 128)[:, None]
        Image.fromarray((stripes(128) * shade).astype(np.uint8)).save("painting.png")
    report = made(method=method, steps=steps, size=128, coarsest=32 if method == "nearest" else 16)
    distance, layout = report.data["distance"], report.data["layout"]
    assert distance["after"] < 0.5 * distance["before"]
    assert distance["after"] < distance["recoloured"]
    assert layout["result"] > 0.6 > abs(layout["style"])
    with Image.open("out.png") as image:
        assert (image.size, image.mode) == ((128, 96) if method == "nearest" else (32, 24), "RGB")
    shown = [block for block in report.blocks if block.block == "pictures"]
    assert [one.captions for one in shown] == [("content", "style", "result")]  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["nearest", "sliced"])
def test_the_same_seed_gives_the_same_bytes_and_another_others(pictures: Path, method: str) -> None:
    for name, seed in (("a.png", 3), ("b.png", 3), ("c.png", 4)):
        made(name, seed=seed, method=method)
    first, again, other = (Path(name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert first == again != other


def test_the_record_says_how_and_holds_no_path(pictures: Path) -> None:
    report = made(seed=5)
    record = read_record(Path("out.png"))
    assert record == json.loads(json.dumps(report.data["record"]))
    assert (record["verb"], record["seed"], record["knobs"]["size"]) == ("restyle", 5, 32)
    assert "photo" not in json.dumps(record)
    assert "painting" not in json.dumps(record)
    made("plain.png", record=False)
    with pytest.raises(DataError, match="carries no record"):
        read_record(Path("plain.png"))
    with pytest.raises(DataError, match="deepwright restyle"):
        recalled(Path("out.png"))


def test_turned_transparent_grey_and_deep_pictures(pictures: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    Image.fromarray(scene()).save("turned.jpg", exif=exif)
    assert (made("a.png", content="turned.jpg").data["width"], made("b.png").data["width"]) == (24, 32)
    alpha = np.full((24, 32, 1), 255, np.uint8)
    alpha[:6] = 0
    Image.fromarray(np.concatenate([scene(), alpha], 2)).save("cut.png")
    report = made("c.webp", content="cut.png")
    with Image.open("c.webp") as image:
        assert image.mode == "RGBA"
        assert np.array_equal(np.asarray(image)[..., 3], alpha[..., 0])
    assert any("transparent" in note for note in report.data["notes"])
    assert any("over white" in note for note in made("d.png", style="cut.png").data["notes"])
    Image.fromarray(scene()[..., 1]).save("grey.png")
    Image.fromarray(scene()[..., 1].astype(np.uint16) * 256).save("deep.png")
    for place, name in enumerate(("grey.png", "deep.png")):
        assert made(f"{place}.png", content=name).data["distance"]["after"] > 0


def test_a_style_of_one_colour_gives_that_colour(pictures: Path) -> None:
    Image.new("RGB", (32, 32), (200, 100, 50)).save("one.png")
    report = made(style="one.png", strength=1.0, steps=40)
    assert any("one colour" in note for note in report.data["notes"])
    with Image.open("out.png") as image:
        assert np.abs(np.asarray(image).astype(int) - [200, 100, 50]).max() <= 12


def test_colours_are_carried_over_in_closed_form() -> None:
    torch.manual_seed(0)
    content, style = 0.3 + 0.2 * torch.rand(1, 3, 20, 20), 0.4 + 0.1 * torch.rand(1, 3, 9, 9)
    style[:, 1] = 0.5 * style[:, 0] + 0.2
    found = recoloured(content, style).flatten(2)[0]
    torch.testing.assert_close(found.mean(1), style.flatten(2)[0].mean(1), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.cov(found), torch.cov(style.flatten(2)[0]), atol=5e-5, rtol=0)


def test_scales_are_halves_that_hold_two_patches() -> None:
    knobs = Knobs(coarsest=64)
    assert sides(torch.zeros(1, 3, 384, 512), knobs) == [64, 128, 256, 512]
    assert sides(torch.zeros(1, 3, 20, 512), knobs) == [512]
    assert scaled_to(torch.zeros(1, 3, 30, 40), 20).shape == (1, 3, 15, 20)
    assert scaled_to(torch.zeros(1, 3, 30, 400), 40, least=7).shape == (1, 3, 7, 93)
    assert scaled_to(torch.zeros(1, 3, 30, 40), 80).shape == (1, 3, 30, 40)


def test_where_nothing_is_drawn_what_is_laid_is_the_style() -> None:
    """A flat picture in the mean colour of red and blue stripes becomes red and blue, with hardly anything between."""
    style = torch.from_numpy(stripes(64)).permute(2, 0, 1)[None] / 255
    plain = style.mean((2, 3), keepdim=True).expand(1, 3, 32, 40).contiguous()
    told: list[tuple[int, int, float]] = []
    found = laid(plain, style, Knobs(size=40, patch=5, coarsest=40, strength=1.0), 0, lambda *done: told.append(done))
    rounds, shares = [step[:2] for step in told], [step[2] for step in told]
    assert rounds == [(place + 1, 9) for place in range(9)]  # three sides of patches, three rounds each
    assert shares == sorted(shares)
    assert shares[-1] == 1
    red = style[0, :, :3].mean((1, 2))
    blue = style[0, :, 3:6].mean((1, 2))
    share = ((found[0] - blue[:, None, None]) * (red - blue)[:, None, None]).sum(0) / (red - blue).square().sum()
    assert float(((share < 0.25) | (share > 0.75)).float().mean()) > 0.6
    assert 0.4 < float(share.mean()) < 0.6


def test_what_is_drawn_is_where_brightness_changes() -> None:
    picture = torch.zeros(1, 3, 60, 80)
    picture[..., 40:] = 1
    found = drawn(picture)
    assert found.shape == (1, 1, 60, 80)
    assert float(found[..., 39].min()) == 1.0
    assert float(found[..., :30].max()) == float(found[..., 50:].max()) == 0.0
    assert float(drawn(torch.full((1, 3, 20, 20), 0.5)).max()) == 0.0


def test_what_cannot_be_read_is_a_sentence(pictures: Path) -> None:
    for name, content in {
        "broken.png": Path("photo.png").read_bytes()[:90], "empty.png": b"", "text.jpg": b"hello", "a.heic": b"x",
        "b.jpg": b"\0\0\0\x18ftypheic", "c.svg": b"<svg/>", "d.psd": b"8BPS", "e.jpg": b"8BPS\0\1",
    }.items():  # fmt: skip
        Path(name).write_bytes(content)
    Image.fromarray(scene(3, 32)).save("flat.png")
    told = {
        "missing.png": "There is no file", "broken.png": "cut short or broken", "empty.png": "empty",
        "text.jpg": "no picture", "a.heic": "HEIC is not supported", "b.jpg": "HEIC is not supported",
        "c.svg": "SVG is not supported", "d.psd": "PSD is not supported", "e.jpg": "PSD is not supported",
        "flat.png": "32 × 3 pixels",
    }  # fmt: skip
    for name, words in told.items():
        for content, style in ((name, "painting.png"), ("photo.png", name)):
            said = invoke("restyle", content, "--style", style, "--set", "patch=5", "-o", "never.png")
            said.refused(words)
    invoke("restyle", ".", "--style", "painting.png", "-o", "never.png").refused(
        "restyles one picture", "train PHOTOS --style"
    )
    invoke("restyle", "photo.png", "--style", ".", "-o", "never.png").refused("is a folder")
    assert not Path("never.png").exists()


def test_wrong_knobs_and_places_are_sentences(pictures: Path) -> None:
    words = ("restyle", "photo.png", "--style", "painting.png")
    invoke(*words, "--set", "stepz=4").refused("--set stepz", "steps")
    invoke(*words, "--set", "strength=0").refused("--set strength")
    invoke(*words, "--set", "size=big").refused("--set size")
    invoke(*words, "-o", "out.jpg").refused("out.jpg", ".png or .webp")
    invoke(*words, "-o", ".").refused("is a folder")
    Path("out.png").write_bytes(b"mine")
    invoke(*words, "-o", "out.png").refused("exists already; nothing was written")
    assert Path("out.png").read_bytes() == b"mine"
    for name in ("filters", "rate"):  # a knob that would do nothing
        with pytest.raises(RecipeError, match=f"{name} does nothing with method=nearest"):
            made(**{name: 1})  # type: ignore[arg-type]
    assert made("sliced.png", method="sliced", filters=4).data["knobs"]["filters"] == 4
    with pytest.raises(RecipeError, match="needs method=sliced"):
        made(method="nearest", features="painting.png")
    with pytest.raises(RecipeError, match="stepz"):
        made(stepz=4)
    with pytest.raises(OutputExists):
        made("out.png")
    with pytest.raises(InputError):
        made("out.tiff")


def test_the_command_writes_the_file_a_page_and_json(pictures: Path) -> None:
    sets = [word for name, value in QUICK.items() for word in ("--set", f"{name}={value}")]
    said = invoke(
        "restyle", "photo.png", "--style", "painting.png", *sets, "--json", "--quiet", "--report", "page.html"
    )
    assert (said.code, said.err) == (0, "")
    told = json.loads(said.out)
    assert told["file"] == "photo-as-painting.png"
    assert told["distance"].keys() == {"before", "recoloured", "after", "floor"}
    assert Path("page.html").read_text(encoding="utf-8").count("data:image/png") >= 3
    shown = invoke("restyle", "photo.png", "--style", "painting.png", *sets, "-o", "two.png")
    assert (shown.code, "patch distance" in shown.out) == (0, True)
    assert Path("two.png").read_bytes() == Path("photo-as-painting.png").read_bytes()


def test_a_picture_cut_into_bands_is_laid_as_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    content, style = torch.rand(1, 3, 40, 50), torch.rand(1, 3, 30, 30)
    knobs = Knobs(size=50, patch=5, coarsest=50, steps=1)
    whole = laid(content, style, knobs, 0)
    monkeypatch.setattr(laying, "_CUT", 30)
    monkeypatch.setattr(laying, "_AT_ONCE", 500)
    torch.testing.assert_close(laid(content, style, knobs, 0), whole, atol=1e-4, rtol=0)
