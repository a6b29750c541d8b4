"""Integrated gradients: contributions add up, silent inputs get none, and the network stays as it was."""

import json
from dataclasses import replace

import polars as pl
import pytest
import torch

from deepwright.core.errors import DataError, Refused
from deepwright.core.report import Grid, Pictures, Report
from deepwright.fields import Field
from deepwright.page.page import page
from deepwright.verbs.explain import IntegratedGradients
from deepwright.verbs.explain.integrated_gradients import attribute
from deepwright.verbs.explain.pictures import spread
from deepwright.verbs.explain.question import Question, ask
from deepwright.verbs.rows import chosen_rows
from deepwright.verbs.worst import MASK
from tests.verbs.conftest import assert_untouched, state


class Linear(torch.nn.Module):
    """3·a₀ − 2·a₁ + 5; looks at no other column."""

    members = 1

    def embed(self, inputs):
        return dict(inputs)

    def body(self, z, draw=None):
        return {"value": Field(z["a"].values @ torch.tensor([[3.0], [-2.0]]) + 5)}


class Value:
    """The task of a single number."""

    def score(self, outputs, targets):
        return outputs["value"].values[:, 0]


def question() -> Question:
    z = {"a": Field(torch.tensor([[1.0, 2.0], [-4.0, 0.5]])), "b": Field(torch.tensor([[7.0], [8.0]]))}
    base = {"a": Field(torch.tensor([[0.0, 1.0], [0.0, 1.0]])), "b": Field(torch.zeros(2, 1))}
    return Question(Linear(), Value(), z, base, None)


@pytest.mark.parametrize("steps", [1, 7])
def test_contributions_to_a_linear_score_are_exact(steps):
    found = attribute(question(), steps)
    torch.testing.assert_close(found.values["a"], torch.tensor([[3.0, -2.0], [-12.0, 1.0]]))
    torch.testing.assert_close(found.values["b"], torch.zeros(2, 1))
    assert found.gap < 1e-6
    torch.testing.assert_close(found.score - found.base, torch.tensor([1.0, -11.0]))


def test_the_midpoint_rule_is_exact_for_squares():
    """∫ of the slope of a², which is linear along the way: a² of the row minus a² of the start, by any number of steps."""

    class Square(Linear):
        def body(self, z, draw=None):
            return {"value": Field(z["a"].values.square().sum(1, keepdim=True))}

    found = attribute(replace(question(), network=Square()), 3)
    torch.testing.assert_close(found.values["a"], torch.tensor([[1.0, 3.0], [16.0, -0.75]]))


@pytest.mark.parametrize("name", ["tumours_run", "cars_run", "picture_run"])
def test_contributions_add_up_and_more_steps_add_up_better(name, request):
    run = request.getfixturevalue(name)
    asked = ask(run, chosen_rows(run, None, 24, 0).batch)
    found = attribute(asked, 128)
    assert found.gap < 0.03
    assert found.gap < attribute(asked, 2).gap
    for column, value in found.values.items():
        assert value.shape == asked.z[column].values.shape


def test_the_answer_stays_the_same_along_the_way(tumours_run):
    """At the uninformative input the network may answer otherwise; it is asked about its first answer all the same."""
    asked = ask(tumours_run, chosen_rows(tumours_run, None, 60, 0).batch)
    scores = asked.score(asked.base)
    assert scores.min() < 0 < scores.max()
    said = asked.own["diagnosis"].values[:, 0]
    assert len(scores[said == 0].unique()) == len(scores[said == 1].unique()) == 1


def test_an_embedded_label_starts_from_the_missing_one(cars_run):
    asked = ask(cars_run, chosen_rows(cars_run, None, 10, 0).batch)
    empty = cars_run.training_data().table.take(range(10)).with_columns(pl.lit(None, pl.String).alias("brand"))
    inputs = {name: feature.encode(empty[name]) for name, feature in cars_run.features.items()}
    with torch.no_grad():
        torch.testing.assert_close(asked.base["brand"].values, cars_run.network.embed(inputs)["brand"].values)
    assert len(asked.z["brand"].values.unique(dim=0)) > 1
    assert list(asked.z) == list(cars_run.features)


def test_the_column_that_decides_is_found(decided_run):
    data = decided_run.explain(rows=60).data
    sizes = {name: one["value"] for name, one in data["columns"].items()}
    assert max(sizes, key=sizes.get) == "x2"
    assert data["columns"]["x2"]["low"] > max(one["high"] for name, one in data["columns"].items() if name != "x2")
    assert data["better_than_random"] is True
    assert data["areas"]["deletion"]["attribution"]["high"] < data["areas"]["deletion"]["random"]["low"]
    assert data["areas"]["insertion"]["attribution"]["low"] > data["areas"]["insertion"]["random"]["high"]
    assert data["verdict"].startswith("The explanation is better than a random order")


