"""Dates: many ways to write them, one moment."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwright.contracts import NEAR
from deepwright.features.date import Date
from tests.features.plain import codes, fitted, inferred

DAYS = (date(2024, 1, 5), date(2024, 12, 31), date(2023, 7, 14), date(1955, 3, 2))


def column(cells: Any, dtype: Any = None) -> pl.Series:
    return pl.Series("t", cells, dtype=dtype)


def read(cells: Any) -> list[Any]:
    suits = Date.suits(column(cells))
    assert suits is not None
    return suits.settings.parse(column(cells)).to_list()


@pytest.mark.parametrize(
    "form",
    ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d %B %Y", "%d %b %Y",
     "%B %d, %Y", "%b %d, %Y", "%d-%b-%Y", "%d. %B %Y"],
)  # fmt: skip
@pytest.mark.parametrize("time", ["", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", ", %H:%M", " %H:%M:%S.%f"])
def test_days_are_read_however_they_are_written(form: str, time: str) -> None:
    if time and form == "%Y%m%d":
        return
    moments = [datetime(day.year, day.month, day.day, 15, 7) for day in DAYS]
    expected = moments if time else [datetime(day.year, day.month, day.day) for day in DAYS]
    assert read([moment.strftime(form + time) for moment in moments]) == expected


def test_two_digits_for_the_year_and_no_zeros_before_digits() -> None:
    assert read(["5.1.24", "31.12.23", "1.2.99"]) == [
        datetime(2024, 1, 5),
        datetime(2023, 12, 31),
        datetime(1999, 2, 1),
    ]
    assert read(["31-12-23", "1-2-24"]) == [datetime(2023, 12, 31), datetime(2024, 2, 1)]


@pytest.mark.parametrize("cells", [["2024-01", "1999-12"], ["1/2024", "12/1999"], ["January 2024", "December 1999"],
                                   ["Jan 2024", "Dec 1999"], ["Jan-2024", "Dec-1999"], ["Jan-24", "Dec-99"]])  # fmt: skip
def test_months_are_their_first_day(cells: list[str]) -> None:
    assert read(cells) == [datetime(2024, 1, 1), datetime(1999, 12, 1)]


@pytest.mark.parametrize(
    ("cell", "hour"),
    [("2024-06-01T12:00:00Z", 12), ("2024-06-01 12:00:00+02:00", 10), ("2024-06-01 12:00-0530", 17), ("2024-06-01 12:00 UTC", 12)],
)  # fmt: skip
def test_written_time_zones_are_taken_off(cell: str, hour: int) -> None:
    assert read([cell] * 3)[0].hour == hour


def test_zones_of_typed_columns_are_taken_off_too() -> None:
    cells = column([datetime(2024, 6, 1, 12, tzinfo=UTC)]).dt.convert_time_zone("Asia/Tokyo")
    assert inferred(Date, cells).settings.parse(cells).to_list() == [datetime(2024, 6, 1, 12)]


def test_day_or_month_first_is_decided_by_a_cell_that_tells_and_noted_otherwise() -> None:
    told = Date.suits(column(["1/2/2024", "13/4/2024", "5/6/2024"]))
    assert told is not None
    assert (told.settings.form, told.notes) == ("%d/%m/%Y", ())
    (note,) = Date.suits(column(["1/2/2024", "3/4/2024"])).notes  # type: ignore[union-attr]
    assert "read as month first. If the day comes first: --set 'features.\"t\".form=%d/%m/%Y'" in note
    (note,) = Date.suits(column(["1.2.2024", "3.4.2024"])).notes  # type: ignore[union-attr]
    assert "read as day first. If the month comes first: --set 'features.\"t\".form=%m.%d.%Y'" in note


@pytest.mark.parametrize(
    "cells",
    [["10:30", "11:45"], ["1-2", "3-4"], ["555-1234", "555-9999"], ["192.168.1.1", "10.0.0.1"], ["1.2.3", "4.5.6"], ["12345678"],
     ["1.5", "2.25"], ["A-2024-01", "B-2024-02"], ["may", "june"], ["1/2", "3/4"], [""], [None], ["12.5.7.1"]],
)  # fmt: skip
def test_what_only_looks_like_dates_is_none(cells: list[str]) -> None:
    assert Date.suits(column(cells * 5, pl.String)) is None


def test_a_column_of_dates_with_few_wrong_cells() -> None:
    cells = column(["2024-01-05"] * 95 + ["soon", "soon", "2024-02-30", "9999-12-31", None])
    feature = inferred(Date, cells)
    found = {finding.code: finding for finding in feature.findings(cells)}
    assert found["bad-values"].values == ("soon", "2024-02-30", "9999-12-31")
    assert found["bad-values"].count == 4
    assert found["missing"].count == 1
    assert feature.encode(cells).values[-5:, -1].tolist() == [1.0] * 5


def test_a_column_of_too_many_other_cells_is_nearly_dates() -> None:
    near = Date.suits(column(["2024-01-05"] * 8 + ["soon"] * 2))
    assert near is not None
    assert (near.score, near.settings.form) == (NEAR, "%Y-%m-%d")
    mixed = Date.suits(column(["13/01/2020", "01/14/2020", "2020-01-15", "16.1.2020"] * 10))
    assert mixed is not None
    assert mixed.score == NEAR
    assert Date.suits(column(["2024-01-05"] * 4 + ["soon"] * 6)) is None


def test_words_and_zeros_for_no_date_do_not_speak_against_dates() -> None:
    suits = Date.suits(column(["2024-01-05", "0000-00-00", "NA", "0000-00-00 00:00:00"] * 5))
    assert suits is not None
    assert suits.score > 0.8


def test_text_in_a_column_that_was_none_in_training_is_read_where_it_is_unmistakable() -> None:
    feature = inferred(Date, column([date(2024, 1, 5), date(2024, 6, 7)]))
    texts = column(["2024-01-05", "2024/01/05", "5 January 2024", "2024-01-05T00:00:00", "01/05/2024", None])
    same = feature.encode(column([date(2024, 1, 5)])).values[0]
    values = feature.encode(texts).values
    assert all((values[k] == same).all() for k in range(4))
    assert not values[4:].any()
    assert codes(feature, texts) == {"bad-values": 1, "missing": 1}


def test_years_that_mean_never_do_not_stretch_the_scale() -> None:
    cells = column([*DAYS, date(9999, 12, 31)])
    feature = inferred(Date, cells)
    assert codes(feature, cells) == {"bad-values": 1}
    assert feature.high < 2e9


def test_cycles_close_at_the_ends_of_year_and_week() -> None:
    days = column([date(2022, 12, 31), date(2023, 1, 1), date(2023, 7, 1), date(2023, 1, 2), date(2023, 1, 8)])
    year, week = (inferred(Date, days).encode(days).values[:, place] for place in (slice(1, 3), slice(3, 5)))
    assert (year[0] - year[1]).norm() < 0.05
    assert (year[1] - year[2]).norm() > 1.9
    steps = [(week[a] - week[b]).norm().item() for a, b in ((0, 1), (1, 3))]  # Saturday, Sunday, Monday
    assert steps == pytest.approx([2 * np.sin(np.pi / 7)] * 2, abs=1e-5)
    assert week[1].tolist() == pytest.approx(week[4].tolist())  # two Sundays


def test_times_add_their_place_in_the_day() -> None:
    cells = column([datetime(2024, 1, 1, 0, 0), datetime(2024, 1, 1, 23, 59), datetime(2024, 1, 1, 12, 0)])
    values = inferred(Date, cells).encode(cells).values
    assert values.shape == (3, 7)
    assert (values[0, 5:] - values[1, 5:]).norm() < 0.01
    assert (values[0, 5:] - values[2, 5:]).norm() > 1.9


@given(st.lists(st.dates(date(1000, 1, 1), date(2199, 12, 31)), min_size=1, max_size=30))
def test_days_come_back(days: list[date]) -> None:
    feature = fitted(Date(), column(days))
    back = feature.decode(feature.encode(column(days))).to_list()
    assert all(abs((a - b).days) <= 1 for a, b in zip(days, back, strict=True))
    if max(days).year - min(days).year < 100:
        assert back == days


@given(st.lists(st.one_of(st.none(), st.dates()), min_size=2, max_size=30), st.integers(0, 30))
def test_chunks_in_any_order_make_the_same_feature(days: list[date | None], cut: int) -> None:
    whole = fitted(Date(), column(days, pl.Date))
    parts = fitted(Date(), column(days[cut:], pl.Date), column(days[:cut], pl.Date))
    assert parts == whole


def test_text_comes_back_as_it_was_written() -> None:
    for cells in (["Mar-2018", "Jan-2017", None], ["03.02.2018", "28.11.2017", "05.01.2018"], ["2020-05-01", None, ""]):
        feature = inferred(Date, column(cells, pl.String))
        back = feature.decode(feature.encode(column(cells, pl.String)))
        assert back.to_list() == [cell or None for cell in cells]


def test_before_training_and_after_it_stay_within_bounds() -> None:
    feature = inferred(Date, column([date(2020, 1, 1), date(2021, 1, 1)]))
    time = feature.encode(column([date(1900, 1, 1), date(2150, 1, 1), date(2020, 7, 1)])).values[:, 0]
    assert time.tolist() == pytest.approx([-2.0, 2.0, 0.0], abs=0.01)


def test_a_column_without_any_date_is_only_missing() -> None:
    feature = fitted(Date(form="%Y-%m-%d"), column([None, ""], pl.String))
    assert feature.encode(column(["2024-01-01", None])).values[:, -1].tolist() == [0.0, 1.0]
    assert feature.decode(feature.encode(column([None], pl.String))).to_list() == [None]


def test_baselines_see_gaps_as_gaps() -> None:
    cells = column([datetime(2024, 1, 1, 5), None, datetime(2024, 3, 1, 6)])
    flat = inferred(Date, cells).baseline_columns(cells)
    assert flat.width == 7
    assert [any(np.isnan(row)) for row in flat.iter_rows()] == [False, True, False]
