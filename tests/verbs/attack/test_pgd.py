"""PGD: stays where it may go, does at least as much harm as chance, and leaves the network as it was."""

import json
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
import torch
from pydantic import ValidationError

from deepwright.core.errors import DataError, Refused
from deepwright.core.report import Grid, Pictures, Report
from deepwright.spaces import Box
from deepwright.verbs.attack import PGD
from deepwright.verbs.attack.pgd import _written, descend
from deepwright.verbs.attack.room import rooms
from deepwright.verbs.attack.target import Target
from deepwright.verbs.rows import chosen_rows
from tests.verbs.conftest import assert_untouched, state


def target_of(run, rows=40) -> Target:
    batch = chosen_rows(run, None, rows, 0, labelled=True).batch
    with torch.no_grad():
        return Target(run.network, run.task, run.network.embed(batch.inputs), batch.targets)


def attacked(run, target, epsilon):
    room = rooms(run.features, target.z, epsilon)
    clean = {name: target.z[name].values for name in room}
    return descend(target, room, 6, 1, [clean], torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["cars_run", "tumours_run", "picture_run"])
@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.3])
def test_attacked_values_stay_where_they_may_be(name, epsilon, request):
    run = request.getfixturevalue(name)
    target = target_of(run)
    points = attacked(run, target, epsilon)
    assert points
    for column, values in points.items():
        clean, space = target.z[column].values, run.features[column].space
        assert isinstance(space, Box)
        assert bool((values >= torch.minimum(clean, space.low)).all())
        assert bool((values <= torch.maximum(clean, space.high)).all())
        assert bool(((values - clean).abs() <= epsilon * (space.high - space.low) + 1e-6).all())
        assert torch.equal(values[..., space.frozen], clean[..., space.frozen])
        if epsilon == 0:
            assert torch.equal(values, clean)
    assert epsilon == 0 or any(not torch.equal(values, target.z[n].values) for n, values in points.items())


def test_labels_flags_and_missing_cells_are_never_moved(cars_run):
    target = target_of(cars_run, 80)
    points = attacked(cars_run, target, 0.2)
    assert set(points) == {"power", "mileage", "weight", "consumption", "sold"}
    missing = target.z["power"].values[:, 1] == 1
    assert 0 < int(missing.sum()) < 80
    moved = (points["power"] != target.z["power"].values).any(1)
    assert not bool(moved[missing].any())
    assert bool(moved[~missing].any())


@pytest.mark.parametrize("side", [-1, 1])
def test_a_value_outside_the_training_range_may_only_come_back(tumours_run, side):
    target = target_of(tumours_run)
    name = next(iter(target.z))
    space = tumours_run.features[name].space
    edge = float(space.high if side > 0 else space.low)
    field = target.z[name].with_values(torch.full_like(target.z[name].values, edge + side))
    room = rooms(tumours_run.features, {**target.z, name: field}, 0.1)[name]
    assert torch.equal(room.high if side > 0 else room.low, field.values)
    assert bool((room.low <= field.values).all())
    assert bool((room.high >= field.values).all())


@pytest.mark.parametrize(("name", "better"), [("tumours_run", 1), ("cars_run", -1), ("picture_run", 1)])
def test_the_attack_does_at_least_as_much_harm_as_chance(name, better, request):
    run = request.getfixturevalue(name)
    data = run.attack(rows=60, steps=8).data
    for size in data["sizes"]:
        assert better * size["attack"]["value"] <= better * size["random"]["value"] + 1e-9
        assert better * size["attack"]["value"] <= better * data["clean"]["value"] + 1e-9
    first, last = data["sizes"][0], data["sizes"][-1]
    assert better * last["attack"]["value"] < better * first["attack"]["value"]
    assert data["harmful_from"] in [size["epsilon"] for size in data["sizes"]]
    assert "random changes of the same size" in data["verdict"]


def test_harm_never_falls_as_changes_grow(cars_run):
    target, falls = target_of(cars_run), []
    verb = PGD(steps=5, epsilon=(0.001, 0.01, 0.02, 0.1))
    for _, random, points in verb._search(cars_run, target):
        with torch.no_grad():
            falls.append(target.score({}) - target.score(points))
            assert bool((falls[-1] >= target.score({}) - target.score(random) - 1e-5).all())
    assert bool((falls[0] >= 0).all())
    assert all(bool((later >= earlier - 1e-5).all()) for earlier, later in pairwise(falls))