def test_numbers_are_explained_too(cars_run):
    report = cars_run.explain()
    assert report.data["version"] == 1
    assert report.data["score"].startswith("predicted price")
    assert set(report.data["columns"]) == set(cars_run.features)
    (rows,) = (block for block in report.blocks if isinstance(block, Grid) and block.raw)
    assert len(rows.rows) == 12


def test_pictures_get_a_map_each(picture_run):
    report = picture_run.explain(rows=20, steps=16)
    assert report.data["columns"]["picture"]["low"] > report.data["columns"]["price"]["high"]
    assert report.data["better_than_random"] is True
    (maps,) = (block for block in report.blocks if isinstance(block, Pictures))
    assert maps.raw
    assert len(maps.images) == len(maps.captions) == len(maps.alts) == 8
    assert all(image.startswith("data:image/png;base64,") for image in maps.images)
    assert all("most of what spoke for" in alt for alt in maps.alts)


def test_the_report_survives_json_and_is_drawn(cars_run):
    report = cars_run.explain(rows=16, steps=4)
    again = Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False)))
    assert again == report
    assert "What moved single answers" in page("run", [again])
    assert "What moved single answers" not in page("run", [again], rows=False)


def test_new_rows_need_no_target(decided_run):
    frame = pl.DataFrame({f"x{place}": [0.5, -0.5, 1.0] for place in range(6)})
    report = decided_run.explain(on=frame, steps=4)
    assert (report.data["split"], report.data["n"]) == ("new data", 3)
    assert report.data["better_than_random"] is None
    assert report.data["verdict"].startswith("Too few rows (3)")
    assert decided_run.explain(on=frame[:1], steps=4).data["n"] == 1


def test_the_same_seed_gives_the_same_report(decided_run):
    first, second = (decided_run.explain(rows=12, steps=4, seed=3) for _ in range(2))
    assert first == second
    assert first != decided_run.explain(rows=12, steps=4, seed=4)


def test_personal_cells_are_masked(decided_run, monkeypatch):
    monkeypatch.setattr("deepwright.verbs.rows.looks_personal", lambda name, column: name == "x2")
    report = decided_run.explain(rows=12, steps=4)
    (rows,) = (block for block in report.blocks if isinstance(block, Grid) and block.raw)
    cells = [cell for row in rows.rows for cell in row if isinstance(cell, str)]
    assert any(cell.startswith(f"x2 = {MASK} (") for cell in cells)
    assert all(cell.startswith(f"x2 = {MASK}") for cell in cells if cell.startswith("x2 ="))


def test_refusals_are_sentences(decided_run):
    with pytest.raises(Refused, match="has no target, so it gives no answers"):
        IntegratedGradients()(replace(decided_run, task=None))
    with pytest.raises(DataError, match="x5"):
        decided_run.explain(on=pl.DataFrame({f"x{place}": [0.5] for place in range(5)}))


def test_a_network_that_takes_ids_in_its_body_is_refused(decided_run, monkeypatch):
    plain = decided_run.network.embed

    def whole(inputs):
        return {name: field.with_values(field.values.long()) for name, field in plain(inputs).items()}

    monkeypatch.setattr(decided_run.network, "embed", whole)
    with pytest.raises(Refused, match="no gradient"):
        decided_run.explain()


@pytest.mark.parametrize("name", ["cars_run", "picture_run"])
def test_the_network_stays_as_it_was(name, request):
    run = request.getfixturevalue(name)
    before = state(run)
    run.explain(rows=12, steps=3)
    assert_untouched(run, before)


def test_the_network_stays_as_it_was_after_a_fault(picture_run, monkeypatch):
    before = state(picture_run)
    calls = iter(range(100))
    plain = picture_run.network.body

    def body(z, draw=None):
        if next(calls) == 4:
            raise RuntimeError("no more")
        return plain(z, draw)

    monkeypatch.setattr(picture_run.network, "body", body)
    with pytest.raises(RuntimeError, match="no more"):
        picture_run.explain(rows=12)
    assert_untouched(picture_run, before)


def test_examples_are_spread_over_the_rows() -> None:
    """In a folder of pictures the first rows are all of one class."""
    assert spread(64, 4) == [0, 21, 42, 63]
    assert spread(3, 8) == [0, 1, 2]
    assert spread(1, 8) == [0]
