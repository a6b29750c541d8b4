"""One column in two files of different kinds: no cell may get lost on the way to one type."""

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

import deepwright.features  # noqa: F401  the kinds that read dates
from deepwright.core.errors import DataError
from deepwright.data.alike import alike

DAYS = [date(2024, 1, 5), date(2024, 2, 13), None]
MOMENTS = [datetime(2024, 1, 5), datetime(2024, 2, 13), None]


@pytest.mark.parametrize(
    ("first", "second", "cells"),
    [
        ([1, 2], [3, 4], [1, 2, 3, 4]),
        ([1, 2], [0.5, None], [1.0, 2.0, 0.5, None]),
        ([1, 2], ["3", "4.5", ""], [1.0, 2.0, 3.0, 4.5, None]),
        ([1, 2], ["3", "n/a"], ["1", "2", "3", "n/a"]),
        ([1.5], ["2,5", "3,25"], [1.5, 2.5, 3.25]),
        (["1", "2"], [3, 4], ["1", "2", "3", "4"]),
        ([True, False], ["yes", "no"], ["true", "false", "yes", "no"]),
        ([True], [0], ["true", "0"]),
        (DAYS, ["2024-03-01", None], [*MOMENTS, datetime(2024, 3, 1), None]),
        (DAYS, ["1.3.2024", "14.3.2024"], [*MOMENTS, datetime(2024, 3, 1), datetime(2024, 3, 14)]),
        (DAYS, ["2024-03-01", "soon"], ["2024-01-05", "2024-02-13", None, "2024-03-01", "soon"]),
        (["05.01.2024", "13.02.2024"], DAYS, ["05.01.2024", "13.02.2024", "05.01.2024", "13.02.2024", None]),
        (DAYS, [datetime(2024, 1, 5, 12)], [*MOMENTS, datetime(2024, 1, 5, 12)]),
        ([None, None], ["a"], [None, None, "a"]),
        (["a"], [None], ["a", None]),
    ],
)
def test_all_cells_are_there(first: list[Any], second: list[Any], cells: list[Any]) -> None:
    one, two = pl.Series("x", first), pl.Series("x", second)
    made = alike(one, two)
    whole = pl.concat([made.first(one), made.second(two)])
    assert whole.dtype == made.dtype
    assert whole.to_list() == cells


def test_numbers_are_written_with_the_first_table_s_decimal_sign() -> None:
    assert alike(pl.Series(["1,5"]), pl.Series([2.5]), ",").second(pl.Series([2.5])).to_list() == ["2,5"]


def test_pictures_and_words_do_not_go_together() -> None:
    with pytest.raises(DataError, match="give both the same type"):
        alike(pl.Series("x", [[1, 2]]), pl.Series("x", ["a"]))
