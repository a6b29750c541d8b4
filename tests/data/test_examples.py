"""The example key: long tables become one row an id, and new data is treated alike."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.errors import DataError
from deepwright.data.examples import Examples, plan_examples
from deepwright.data.table import FrameTable


def table(**columns: Any) -> FrameTable:
    return FrameTable(pl.DataFrame(columns), "visits.csv")


VISITS = table(
    patient=["b", "a", "b", "a", "b", "c"],
    sex=["f", "m", None, "m", "f", ""],
    dose=["1,5", "2,0", "3,5", "", "2,5", "7,0"],
    drug=["x", "y", "x", "z", "y", None],
    pulse=[60, 70, 80, None, 100, 55],
    ill=["no", "yes", "no", "yes", "no", "no"],
)


def test_one_row_an_id_in_order_of_first_appearance() -> None:
    frame = plan_examples(VISITS, "patient", ["ill"]).apply(VISITS).frame
    assert frame["patient"].to_list() == ["b", "a", "c"]
    assert frame["rows"].to_list() == [3, 2, 1]
    assert frame["ill"].to_list() == ["no", "yes", "no"]
    assert frame["sex"].to_list()[:2] == ["f", "m"]


def test_numbers_are_summarised_as_they_are_written() -> None:
    frame = plan_examples(VISITS, "patient", ["ill"]).apply(VISITS).frame
    assert frame["dose mean"].to_list() == [2.5, 2.0, 7.0]
    assert frame["dose spread"].to_list() == [1.0, None, None]
    assert frame.row(0, named=True) | {
        "pulse lowest": 60,
        "pulse highest": 100,
        "pulse first": 60,
        "pulse last": 100,
    } == (frame.row(0, named=True))
    assert frame["pulse last"].to_list() == [100, 70, 55]  # the last that is known


def test_words_become_the_first_the_usual_and_how_many() -> None:
    frame = plan_examples(VISITS, "patient", ["ill"]).apply(VISITS).frame
    assert frame["drug first"].to_list() == ["x", "y", None]
    assert frame["drug usual"].to_list() == ["x", "y", None]
    assert frame["drug different"].to_list() == [2, 2, 0]


def test_new_data_may_lack_columns_and_have_more() -> None:
    plan = Examples.model_validate(plan_examples(VISITS, "patient", ["ill"]).model_dump(mode="json"))
    new = table(patient=["q", "q"], pulse=["50", "x"], drug=["z", "z"], shoe=[41, 42])
    frame = plan.apply(new).frame
    assert frame.columns[:2] == ["patient", "rows"]
    assert not any("shoe" in name or "dose" in name for name in frame.columns)
    assert frame["pulse mean"].to_list() == [50.0]
    assert frame["drug usual"].to_list() == ["z"]


def test_one_row_of_new_data_gets_the_columns_of_training() -> None:
    plan = plan_examples(VISITS, "patient", ["ill"])
    assert plan.apply(FrameTable(VISITS.frame.head(1), "one.csv")).columns == plan.apply(VISITS).columns


def test_words_of_a_number_column_in_new_data_are_missing() -> None:
    plan = plan_examples(table(id=[1, 1, 2], x=[1.0, 2.0, 3.0]), "id", [])
    assert plan.apply(table(id=[5], x=["many"])).frame["x mean"].to_list() == [None]


def test_a_target_with_several_values_for_one_id_is_a_sentence() -> None:
    with pytest.raises(DataError, match="The target 'ill' has several values for one example: see 'patient' = a"):
        plan_examples(table(patient=["a", "b", "a"], x=[1, 2, 3], ill=["yes", "no", "no"]), "patient", ["ill"])


def test_one_label_written_in_two_ways_is_one_value() -> None:
    plan = plan_examples(table(id=["a", "a", "b"], x=[1, 2, 3], ill=["yes", " yes", ""]), "id", ["ill"])
    assert "ill" in plan.constant


def test_rows_without_an_id_and_a_missing_key_are_sentences() -> None:
    with pytest.raises(DataError, match=r"Row 2 of visits\.csv has no id in 'id'"):
        plan_examples(table(id=["a", None], x=[1, 2]), "id", []).apply(table(id=["a", None], x=[1, 2]))
    with pytest.raises(DataError, match=r"Row 3 of visits\.csv has no id in 'id'"):
        plan_examples(table(id=["a", "b", " "], x=[1, 2, 3]), "id", []).apply(table(id=["a", "b", " "], x=[1, 2, 3]))
    with pytest.raises(DataError, match=r"no column 'idd'.*Did you mean 'id'"):
        plan_examples(table(id=[1], x=[2]), "idd", [])


def test_lists_that_differ_within_an_id_are_a_sentence() -> None:
    with pytest.raises(DataError, match="'x' differs within one 'id' and cannot be summarised; leave it out"):
        plan_examples(table(id=[1, 1], x=[[1], [2]]), "id", [])


def test_columns_that_differ_within_an_id_can_be_left_out() -> None:
    lists = table(id=[1, 1, 2], x=[[1], [2], [3]], y=[1, 2, 3], same=["a", "a", "b"])
    plan = plan_examples(lists, "id", [], ["x", "same"])
    assert plan.ignored == ("x",)
    assert plan.constant == ("same",)  # whoever ignores it finds it by its own name
    assert not any(name.startswith("x ") for name in plan.apply(lists).columns)
    assert Examples.model_validate(plan.model_dump()) == plan


def test_a_table_may_already_have_a_column_called_like_a_summary() -> None:
    plan = plan_examples(table(id=[1, 1, 2], x=[1, 2, 3], rows=[7, 7, 8], **{"x mean": [0, 0, 1]}), "id", [])
    frame = plan.apply(table(id=[1, 1, 2], x=[1, 2, 3], rows=[7, 7, 8], **{"x mean": [0, 0, 1]})).frame
    assert frame.height == 2
    assert len(set(frame.columns)) == len(frame.columns)


def test_dates_and_truth_values_are_words() -> None:
    moments = pl.Series([1, 2, 3]).cast(pl.Date)
    frame = plan_examples(table(id=[1, 1, 2], t=moments, b=[True, False, True]), "id", [])
    assert set(frame.words) == {"t", "b"}
    assert frame.apply(table(id=[1, 1, 2], t=moments, b=[True, False, True])).frame["b different"].to_list() == [2, 1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-50, 50)), min_size=1, max_size=40))
def test_summaries_are_those_of_each_ids_rows(rows: list[tuple[int, int]]) -> None:
    ids, values = zip(*rows, strict=True)
    long = table(id=list(ids), v=list(values))
    frame = plan_examples(long, "id", []).apply(long).frame
    assert frame["id"].to_list() == list(dict.fromkeys(ids))
    for key, own in zip(frame["id"], frame.iter_rows(named=True), strict=True):
        mine = [value for name, value in rows if name == key]
        assert own["rows"] == len(mine)
        if "v mean" in own:
            assert own["v mean"] == pytest.approx(sum(mine) / len(mine))
            assert (own["v lowest"], own["v highest"]) == (min(mine), max(mine))
            assert (own["v first"], own["v last"]) == (mine[0], mine[-1])
        else:
            assert set(mine) == {own["v"]}
