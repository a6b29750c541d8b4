"""Parallel coordinates: every line, every label, whatever the numbers are."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.report import Chart, Report, Scale
from deepwright.page.charts import data_table, draw, keeps_size
from tests.page.samples import HOSTILE, tuning
from tests.page.test_charts import NAN, SVG, parsed


def lines(chart: Chart) -> list[ElementTree.Element]:
    return [e for e in parsed(chart).iter(f"{SVG}path") if e.find(f"{SVG}title") is not None]


def test_every_row_is_a_line_and_the_best_is_drawn_last_and_boldest() -> None:
    chart = tuning(8, 12)
    drawn = lines(chart)
    assert len(drawn) == 12
    titles = ["".join(e.itertext()) for e in drawn]
    assert titles[-1].startswith("trial 0: lr ")
    assert "batch " in titles[-1]
    assert "faint" in drawn[0].attrib["class"]
    assert drawn[-1].attrib["class"] == "line"
    assert drawn[-1].attrib.get("stroke-dasharray") is None
    assert len({e.attrib.get("stroke-dasharray") for e in drawn}) == 3, "told apart without colour"


def test_labels_stand_at_their_places_and_equal_ratios_lie_equally_far_apart() -> None:
    scales = (Scale("rate", log=True), Scale("word", ("low", "middle", "high")))
    chart = Chart(
        "t", "a", "parallel", matrix=((1e-4, 0.0), (1e-3, 1.0), (1e-2, 2.0)), scales=scales, groups=("g",) * 3
    )
    heights = [list(map(float, re.findall(r" ([0-9.]+)(?=L|$)", e.attrib["d"]))) for e in lines(chart)]
    for first, second, third in zip(*heights, strict=True):
        assert second - first == pytest.approx(third - second, abs=0.11)
    told = "".join(parsed(chart).itertext())
    assert all(word in told for word in ("low", "middle", "high", "rate"))


def test_many_axes_keep_their_size_and_few_shrink_with_the_page() -> None:
    assert keeps_size(tuning(8))
    assert not keeps_size(tuning(5))
    assert "width" in parsed(tuning(8)).attrib


def test_rows_with_unknown_values_are_told_to_be_missing() -> None:
    scales = (Scale("rate", log=True), Scale("word", ("a",)))
    chart = Chart("t", "a", "parallel", matrix=((1.0, 0.0), (NAN, 0.0), (0.0, 0.0), (1.0, 5.0)), scales=scales)
    assert len(lines(chart)) == 1
    assert draw(chart)[1] == "3 lines with unknown values are not drawn."


def test_the_table_has_the_words_and_every_number() -> None:
    chart = tuning(8, 4)
    heads, rows = data_table(chart)
    assert heads == ("trial", *(scale.name for scale in chart.scales), "group")
    for row, values in zip(rows, chart.matrix, strict=True):
        for cell, value, scale in zip(row[1:], values, chart.scales, strict=False):
            assert cell == (scale.labels[int(value)] if scale.labels else value)


numbers = st.floats(width=32)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(numbers, min_size=2, max_size=9), max_size=6), st.lists(st.booleans(), min_size=9, max_size=9))
def test_any_numbers_are_drawn(rows: list[list[float]], log: list[bool]) -> None:
    scales = tuple(Scale(f"{HOSTILE}{k}", log=one) for k, one in enumerate(log))
    chart = Chart("t", "a", "parallel", matrix=tuple(map(tuple, rows)), scales=scales, y_names=(HOSTILE,))
    parsed(chart)
    data_table(chart)


def test_it_survives_being_stored() -> None:
    report = Report("tune", "t", {"version": 1}, (tuning(8, 3),))
    assert Report.from_dict(report.to_dict()) == report
