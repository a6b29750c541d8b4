"""A limit of the memory: kept to by smaller pieces, refused with its parts, and the same bits with the same recipe."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from deepwright.core.errors import Refused
from deepwright.core.size import Size
from deepwright.data.room import room, within
from deepwright.draft import Draft
from deepwright.recipe import Recipe
from deepwright.registries import models
from deepwright.run import Run
from deepwright.training.footprint import Growth
from deepwright.training.loop import Trainer
from deepwright.verbs import baselines, memory
from deepwright.verbs.learning import remembered
from deepwright.verbs.memory import Needs, _check_step, afford, needs
from deepwright.verbs.session import Watch
from deepwright.verbs.train import ready, resume, train

MB = 1_000_000
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this process held nothing: what is left is what is counted."""
    for name in ("resident", "peak"):
        monkeypatch.setattr(memory, name, lambda: 0)
    for name in ("REST", "PROGRAM"):
        monkeypatch.setattr(memory, name, 0)
    monkeypatch.setattr("deepwright.data.sources.copies.claim", lambda size, what: None)
    for module in ("data.room", "verbs.train"):
        monkeypatch.setattr(f"deepwright.{module}.resident", lambda: 0)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    chance = np.random.default_rng(0)
    x = chance.normal(size=(600, 6)).round(3)
    frame = pl.DataFrame({f"x{place}": x[:, place] for place in range(6)}).with_columns(pl.Series("y", x.sum(1)))
    frame.write_csv(tmp_path / "t.csv")
    return tmp_path / "t.csv"


def draft(table: Path, **settings: Any) -> Draft:
    made = Draft()
    usual = {
        "data.source": str(table),
        "target": ["y"],
        "train.budget": "12steps",
        "train.batch": 128,
        "model.width": 64,
    }
    for name, value in {**usual, **settings}.items():
        made.put(tuple(name.split(".")), value, "here")
    return made


def weights(run: Run) -> dict[str, torch.Tensor]:
    return run.network.state_dict()


def limit(table: Path) -> Size:
    """Less than whole batches take, more than small pieces do."""
    whole = afford(ready(draft(table)), 0, CPU, Watch())[1]
    return Size.parse(f"{round((whole.total - 0.7 * whole.parts['work']) / 1000)}kB")


def test_a_limit_makes_pieces_that_are_written_into_the_recipe(table: Path, tmp_path: Path) -> None:
    given = limit(table)
    said: list[str] = []
    watch = Watch(tell=said.append)
    run = train(draft(table, **{"train.memory": str(given), "train.threads": 1}), out=tmp_path / "a", watch=watch)
    stored = Run.load(run.folder).recipe.train
    assert stored.micro_batch is not None
    assert 1 <= stored.micro_batch < 128
    assert any(f"in pieces of {stored.micro_batch}" in text for text in said)
    (told,) = [event for event in run.events() if event["event"] == "estimated"]
    assert told["total"] == sum(told["parts"].values()) <= told["limit"] == given.bytes
    again = train(Draft.read(run.folder / "recipe.yaml"), out=tmp_path / "b")
    assert all(torch.equal(weights(again)[name], value) for name, value in weights(run).items())


def test_pieces_a_person_gave_are_not_changed_but_refused(table: Path) -> None:
    with pytest.raises(Refused, match="more than --memory"):
        afford(ready(draft(table, **{"train.memory": str(limit(table)), "train.micro_batch": 128})), 0, CPU, Watch())


