"""Flags: yes and no in several languages, and everything else missing."""

from typing import Any

import polars as pl
import pytest

from deepwright.features.flag import Flag
from tests.features.plain import codes, fitted, inferred


def column(cells: Any, dtype: Any = None) -> pl.Series:
    return pl.Series("f", cells, dtype=dtype)


@pytest.mark.parametrize(
    ("yes", "no"),
    [("yes", "no"), ("Y", "N"), ("TRUE", "FALSE"), ("t", "f"), ("1", "0"), (1, 0), (1.0, 0.0), (True, False), ("ja", "nein"),
     ("oui", "non"), ("sí", "no"), ("on", "off"), ("+", "-"), (" Yes ", "no")],
)  # fmt: skip
def test_yes_and_no(yes: Any, no: Any) -> None:
    cells = column([yes, no, yes, None], None)
    feature = inferred(Flag, cells)
    assert feature.encode(cells).values.tolist() == [[1, 0], [-1, 0], [1, 0], [0, 1]]
    written = [cell.strip() if isinstance(cell, str) else cell for cell in (yes, no)]
    assert feature.decode(feature.encode(cells)).to_list() == [written[0], written[1], written[0], None]


@pytest.mark.parametrize(
    "cells",
    [
        ["yes", "no", "maybe"],
        ["yes", "yes"],
        [None, None],
        ["", ""],
        [1, 2],
        [0, 1, 2],
        [0.0, 0.5],
        ["a", "b"],
        [[1], [0]],
    ],
)
def test_what_is_no_flag(cells: list[Any]) -> None:
    assert Flag.suits(column(cells)) is None


def test_gaps_written_as_nan_are_gaps() -> None:
    cells = column([1.0, 0.0, float("nan"), None])
    assert inferred(Flag, cells).encode(cells).values[:, 1].tolist() == [0, 0, 1, 1]
    assert codes(inferred(Flag, cells), cells) == {"missing": 2}


def test_wrong_cells_of_a_named_flag_are_missing_and_listed() -> None:
    cells = column(["yes", "no", "perhaps", "perhaps", ""])
    feature = fitted(Flag(), cells)
    assert feature.encode(cells).values[:, 0].tolist() == [1, -1, 0, 0, 0]
    assert codes(feature, cells) == {"bad-values": 2, "missing": 1}


def test_missing_only_in_new_data_is_neither() -> None:
    feature = fitted(Flag(), column(["yes", "no"]))
    assert feature.encode(column([None, "no"])).values.tolist() == [[0.0], [-1.0]]


def test_flags_come_back_as_they_are_mostly_written() -> None:
    feature = fitted(Flag(), column(["yes", "No", "No"]), column(["Yes", "no", "Yes"]))
    assert feature.decode(feature.encode(column(["no", "YES"]))).to_list() == ["No", "Yes"]
    whole = fitted(Flag(), column([1.0, 0.0, None]))
    assert whole.decode(whole.encode(column([0.0, 1.0]))).dtype == pl.Int64


def test_the_middle_is_the_share_of_yes() -> None:
    cells = column(["yes", "no", "no", "no"])
    feature = fitted(Flag(), cells)
    assert feature.baseline(feature.encode(cells)).values[:, 0].tolist() == [-0.5] * 4


def test_chunks_add_up() -> None:
    whole = fitted(Flag(), column(["yes", "no", None, "no"]))
    assert fitted(Flag(), column([None, "no"], pl.String), column(["no", "yes"])) == whole


def test_baselines_see_one_zero_and_gaps() -> None:
    flat = fitted(Flag(), column(["yes", "no"])).baseline_columns(column(["yes", "no", "?"]))
    assert flat["f"].to_list()[:2] == [1.0, 0.0]
    assert flat["f"].is_nan()[2]
