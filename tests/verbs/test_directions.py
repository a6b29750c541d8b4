"""Directions and inversion: what is found moves what it should, beside a control, and belongs to the run."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from deepwright.contracts import Network
from deepwright.core.config import Config
from deepwright.core.errors import DataError, InputError, OutputExists, RecipeError, Refused
from deepwright.core.report import Grid
from deepwright.draft import Draft
from deepwright.draw import Draw
from deepwright.fields import Field, Fields
from deepwright.run import Run
from deepwright.verbs.creation.directions import Sampled, first_layer, principal, sampled, towards
from deepwright.verbs.creation.inversion import invert, read_example
from deepwright.verbs.creation.inverting import inversion_of
from deepwright.verbs.creation.labelled import stored_name
from deepwright.verbs.creation.shelf import Shelf
from deepwright.verbs.direction import Direction
from deepwright.verbs.generate import Generate
from deepwright.verbs.train import train
from tests.cli.conftest import invoke


@pytest.fixture(scope="module")
def pictures() -> pl.DataFrame:
    """Pictures of 8 × 8 that are dark or bright all over, with the label."""
    chance = np.random.default_rng(0)
    side = np.arange(160) % 2
    pixels = (chance.normal(size=(160, 8, 8)) * 12 + np.where(side, 190, 60)[:, None, None]).clip(0, 255)
    column = pl.Series(pixels.astype(np.uint8), dtype=pl.Array(pl.UInt8, (8, 8)))
    return pl.DataFrame({"image": column, "side": np.where(side, "bright", "dark")})


def trained(table: pl.DataFrame, out: Path, *sets: str) -> Run:
    draft = Draft()
    for one in sets:
        draft.set(one)
    return Run.load(train(draft, table, out=out).folder)


@pytest.fixture(scope="module")
def run(pictures: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Run:
    sets = ("model={kind: gan, width: 4, latent: 6}", "train.budget=60steps", "train.batch=32")
    return trained(pictures.drop("side"), tmp_path_factory.mktemp("runs"), *sets)


@pytest.fixture(scope="module")
def judge(pictures: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Run:
    sets = ("target=side", "train.budget=30steps", "model.widths=[8, 16]", "train.batch=32")
    return trained(pictures, tmp_path_factory.mktemp("judges"), *sets)


class Linear(Network):
    """Creations are W z, with columns of W of known lengths."""

    latent = (5,)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 12, bias=False)
        with torch.no_grad():
            turn = torch.linalg.qr(torch.randn(12, 5, generator=torch.Generator().manual_seed(0)))[0]
            self.first.weight.copy_(turn * torch.tensor([1.0, 4.0, 2.0, 0.5, 0.1]))

    def latents(self, n: int, draw: Draw) -> Tensor:
        return draw.at("latent").normal(n, 5)

    def from_latents(self, latents: Tensor, condition: Fields | None = None, knobs: Config | None = None) -> Any:
        return {"x": Field(self.first(latents))}


@pytest.fixture
def linear() -> Any:
    return SimpleNamespace(network=Linear(), name="linear")


def test_principal_components_and_the_first_layer_find_the_longest_axes(linear: Any) -> None:
    axes = torch.eye(5)[[1, 2, 0]]
    for found in (principal(sampled(linear, 0, 2000), 3), first_layer(linear, 3)):
        for one, axis in zip(found, axes, strict=True):
            assert float((one.vector * axis).sum()) > 0.98
        assert [one.figure for one in found] == pytest.approx([16 / 21.26, 4 / 21.26, 1 / 21.26], rel=0.15)
    assert not linear.network.first._forward_hooks


def test_a_direction_towards_a_score_is_its_gradient(linear: Any) -> None:
    slope = torch.tensor([0.0, 0.6, 0.0, -0.8, 0.0])
    some = sampled(linear, 0, 800)
    noise = torch.randn(800, generator=torch.Generator().manual_seed(1))
    found = towards(Sampled(some.latents, some.flat, (some.latents @ slope + 0.5 * noise).double()))
    assert float((found.vector * slope).sum()) > 0.99
    assert found.figure == pytest.approx(1 / 1.25**0.5, abs=0.06)
    assert towards(Sampled(some.latents, some.flat, torch.ones(800).double())).figure == 0


def test_a_label_of_another_run_makes_a_direction_that_beats_chance(run: Run, judge: Run, tmp_path: Path) -> None:
    report = Direction(name="bright", label=f"{judge.folder}:bright", samples=256, force=True)(run)
    effect = report.data["effect"]
    assert effect["direction"][-1] - effect["direction"][0] > 1.5 * abs(effect["random"][-1] - effect["random"][0])
    assert report.data["directions"][0]["figure"] > 0.5
    means = {}
    for amount in (-3, 3):
        run.generate(out=tmp_path / str(amount), n=16, edit=f"bright={amount}", measure=0)
        files = (tmp_path / str(amount)).glob("seed*.png")
        means[amount] = np.mean([np.asarray(Image.open(path)).mean() for path in files])
    assert means[3] > means[-3] + 20, means
    told = Generate(edit=f"{judge.folder}:dark=2", n=2, measure=0, out=tmp_path / "dark")(run)  # type: ignore[arg-type]
    assert stored_name(f"{judge.folder}:dark") in Shelf(run).names("directions")
    assert told.data["record"]["state"]["edits"][0]["amount"] == 2


def test_examples_of_two_kinds_make_a_direction(run: Run, pictures: pl.DataFrame, tmp_path: Path) -> None:
    for name in ("dark", "bright"):
        (tmp_path / name).mkdir()
        some = pictures.filter(pl.col("side") == name).head(12)["image"].to_numpy()
        for place, pixels in enumerate(some):
            Image.fromarray(pixels).save(tmp_path / name / f"{place}.png")
    sides = (str(tmp_path / "dark"), str(tmp_path / "bright"))
    report = Direction(name="lamp", examples=sides, samples=256, force=True)(run)
    assert "100 % of the 24 examples" in report.blocks[1].text  # type: ignore[union-attr]
    effect = report.data["effect"]["direction"]
    assert effect[-1] > effect[2] > effect[0]


def test_several_directions_are_numbered_and_kept(run: Run) -> None:
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    report = Direction(pca=2, name="thick", force=True, samples=64)(run)
    assert [one["name"] for one in report.data["directions"]] == ["thick-1", "thick-2"]
    (shares,) = (block for block in report.blocks if isinstance(block, Grid))
    assert shares.note == "Spread evenly over the 6 numbers of a latent, each would have 17 %."
    with pytest.raises(OutputExists, match="has a direction 'thick-1' already"):
        Direction(pca=2, name="thick", samples=64)(run)
    assert all(torch.equal(value, before[name]) for name, value in run.network.state_dict().items())


def test_the_terminal_is_told_where_the_pictures_are(run: Run) -> None:
    said = invoke("direction", run.folder, "--samples", 64, "--force")
    assert said.code == 0, said.err
    assert "stored" in said.out
    assert f"Report: {run.folder / 'report.html'}" in said.out
    assert "along pca-1" not in said.out, "a list of amounts shows nothing"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"pca": 2, "sefa": 2}, "--pca and --sefa: a direction is found in one way"),
        ({"examples": ("a", "b")}, "--examples: give the direction a name"),
        ({"label": "nowhere"}, "expected a run and one of its labels"),
        ({"label": "nowhere:cat"}, "There is no run nowhere"),
        ({"pca": 1, "name": "9lives"}, "is no name"),
    ],
)
def test_directions_are_refused_in_sentences(run: Run, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Direction(**settings)(run)


def test_labels_and_runs_that_do_not_fit_are_told(run: Run, judge: Run) -> None:
    with pytest.raises(RecipeError, match=r"knows no label 'brigth'\. Did you mean 'bright'"):
        Direction(label=f"{judge.folder}:brigth")(run)
    with pytest.raises(Refused, match="creates and answers nothing"):
        Direction(label=f"{run.folder}:bright")(run)
    with pytest.raises(Refused, match="creates and answers nothing"):
        Generate(judge=run.folder)(run)
    with pytest.raises(Refused, match="answers, it does not create"):
        Direction().check(judge)


def test_a_creation_is_found_again_by_inversion(run: Run, tmp_path: Path) -> None:
    run.generate(out=tmp_path / "a", at="5", seed=3, measure=0)
    path = tmp_path / "a" / "seed3-0005.png"
    stored, blocks = inversion_of(run, path, "mine", 0, True, {})
    errors = stored.values["errors"]
    assert errors["found"] < 0.02 < errors["drawn"], errors
    assert len(blocks) == 2
    made = Generate(at="mine", out=tmp_path / "b", measure=0)(run)
    assert made.data["files"] == ["mine.png", "sheet.png", "creations.csv"]
    ours, theirs = (np.asarray(Image.open(p)).astype(float) for p in (path, tmp_path / "b" / "mine.png"))
    assert np.abs(ours - theirs).mean() < 6
    run.generate(out=tmp_path / "walk.webp", interpolate="mine,3", frames=4)
    with pytest.raises(OutputExists, match=r"has a latent 'mine' already.*--at mine"):
        Generate(invert=path, name="mine")(run)


def test_a_flow_goes_its_way_back(tmp_path: Path) -> None:
    quarters = np.random.default_rng(0).integers(0, 256, (300, 2, 2), dtype=np.uint8)
    several = [one.repeat(4, 0).repeat(4, 1) for one in quarters]
    pictures = pl.DataFrame({"image": pl.Series(several, dtype=pl.Array(pl.UInt8, (8, 8)))})
    sets = ("model={kind: flow, width: 16}", "train.budget=400steps", "train.batch=32")
    run = trained(pictures, tmp_path / "runs", *sets)
    run.generate(out=tmp_path / "one.png", at="5", measure=0)
    example = read_example(run, tmp_path / "one.png")
    back, searched = invert(run, example, 0, steps=0), invert(run, example, 0)
    assert back.drawn == 64
    assert back.errors["found"] < 0.3 * back.errors["drawn"], back.errors
    assert searched.errors["found"] <= 1.05 * back.errors["found"]


def test_inversion_is_the_same_each_time(run: Run) -> None:
    example = pl.DataFrame({"image": pl.Series([np.full((8, 8), 200, np.uint8)], dtype=pl.Array(pl.UInt8, (8, 8)))})
    a, b = (invert(run, example, 1, steps=20).latent for _ in range(2))
    assert torch.equal(a, b)


def test_what_cannot_be_inverted_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no picture")
    with pytest.raises(DataError, match=r"broken\.png cannot be read"):
        Generate(invert=tmp_path / "broken.png")(run)
    with pytest.raises(DataError, match="There is no file"):
        Generate(invert=tmp_path / "none.png")(run)
    with pytest.raises(RecipeError, match="--name is that of an inverted picture"):
        Generate(name="x")(run)


def test_runs_that_learnt_labels_keep_them_while_latents_move(pictures: pl.DataFrame, tmp_path: Path) -> None:
    sets = ("task={kind: generate, condition: [side]}", "model={kind: gan, width: 4, latent: 6}", "train.budget=8steps")
    run = trained(pictures, tmp_path / "runs", *sets, "train.batch=32")
    assert run.network.conditions == ("side",)
    run.generate(out=tmp_path / "a", at="5", label=["bright"], measure=0)
    path = tmp_path / "a" / "seed0-0005.png"
    with pytest.raises(RecipeError, match=r"this run learnt labels; say what seed0-0005\.png shows"):
        Generate(invert=path, name="mine")(run)
    Generate(invert=path, name="mine", label=("bright",), out=tmp_path / "b", measure=0)(run)
    Direction(pca=1, name="one", samples=32)(run)
    told = Generate(at="mine", edit="one=1", label=("dark",), out=tmp_path / "c", measure=0)(run)  # type: ignore[arg-type]
    assert told.data["record"]["state"]["label"] == ["dark"]
    assert Generate(reopen=tmp_path / "c" / "mine.png", out=tmp_path / "d")(run).data["reopened"]["same"] is True
    run.generate(out=tmp_path / "w.gif", interpolate="1,2", frames=3, label=["dark"])
    assert Generate(reopen=tmp_path / "w.gif", out=tmp_path / "v.gif")(run).data["reopened"]["same"] is True
