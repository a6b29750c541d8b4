"""Creations: the same bytes for ever, whatever is asked for beside them; files that open again what made them."""

import json
import os
import shutil
import signal
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from deepwright.core.errors import DataError, InputError, Interrupted, OutputExists, RecipeError, RunError
from deepwright.core.files import file_hash
from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.training.events import Event, Saved, Stepped
from deepwright.verbs.complete import complete
from deepwright.verbs.creation.making import Maker, decode, joined
from deepwright.verbs.creation.recall import Record, find_run, recalled
from deepwright.verbs.creation.records import in_png, read_record
from deepwright.verbs.creation.shelf import Shelf, key_of
from deepwright.verbs.creation.state import Edit, State, Walk
from deepwright.verbs.generate import Generate
from deepwright.verbs.train import Watch, resume, train


class Killed(BaseException):
    """A death without farewell."""


def pixels() -> pl.DataFrame:
    """120 grey pictures of 8 × 8."""
    chance = np.random.default_rng(0)
    values = (chance.normal(size=(120, 8, 8)).cumsum(1) * 20 + 128).clip(0, 255).astype(np.uint8)
    return pl.DataFrame({"image": pl.Series(values, dtype=pl.Array(pl.UInt8, (8, 8)))})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A tiny GAN of grey 8 × 8 pictures after a few steps."""
    draft = Draft()
    for one in ("model={kind: gan, width: 4, latent: 6}", "train.budget=8steps", "train.batch=16"):
        draft.set(one)
    made = train(draft, pixels(), out=tmp_path_factory.mktemp("runs"))
    return Run.load(made.folder)


def made(run: Run, state: State, at: object) -> pl.DataFrame:
    return decode(run, joined([z for _, z in Maker(run, state).pieces(at)]))  # type: ignore[arg-type]


def cells(frame: pl.DataFrame) -> list[bytes]:
    return frame["image"].to_list()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 80), min_size=1, max_size=12), st.sampled_from([0, 5]), st.sampled_from([1.0, 0.5]))
def test_a_creation_has_the_same_bytes_in_any_order_and_company(
    run: Run, numbers: list[int], seed: int, truncation: float
) -> None:
    state = State(seed=seed, knobs={"truncation": truncation})
    whole = cells(made(run, state, range(81)))
    assert cells(made(run, state, numbers)) == [whole[number] for number in numbers]
    first = min(numbers)
    assert cells(made(run, state, range(first, max(numbers) + 1))) == whole[first : max(numbers) + 1]


def test_knobs_change_creations_and_are_checked(run: Run) -> None:
    plain, tame = (made(run, State(knobs=knobs), range(4)) for knobs in ({}, {"truncation": 0.5}))
    assert not set(cells(plain)) & set(cells(tame))
    assert cells(made(run, State(knobs={"truncation": 1}), range(4))) == cells(plain)
    assert cells(made(run, State(knobs={"temperature": 0.5}), range(4))) == cells(tame)
    with pytest.raises(RecipeError, match=r"no key 'trunctaion'\. Did you mean 'truncation'\?"):
        Maker(run, State(knobs={"trunctaion": 0.5}))
    with pytest.raises(RecipeError, match="truncation: expected 0 or more and at most 2; got 3"):
        Maker(run, State(knobs={"truncation": 3}))


@pytest.mark.parametrize(
    ("name", "settings_"),
    [
        ("", {"n": 3, "seed": 4, "knobs": {"truncation": 0.7}}),
        ("one.png", {"at": "5"}),
        ("one.webp", {"at": "2", "seed": 1}),
        ("sheet.webp", {"n": 5}),
        ("walk.webp", {"interpolate": "3,9", "frames": 7}),
        ("walk.gif", {"interpolate": "3,9,1", "frames": 6, "loop": True}),
        ("walk.png", {"interpolate": "3,40", "frames": 5}),
        ("mixed.png", {"mix": "3=0.7,9"}),
        ("", {"n": 2, "scale": 3}),
        ("large.webp", {"at": "5,6", "scale": 4}),
    ],
)
def test_every_file_opens_the_state_it_was_made_from(
    run: Run, tmp_path: Path, name: str, settings_: dict[str, object]
) -> None:
    run.generate(out=tmp_path / "first" / name, measure=0, **settings_)
    for path in sorted(path for path in (tmp_path / "first").iterdir() if path.suffix != ".csv"):
        again = tmp_path / "again" / path.stem / (path.name if name else "")
        report = Generate(reopen=path, out=again)(run)
        assert report.data["reopened"]["same"] is True, path
        assert "every value is the same" in report.data["notes"][0]
        if not name and path.name != "sheet.png":
            assert (again / path.name).read_bytes() == path.read_bytes()
        elif name:
            assert again.read_bytes() == path.read_bytes()


def test_scaled_pictures_are_the_same_ones_larger(run: Run, tmp_path: Path) -> None:
    run.generate(out=tmp_path / "one.png", at="5", measure=0)
    report = run.generate(out=tmp_path / "large.png", at="5", scale=4, measure=0)
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "large.png") as large:
        assert (one.size, large.size, large.mode) == ((8, 8), (32, 32), one.mode)
        small = np.asarray(large.resize((8, 8), Image.Resampling.BOX), float)
        assert np.corrcoef(small.ravel(), np.asarray(one, float).ravel())[0, 1] > 0.9  # noise loses contrast
    assert any("4 times as wide and high" in getattr(block, "text", "") for block in report.blocks)


def test_what_is_given_wins_over_what_a_file_says(run: Run, tmp_path: Path) -> None:
    run.generate(out=tmp_path / "a", n=3, seed=4, knobs={"truncation": 0.5}, measure=0)
    report = Generate(reopen=tmp_path / "a" / "seed4-0001.png", knobs={"truncation": 1.5}, n=2, out=tmp_path / "b")(run)
    assert report.data["record"]["state"] == {"seed": 4, "knobs": {"truncation": 1.5, "temperature": 1.0}}
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == [
        "creations.csv", "seed4-0000.png", "seed4-0001.png", "sheet.png",
    ]  # fmt: skip
    assert report.data["reopened"]["unchanged"] is False


def test_a_changed_picture_is_told_from_the_state_it_names(run: Run, tmp_path: Path) -> None:
    run.generate(out=tmp_path / "a", n=2, measure=0)
    one, two = ((tmp_path / "a" / f"seed0-000{k}.png") for k in (0, 1))
    forged = tmp_path / "forged.png"
    forged.write_bytes(in_png(cells(made(run, State(), [1]))[0], read_record(one)))
    told = Generate(reopen=forged, out=tmp_path / "b")(run).data
    assert told["reopened"]["same"] is False
    assert "not all values are the same: the file was changed" in told["notes"][0]
    assert two.exists()


def test_other_circumstances_are_told(run: Run, tmp_path: Path) -> None:
    run.generate(out=tmp_path / "a", n=1, measure=0)
    path = tmp_path / "a" / "seed0-0000.png"
    plain = cells(made(run, State(), [1]))[0]  # other bytes, as another machine may give
    path.write_bytes(in_png(plain, {**read_record(path), "torch": "2.9.0", "cpu": "arm64 NEON"}))
    (note,) = Generate(reopen=path, out=tmp_path / "b")(run).data["notes"]
    assert "the bytes may differ (other circumstances: torch 2.9.0 there" in note
    assert "processor arm64 NEON there" in note


def test_the_run_is_found_by_its_hash_and_missed_in_a_sentence(run: Run, tmp_path: Path) -> None:
    run.generate(out=tmp_path / "a", n=1, measure=0)
    path = tmp_path / "a" / "seed0-0000.png"
    record = recalled(path)
    home = tmp_path / "elsewhere"
    shutil.copytree(run.folder, home / "renamed")
    shutil.copytree(run.folder, home / "another")
    (home / "another" / "features.json").write_text("{}")
    assert find_run(record, path, None, (home,)) == home / "renamed"
    assert find_run(record, path, home, ()) == home / "renamed"
    assert find_run(record, path, home.parent, ()) == home / "renamed", "also one folder deeper"
    assert find_run(record, path, home / "renamed") == home / "renamed"
    with pytest.raises(RunError, match=r"was not made by the run .*another"):
        find_run(record, path, home / "another")
    with pytest.raises(RunError, match=r"The run that made .* is not in .*nowhere/\. If it lies elsewhere, name it"):
        find_run(record, path, None, (tmp_path / "nowhere",))
    (home / "renamed" / "weights.safetensors").write_bytes(b"others")
    with pytest.raises(RunError, match=r"its weights have changed since \(at step 8\)"):
        find_run(record, path, None, (home,))
    inside = run.folder / "creations" / "001" / "seed0-0000.png"
    inside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, inside)
    assert find_run(record, inside, None, ()) == run.folder


def test_what_a_half_trained_run_made_opens_after_it_was_trained_further(run: Run, tmp_path: Path) -> None:
    asked = iter(range(100))
    draft = Draft.read(run.folder / "recipe.yaml")

    def stop_at_5(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 5 and next(asked) == 0:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train(draft, pixels(), out=tmp_path / "runs", watch=Watch(stop_at_5))
    (folder,) = (tmp_path / "runs").iterdir()
    Run.load(folder).generate(out=tmp_path / "early", n=2, measure=0)
    early = tmp_path / "early" / "seed0-0001.png"
    old = recalled(early)
    finished = Run.load(resume(folder, pixels(), then=complete).folder)
    assert file_hash(folder / "weights.safetensors") != old.weights
    finished.generate(out=tmp_path / "late", n=2, measure=0)
    late = tmp_path / "late" / "seed0-0001.png"
    assert recalled(late).run == old.run
    assert recalled(late).weights == file_hash(folder / "weights.safetensors")
    for made in (early, late):
        assert find_run(recalled(made), made, None, (tmp_path / "runs",)) == folder
        again = Generate(reopen=made, out=tmp_path / "again", force=True)(Run.load(folder)).data
        assert again["reopened"]["same"] is True
        assert (tmp_path / "again" / "seed0-0001.png").read_bytes() == made.read_bytes()
    assert early.read_bytes() != late.read_bytes()
    kept = folder / "states" / f"{old.weights}.safetensors"
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"is damaged: .*Take the old weights from a copy"):
        Generate(reopen=early, out=tmp_path / "none")(Run.load(folder))


def test_a_run_without_kept_weights_names_those_of_its_checkpoint(run: Run, tmp_path: Path) -> None:
    def die(event: Event) -> None:
        if isinstance(event, Saved) and event.step >= 4:
            raise Killed

    draft = Draft.read(run.folder / "recipe.yaml")
    draft.set("train.checkpoint_seconds=1e-9")
    with pytest.raises(Killed):
        train(draft, pixels(), out=tmp_path / "runs", watch=Watch(die))
    (folder,) = (tmp_path / "runs").iterdir()
    assert not (folder / "weights.safetensors").exists()
    Run.load(folder).generate(out=tmp_path / "a", n=2, measure=0)
    made = tmp_path / "a" / "seed0-0001.png"
    assert find_run(recalled(made), made, None, (tmp_path / "runs",)) == folder
    assert Generate(reopen=made, out=tmp_path / "b")(Run.load(folder)).data["reopened"]["same"] is True


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 99}, "is of a newer version"),
        ({"threads": "many"}, "is damaged: threads"),
        ({"state": {"seed": -1}}, "is damaged: state.seed"),
        ({"state": {"walk": {"stops": [3]}}}, "is damaged: state.walk.stops"),
        ({"chunk": 10**9}, "is damaged: chunk"),
        ({"code": "import os"}, "is damaged: code"),
    ],
)
def test_a_record_that_was_changed_by_hand_is_refused(
    run: Run, tmp_path: Path, change: dict[str, object], told: str
) -> None:
    run.generate(out=tmp_path / "a", n=1, measure=0)
    path = tmp_path / "a" / "seed0-0000.png"
    path.write_bytes(in_png(cells(made(run, State(), [0]))[0], {**read_record(path), **change}))
    with pytest.raises(DataError, match=told):
        recalled(path)


def test_without_record_nothing_is_left_in_any_file(run: Run, tmp_path: Path) -> None:
    run.generate(out=tmp_path / "a", n=2, measure=0, record=False)
    run.generate(out=tmp_path / "a.gif", interpolate="1,2", frames=3, record=False)
    for path in (*(tmp_path / "a").iterdir(), tmp_path / "a.gif"):
        assert b"deepwright" not in path.read_bytes()
        with pytest.raises(DataError, match="carries no record"):
            read_record(path)


def test_records_hold_neither_names_nor_paths(run: Run, tmp_path: Path) -> None:
    stored = Shelf(run).keep("latents", "Anna", torch.randn(6), {}, force=True)
    run.generate(out=tmp_path / "a", at="3,Anna", measure=0)
    record = read_record(tmp_path / "a" / "Anna.png")
    assert record["latent"] == stored.key
    assert not any(word in json.dumps(record) for word in ("Anna", run.name, str(tmp_path), str(Path.home())))
    assert set(record) <= set(Record.model_fields)


def test_walks_begin_and_end_at_their_stops_and_keep_the_length(run: Run) -> None:
    maker = Maker(run, State(seed=2, walk=Walk(stops=(3, 40), frames=9)))
    frames = cells(decode(run, joined([z for _, z in maker.pieces(())])))
    assert len(frames) == 9
    plain = [np.frombuffer(cell, np.uint8) for cell in frames]
    assert len({cell.tobytes() for cell in plain}) == 9
    from deepwright.verbs.creation.latents import between, walk

    a, b = maker.latent(3), maker.latent(40)
    path = walk(Walk(stops=(3, 40), frames=9), maker.latent)
    assert torch.equal(path[0], a)
    assert torch.equal(path[-1], b)
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    assert torch.allclose(between(a, b, 1 / 3), 3 * torch.tensor([0.75**0.5, 0.5]))
    assert torch.allclose(between(a, 2 * a, 0.5), 1.5 * a)


def test_edits_of_nothing_change_no_bit_and_others_do(run: Run, tmp_path: Path) -> None:
    key = Shelf(run).keep("directions", "up", torch.eye(6)[0], {}, force=True).key
    plain = cells(made(run, State(), range(4)))
    assert cells(made(run, State(edits=(Edit(direction=key, amount=0.0),)), range(4))) == plain
    moved = State(edits=(Edit(direction=key, amount=3.0),))
    assert not set(cells(made(run, moved, range(4)))) & set(plain)
    run.generate(out=tmp_path / "a", at="1", edit="up=3", measure=0)
    assert Generate(reopen=tmp_path / "a" / "seed0-0001.png", out=tmp_path / "b")(run).data["reopened"]["same"]
    assert cells(made(run, moved, [1]))[0] == plain_bytes(tmp_path / "a" / "seed0-0001.png")


def plain_bytes(path: Path) -> bytes:
    """The PNG without its record."""
    content = path.read_bytes()
    start = content.index(b"iTXt") - 4
    return content[:start] + content[start + 12 + int.from_bytes(content[start : start + 4], "big") :]


def test_what_is_stored_belongs_to_its_weights(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "copy")
    copy = Run.load(tmp_path / "copy")
    shelf = Shelf(copy)
    vector = torch.randn(6)
    assert shelf.keep("directions", "smile", vector, {"how": "by hand"}).key == key_of(vector)
    with pytest.raises(OutputExists, match="has a direction 'smile' already"):
        shelf.keep("directions", "smile", vector, {})
    with pytest.raises(RecipeError, match="Did you mean 'smile'"):
        shelf.named("directions", "smil")
    with pytest.raises(RecipeError, match="is no name"):
        shelf.keep("directions", "../smile", vector, {})
    with pytest.raises(RunError, match="no longer has the direction 0123"):
        shelf.keyed("directions", "0123")
    network = copy.network
    copy.save_weights(network)
    before = file_hash(copy.folder / "weights.safetensors")
    with torch.no_grad():
        next(network.parameters()).add_(1)
    copy.save_weights(network)
    assert file_hash(copy.folder / "weights.safetensors") != before
    with pytest.raises(RunError, match="before the run copy was trained further"):
        shelf.named("directions", "smile")


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"interpolate": "3"}, "expected two or more creations to walk between"),
        ({"interpolate": "3,nobody"}, "has no latent 'nobody'"),
        ({"at": "-3"}, "is neither the number of a creation"),
        ({"at": "9-3"}, "write the smaller number first"),
        ({"at": "3", "mix": "3,4"}, "--at and --mix: each says what is to be made"),
        ({"at": "3", "n": 5}, "-n: --at, or --invert, says already which creations are made"),
        ({"mix": "3"}, "expected two or more creations"),
        ({"mix": "3=0,4"}, "expected a weight above 0"),
        ({"edit": "up"}, "expected a direction and how far"),
        ({"edit": "up=far"}, "expected how far as a number"),
        ({"edit": "up=1000"}, "1 to 3 are usual"),
        ({"frames": 5}, "--frames is about a walk"),
        ({"interpolate": "3,4", "n": 5}, "as many pictures as --frames says"),
        ({"out": Path("x.csv")}, "These pictures are written as .png, .webp"),
        ({"out": Path("x.gif")}, "moving pictures are made by --interpolate"),
        ({"out": Path("x.jpg"), "interpolate": "1,2"}, "A walk is written as .webp, .gif, .mp4, .png"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(run: Run, given_: dict[str, object], told: str) -> None:
    before = {path.name for path in run.folder.rglob("*")}
    with pytest.raises(InputError, match=told):
        Generate(**given_)(run)  # type: ignore[arg-type]
    assert {path.name for path in run.folder.rglob("*")} == before


def test_a_walk_as_a_film_plays_and_opens_again(run: Run, tmp_path: Path) -> None:
    import av  # of the developers' tools, so that this is never passed over

    Generate(interpolate="1,2", frames=5, fps=10, out=tmp_path / "walk.mp4")(run)
    with av.open(str(tmp_path / "walk.mp4")) as film:
        (stream,) = film.streams.video
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
        assert float(stream.average_rate) == 10
    assert len(frames) == 5
    assert frames[0].shape == (256, 256, 3)
    walk = Walk(stops=(1, 2), frames=5)
    ends = cells(made(run, State(walk=walk), range(5)))
    for place in (0, 4):  # the codec loses a little
        with Image.open(BytesIO(ends[place])) as picture:
            wanted = np.asarray(picture.convert("RGB").resize((256, 256), Image.Resampling.NEAREST)).astype(int)
        assert np.abs(frames[place] - wanted).mean() < 12
    assert recalled(tmp_path / "walk.mp4").state.walk == walk
    told = Generate(reopen=tmp_path / "walk.mp4", out=tmp_path / "again.mp4")(run).data["reopened"]
    assert told["unchanged"] is True
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "walk.mp4").read_bytes()
