"""Two tables one after the other read like one, whatever the order of rows and columns."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from deepwright.contracts import Finding
from deepwright.data.chain import Chain
from deepwright.data.table import FrameTable

FIRST = FrameTable(
    pl.DataFrame({"a": ["1", "2", "3"], "b": ["x", None, "z"], "c": [1.5, 2.5, None]}), "train.csv",
    (Finding("note", "one", "first"),), {"delimiter": ";"},
)  # fmt: skip
SECOND = FrameTable(
    pl.DataFrame({"c": ["7.5", "bad"], "d": [0, 0], "a": [4, 5]}), "test.csv", (Finding("note", "two", "second"),)
)
WHOLE = pl.DataFrame(
    {"a": ["1", "2", "3", "4", "5"], "b": ["x", None, "z", None, None], "c": ["1.5", "2.5", None, "7.5", "bad"]}
)


def test_it_reads_like_one_table() -> None:
    chain = Chain(FIRST, SECOND)
    assert (chain.columns, chain.height, chain.origin) == (("a", "b", "c"), 5, "train.csv")
    assert chain.decisions == {"delimiter": ";"}
    assert [finding.code for finding in chain.findings] == ["one", "two"]
    assert_frame_equal(chain.select(["c", "a", "b"]), WHOLE.select("c", "a", "b"))


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
@pytest.mark.parametrize("columns", [None, ["c", "a"], ["b"]])
def test_chunks_are_its_rows_in_order(rows: int, columns: list[str] | None) -> None:
    chunks = list(Chain(FIRST, SECOND).chunks(columns, rows))
    assert all(0 < chunk.height <= rows for chunk in chunks)
    assert_frame_equal(pl.concat(chunks), WHOLE.select(columns or WHOLE.columns))


@given(st.lists(st.integers(0, 4), max_size=12))
def test_rows_come_in_the_order_asked_for(rows: list[int]) -> None:
    assert_frame_equal(Chain(FIRST, SECOND).take(rows), WHOLE[rows])
    assert_frame_equal(Chain(FIRST, SECOND).take(np.array(rows, dtype=np.int64), ["b"]), WHOLE.select("b")[rows])


def test_an_empty_first_table_lends_its_columns() -> None:
    chain = Chain(FrameTable(FIRST.frame.clear(), "train.csv"), SECOND)
    chunks = list(chain.chunks())
    assert {tuple(chunk.columns) for chunk in chunks} == {("a", "b", "c")}
    assert_frame_equal(pl.concat(chunks), chain.select(["a", "b", "c"]))
