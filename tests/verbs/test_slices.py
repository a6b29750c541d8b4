"""Slices: the figure for parts of the rows, the worst first."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import deepwright.metrics  # noqa: F401
from deepwright.core.report import Grid
from deepwright.data.table import FrameTable
from deepwright.features import infer_features
from deepwright.metrics.numbers import MAE
from deepwright.verbs.slices import BOOTSTRAPPED, FEWEST, MOST, bootstrap, slices

ROWS = 300
PLACE = np.arange(ROWS)


def grid(columns: dict[str, Any], right: np.ndarray) -> Grid | None:
    """Slices of the accuracy, where `right` says which rows were answered well."""
    frame = pl.DataFrame(columns, strict=False)
    settings = infer_features({name: frame[name] for name in columns}, {}).settings
    features = {name: kind.fit(kind.summarise(frame[name]), name) for name, kind in settings.items()}
    truth = torch.from_numpy(PLACE % 2)
    said = torch.where(torch.from_numpy(right), truth, 1 - truth)
    answer = {"probability": torch.nn.functional.one_hot(said, 2).double()}
    table = FrameTable(frame, "t")
    answered = SimpleNamespace(table=table, rows=PLACE, answer=answer, truth={"label": truth})
    blocks = slices(SimpleNamespace(features=features), answered, "accuracy")  # type: ignore[arg-type]
    return blocks[0] if blocks else None  # type: ignore[return-value]


def test_the_part_that_is_served_badly_comes_first() -> None:
    town = np.where(PLACE < 100, "Bonn", np.where(PLACE < 200, "Rome", "Oslo"))
    found = grid({"town": town, "size": np.random.default_rng(0).normal(size=ROWS)}, (PLACE >= 100) | (PLACE % 2 == 0))
    assert found is not None
    assert found.rows[0][:3] == ("town", "Bonn", 100)
    assert str(found.rows[0][3]).startswith("0.500 [0.4")
    assert "All rows together: 0.833 [" in found.note
    assert next(row[1] for row in found.rows if row[0] == "town") == "Bonn"


def test_quantities_are_cut_in_thirds_flags_in_two_and_gaps_are_a_part() -> None:
    size = np.where(PLACE % 3 == 0, np.nan, PLACE * 1.0)
    found = grid({"size": size, "heated": np.where(PLACE % 4 == 0, "yes", "no")}, PLACE % 7 > 0)
    assert found is not None
    parts = {(row[0], row[1]): row[2] for row in found.rows}
    assert parts["size", "missing"] == 100
    assert sum(rows for (name, _), rows in parts.items() if name == "size") == ROWS
    assert parts["heated", "yes"] == 75
    assert parts["heated", "no"] == 225


def test_parts_without_words_are_no_slices_and_names_may_hold_colons() -> None:
    days = [f"2024-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(ROWS)]
    many = [f"label {n % 60}" for n in range(ROWS)]
    found = grid({"day": days, "many": many, "unit: cm": PLACE * 1.5, "is: new": ["yes", "no"] * 150}, PLACE % 7 > 0)
    assert found is not None
    assert {row[0] for row in found.rows} == {"unit: cm", "is: new"}


def test_small_parts_and_single_parts_are_not_shown() -> None:
    town = np.where(PLACE < FEWEST - 1, "Bonn", np.where(PLACE < 160, "Rome", "Oslo"))
    found = grid({"town": town}, PLACE % 5 > 0)
    assert found is not None
    assert {row[1] for row in found.rows} == {"Rome", "Oslo"}
    assert grid({"town": np.where(PLACE < FEWEST - 1, "Bonn", "Rome")}, PLACE % 5 > 0) is None


def test_no_more_than_can_be_read() -> None:
    chance = np.random.default_rng(0)
    found = grid({f"x{n}": chance.normal(size=ROWS) for n in range(20)}, PLACE % 5 > 0)
    assert found is not None
    assert len(found.rows) == MOST


@pytest.mark.parametrize(
    "cells", [np.where(PLACE % 2, "a@b.org", "c@d.org"), np.where(PLACE % 2, "+49 30 123456", "+49 30 99988")]
)
def test_what_points_at_a_person_names_no_slice(cells: np.ndarray) -> None:
    assert grid({"contact": cells}, PLACE % 5 > 0) is None


def test_the_interval_of_many_rows_is_as_wide_as_that_of_them_all() -> None:
    rows = torch.randn(4 * BOOTSTRAPPED, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 3
    draws = bootstrap(MAE(), rows, torch.Generator().manual_seed(1))
    assert abs(draws.mean() - MAE().value(rows)) < 0.005
    assert 0.75 < draws.std() * len(rows) ** 0.5 < 1.25  # the spread of one row is 1