def test_what_can_never_fit_is_refused_with_its_parts_and_nothing_is_written(table: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        train(draft(table, **{"train.memory": "100kB", "model.width": 512}), out=tmp_path / "runs")
    assert "for the network with its optimiser, averages and copies" in str(refused.value)
    assert "Give at least 100MB" in str(refused.value)
    assert not (tmp_path / "runs").exists()


def test_torch_alone_may_be_too_much(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "resident", lambda: 600 * MB)
    with pytest.raises(Refused, match=r"--memory 512MB is less than Python and torch take before any data is read"):
        ready(draft(table, **{"train.memory": "512MB"}))


def test_without_a_limit_a_full_machine_is_warned_of(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    prepared = ready(draft(table))
    before = prepared.recipe
    assert afford(prepared, 0, CPU, Watch(warn=warned.append))[0] == before
    assert not warned
    monkeypatch.setattr(memory, "free", lambda: 1000)
    afford(prepared, 0, CPU, Watch(warn=warned.append))
    assert "this computer has 1 kB left" in warned[0]


def test_the_estimate_grows_with_batch_and_width(table: Path) -> None:
    def total(**settings: Any) -> int:
        return afford(ready(draft(table, **settings)), 0, CPU, Watch())[1].total

    assert total() < total(**{"model.width": 256}) < total(**{"model.width": 256, "train.batch": 384})


def test_networks_that_look_at_whole_batches_are_not_cut() -> None:
    grown = Growth((8, 128), (8000, 128_000))
    whole = Needs(0, grown, Growth((1,), (0,)), 128, 1, splits=False)
    recipe = ready_recipe()
    with pytest.raises(Refused, match="looks at all rows of a batch together"):
        memory._fitted(recipe, whole, {"program": 0, "data": 0})


def ready_recipe() -> Any:
    from deepwright.recipe import Recipe

    return Recipe.from_draft(Draft({"train": {"memory": "50kB"}, "model": {"kind": "mlp"}}))


@pytest.mark.parametrize("kind", ["cnn", "gan"])
def test_pictures_and_creations_are_estimated_too(kind: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (80, 28, 28), dtype=np.uint8)
    frame = pl.DataFrame({"image": pl.Series(pixels, dtype=pl.Array(pl.UInt8, (28, 28))), "label": ["a", "b"] * 40})
    made = Draft({"model": {"kind": kind}, "train": {"budget": "2steps", "batch": 16, "memory": "1GB"}})
    if kind == "cnn":
        made.put(("target",), ["label"], "here")
    recipe, estimated = afford(ready(made, frame), 0, CPU, Watch())
    assert recipe.train.micro_batch is None
    assert 5 * MB < estimated.total < 1000 * MB
    assert kind in models


def test_another_limit_on_the_way_changes_no_bit(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"train.threads": 1, "train.checkpoint_seconds": 1e-6}

    class Killed(Exception):
        pass

    def die(event: Any) -> None:
        if getattr(event, "step", 0) == 7:
            raise Killed

    whole = train(draft(table, **settings), out=tmp_path / "whole")
    with pytest.raises(Killed):
        train(draft(table, **settings), out=tmp_path / "parts", watch=Watch(die))
    folder = tmp_path / "parts" / "t-1"
    with pytest.raises(Refused, match="keeps the pieces it began with"):
        resume(folder, memory=Size.parse("100kB"))
    assert Run.load(folder).recipe.train.memory is None
    monkeypatch.setattr("deepwright.data.pack.room", lambda: 0)  # the packed rows go to the disk
    again = resume(folder, memory=Size.parse("1GB"))
    assert Run.load(folder).recipe.train.memory == Size.parse("1GB")
    assert all(torch.equal(weights(again)[name], value) for name, value in weights(whole).items())


def test_what_follows_training_reads_no_more_at_once_than_the_limit_leaves(table: Path, tmp_path: Path) -> None:
    left: list[int | None] = []
    train(draft(table, **{"train.memory": "1GB"}), out=tmp_path / "a", then=lambda run: left.append(room()))
    assert left == [500 * MB]
    assert room() is None


def test_room_is_a_half_of_what_is_left() -> None:
    assert room() is None
    with within(1000):
        assert room() == 500


def test_baselines_learn_from_what_there_is_room_for(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = ready(draft(table))
    monkeypatch.setattr(baselines, "resident", lambda: 0)

    def rows(size: str | None) -> int:
        given = None if size is None else Size.parse(size)
        return baselines._affordable(given, prepared.features, prepared.data.table)

    assert (rows(None), rows("2GB"), rows("305MB"), rows("250MB")) == (50_000, 50_000, 10_000, 0)


def test_what_was_expected_and_what_was_taken_is_told() -> None:
    events = [
        {"event": "estimated", "step": 0, "total": 900, "parts": {"data": 900}, "limit": 1000},
        {"event": "peaked", "step": 5, "bytes": 700, "baselines": 0},
        {"event": "peaked", "step": 9, "bytes": 600, "baselines": 50},
    ]
    assert remembered(events) == {"estimated": 900, "parts": {"data": 900}, "limit": 1000, "peak": 700, "baselines": 50}
    assert remembered([]) is None


def test_what_is_counted_stays_within_what_the_limit_leaves(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = ready(draft(table, **{"model.width": 256, "train.batch": 384}))
    run = memory.unwritten(prepared)
    free = needs(run, prepared.packed, CPU, Size(10**12, ""))
    monkeypatch.setattr(memory, "resident", lambda: 10 * MB)
    tight = needs(run, prepared.packed, CPU, Size(10 * MB + 2 * free.step.at(32), ""))
    assert max(tight.step.rows) < max(free.step.rows), "less was tried"
    assert tight.step.at(384) == pytest.approx(free.step.at(384), rel=0.2), "and what more takes is still known"
    rough = needs(run, prepared.packed, CPU, None)
    assert max(rough.step.rows) < max(free.step.rows), "nothing has to be kept to, so less is tried as well"
    assert rough.step.at(384) == pytest.approx(free.step.at(384), rel=0.2)


def test_where_the_weights_alone_are_too_much_no_step_is_tried(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = ready(draft(table, **{"model.width": 256}))
    run = memory.unwritten(prepared)
    weights = sum(value.nbytes for value in run.fresh_network().state_dict().values())
    monkeypatch.setattr(memory, "resident", lambda: 10 * MB)
    monkeypatch.setattr(Trainer, "advance", lambda self: pytest.fail("a step was tried"))
    found = needs(run, prepared.packed, CPU, Size(10 * MB + 3 * weights, ""))
    assert found.network > 3 * weights


def test_a_total_that_reads_like_the_limit_is_told_to_the_megabyte() -> None:
    estimated = memory._estimated(
        Needs(1_030 * MB, Growth((8,), (0,)), Growth((1,), (0,)), 8, 1, True),
        dict.fromkeys(("program", "data"), 0),
        8,
        1,
        Size(1000 * MB, "1GB"),
    )
    assert "about 1,030 MB, more than --memory 1GB" in memory._refusal(estimated, Size(1000 * MB, "1GB"), "")


def test_needs_are_the_same_each_time(table: Path) -> None:
    prepared = ready(draft(table))
    run = memory.unwritten(prepared)
    assert needs(run, prepared.packed, CPU, None) == needs(run, prepared.packed, CPU, None)


@pytest.mark.parametrize(
    ("budget", "seconds", "refused"),
    [("20s", 61, True), ("20s", 59, False), ("10min", 900, False), ("10min", 1300, True), ("9steps", 9999, False)],
)
def test_a_step_longer_than_the_whole_budget_is_refused_before_it_is_begun(
    budget: str, seconds: float, refused: bool
) -> None:
    recipe = Recipe.model_validate({"train": {"budget": budget}})
    if not refused:
        _check_step(recipe, seconds)
        return
    with pytest.raises(
        Refused, match=rf"about \d+ minutes? here, far longer than the whole budget of {budget}\. Take smaller"
    ):
        _check_step(recipe, seconds)