def test_no_change_does_no_harm(tumours_run):
    data = tumours_run.attack(rows=40, epsilon=0.0).data
    (size,) = data["sizes"]
    assert size["attack"] == size["random"] == size["written"] == data["clean"]
    assert data["harmful_from"] is None
    assert data["verdict"].startswith("The attack found nothing")


def test_a_few_rows_prove_nothing(tumours_run):
    report = tumours_run.attack(rows=5, steps=4, epsilon=1.0)
    assert report.data["harmful_from"] is None
    assert report.data["verdict"].startswith("Too few rows (5)")


def test_changes_that_round_away_are_no_changes(cars_run):
    chosen = chosen_rows(cars_run, None, 40, 0, labelled=True)
    target = target_of(cars_run)
    clean = target.z["weight"].values
    for change, same in ((1e-4, True), (0.2, False)):
        answer = _written(cars_run, chosen.batch, target, {"weight": clean + change})
        before = cars_run.answer(chosen.batch)
        assert torch.allclose(answer["value"], before["value"], rtol=1e-5) is same


def test_rows_are_shown_with_what_moved(tumours_run):
    report = tumours_run.attack(rows=60, steps=8, epsilon=0.1)
    (grid,) = (block for block in report.blocks if isinstance(block, Grid) and block.raw)
    assert grid.rows
    for row in grid.rows:
        _, truth, before, after, size, *moved = row
        assert before != after
        assert truth in ("benign", "malignant")
        assert size == "10\u00a0%"
        assert "→" in moved[0]


def test_personal_cells_are_masked(tumours_run, monkeypatch):
    monkeypatch.setattr("deepwright.verbs.attack.examples.looks_personal", lambda name, column: True)
    report = tumours_run.attack(rows=60, steps=8, epsilon=0.1)
    (grid,) = (block for block in report.blocks if isinstance(block, Grid) and block.raw)
    assert all(cell == "–" or cell.endswith("•••• → ••••") for row in grid.rows for cell in row[5:])


def test_pictures_are_shown_before_and_after(picture_run):
    report = picture_run.attack(rows=30, steps=8, epsilon=0.3)
    (shown,) = (block for block in report.blocks if isinstance(block, Pictures))
    assert shown.raw
    assert 0 < len(shown.images) == len(shown.captions) == len(shown.alts)


def test_the_report_survives_json(cars_run):
    report = cars_run.attack(rows=20, steps=2)
    assert Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False))) == report
    assert report == cars_run.attack(rows=20, steps=2)


def test_refusals_are_sentences(tumours_run, cars_run):
    with pytest.raises(Refused, match="no target"):
        PGD()(replace(tumours_run, task=None))
    only = {name: cars_run.features[name] for name in ("brand", "automatic")}
    with pytest.raises(Refused, match=r"brand, automatic hold labels or flags only"):
        PGD()(replace(cars_run, features=only))
    table = tumours_run.training_data().table.take([0, 1, 2])
    with pytest.raises(DataError, match="diagnosis"):
        tumours_run.attack(on=table.drop("diagnosis"))
    with pytest.raises(DataError, match="has a target this run knows"):
        tumours_run.attack(on=table.with_columns(pl.lit("unknown").alias("diagnosis")))
    for wrong in (-0.1, 1.5, (0.1, 2.0)):
        with pytest.raises(ValidationError, match="from 0 to 1"):
            PGD(epsilon=wrong)


@pytest.mark.parametrize("name", ["cars_run", "picture_run"])
def test_the_network_stays_as_it_was(name, request):
    run = request.getfixturevalue(name)
    before = state(run)
    run.attack(rows=12, steps=2)
    assert_untouched(run, before)


def test_the_network_stays_as_it_was_after_a_fault(picture_run, monkeypatch):
    before = state(picture_run)
    calls = iter(range(100))
    plain = picture_run.network.body

    def body(z, draw=None):
        if next(calls) == 6:
            raise RuntimeError("no more")
        return plain(z, draw)

    monkeypatch.setattr(picture_run.network, "body", body)
    with pytest.raises(RuntimeError, match="no more"):
        picture_run.attack(rows=12, steps=8)
    assert_untouched(picture_run, before)
