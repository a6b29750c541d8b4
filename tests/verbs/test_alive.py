"""Textures from one picture: trained from a file, made of any size, and alive on a page of its own."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepwright.contracts import Rule
from deepwright.core.errors import DataError, InputError, OutputExists, RecipeError, Refused
from deepwright.draft import Draft
from deepwright.draw import Draw
from deepwright.models.layers.cells import Cells
from deepwright.run import Run
from deepwright.verbs.creation.alive import alive, bring_to_life
from deepwright.verbs.generate import Generate
from deepwright.verbs.train import train
from tests.cli.conftest import invoke
from tests.page.browser import Browser, chromium


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orange dots on blue, 64 × 64."""
    y, x = np.mgrid[:64, :64] % 8 - 4
    dots = np.where((x**2 + y**2 < 8)[..., None], (240, 150, 30), (20, 60, 140)).astype(np.uint8)
    path = tmp_path_factory.mktemp("texture") / "dots.png"
    Image.fromarray(dots).save(path)
    return path


@pytest.fixture(scope="module")
def run(picture: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    draft = Draft()
    for one in ("model={kind: automaton, states: 6, hidden: 16}", "objective={kind: automaton, steps: 8, before: 8, filters: 8}",
                "train.budget=6steps"):  # fmt: skip
        draft.set(one)
    return train(draft, str(picture), out=tmp_path_factory.mktemp("runs"))


def test_a_texture_of_any_size_is_made_the_same_in_any_company(run: Run, tmp_path: Path) -> None:
    knobs = {"width": 48, "height": 20, "steps": 12}
    report = Generate(n=3, knobs=knobs, out=tmp_path / "three")(run)
    assert report.data["record"]["chunk"] == 16
    with Image.open(tmp_path / "three" / "seed0-0002.png") as third:
        assert third.size == (48, 20)
        Generate(at=(2,), knobs=knobs, out=tmp_path / "third.png")(run)
        with Image.open(tmp_path / "third.png") as again:
            assert again.tobytes() == third.tobytes()
    again = Generate(reopen=tmp_path / "three" / "seed0-0001.png", out=tmp_path / "again.png")(run)
    assert again.data["reopened"]["same"] is True


def test_it_has_no_latents_to_walk_between(run: Run) -> None:
    with pytest.raises(Refused, match="does not make its creations from latents"):
        Generate(interpolate=(1, 2))(run)


def test_a_page_is_made_of_what_grows_alone(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "dots.html"
    report = Generate(out=place)(run)
    assert report.data["files"] == ["dots.html"]
    assert report.data["page"]["numbers"] == 6 * 4 * 16 + 16 + 16 * 6
    with pytest.raises(OutputExists):
        Generate(out=place)(run)
    text = place.read_text(encoding="utf-8")
    again = Generate(reopen=place, out=tmp_path / "again.html")(run)
    assert again.data["files"] == ["again.html"]
    assert (tmp_path / "again.html").read_bytes() == place.read_bytes()
    Generate(out=tmp_path / "bare.html", record=False)(run)
    with pytest.raises(DataError, match="carries no record"):
        Generate(reopen=tmp_path / "bare.html")(run)
    with pytest.raises(RecipeError, match="--set: a live page grows by itself and does not heed it"):
        Generate(out=tmp_path / "wide.html", knobs={"width": 90})(run)
    assert "http://" not in text
    assert "https://" not in text
    other = type("Other", (), {"network": torch.nn.Linear(1, 1), "name": "faces"})()
    with pytest.raises(InputError, match=r"the run faces has learnt none\. Train one with --model automaton"):
        bring_to_life(other, tmp_path / "other.html", False)


def test_the_command_line_makes_the_page(run: Run, tmp_path: Path) -> None:
    said = invoke("generate", run.folder, "-o", tmp_path / "dots.html")
    assert (said.code, said.err) == (0, "")
    assert "Open it in a browser" in said.out
    assert (tmp_path / "dots.html").exists()


def test_the_page_follows_the_rule_in_a_browser(tmp_path: Path) -> None:
    path = chromium()
    if path is None:
        pytest.skip("chromium is missing.")
    torch.manual_seed(0)
    cells = Cells(5, 12, 1.0)
    torch.nn.init.normal_(cells.second.weight, std=0.1)
    rule = Rule(cells.first.weight[..., 0, 0], cells.first.bias, cells.second.weight[..., 0, 0], 3, 1.0, 16)  # type: ignore[arg-type]
    page = tmp_path / "page.html"
    page.write_text(alive("dots <b>", rule), encoding="utf-8")
    start = torch.randn(1, 5, 6, 9, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        draw = Draw(0).keyed(torch.arange(1))
        wanted = cells(cells(start, draw), draw)
    packed = base64.b64encode(start[0].permute(1, 2, 0).contiguous().numpy().tobytes()).decode()
    with Browser(path) as browser:
        browser.open(page, 900)
        assert browser.run("document.title") == "dots <b>"
        browser.run(
            f"own = grid(6, 9); own.now.set(floats({json.dumps(packed)})); step(own, () => true); step(own, () => true)"
        )
        made = torch.tensor(browser.run("Array.from(own.now)")).view(6, 9, 5).permute(2, 0, 1)
        torch.testing.assert_close(made, wanted[0], atol=1e-4, rtol=1e-4)
        grown = browser.run("new Promise(done => setTimeout(() => done(cells.steps), 400))")
        assert grown > 0
        browser.run("at('pause').click()")
        stood = browser.run("new Promise(done => setTimeout(() => done(cells.steps), 100))")
        assert browser.run("new Promise(done => setTimeout(() => done(cells.steps), 200))") == stood
        assert browser.run("at('pause').textContent") == "Go on"
        browser.run("at('side').value = 64; at('side').dispatchEvent(new Event('change'))")
        assert browser.run("[canvas.width, cells.steps]") == [64, 0]
        box = browser.run(
            "(({left, top, width}) => [left + width / 2, top + width / 2])(canvas.getBoundingClientRect())"
        )
        browser.run("cells.now.fill(1)")
        browser.run(
            f"canvas.dispatchEvent(new PointerEvent('pointermove', {{clientX: {box[0]}, clientY: {box[1]}, buttons: 1}}))"
        )
        assert browser.run("[cells.now[(32 * 64 + 32) * S], cells.now[0]]") == [0, 1]
        assert browser.run("paper.getImageData(32, 32, 1, 1).data[0]") == 128
        assert browser.complaints() == []
        assert browser.fetched() == []
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        browser.open(page, 360)
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
