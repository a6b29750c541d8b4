"""Tables in memory and on the disk answer alike."""

import gc
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from deepwright.core.errors import DataError
from deepwright.data.table import FrameTable, ScannedTable, digests, require_columns, scratch_folder

FRAME = pl.DataFrame({"a": range(1000), "b": [str(k) for k in range(1000)]})


@pytest.fixture(params=["memory", "disk"])
def table(request, tmp_path):
    if request.param == "memory":
        return FrameTable(FRAME, "t", files=(tmp_path / "t.parquet",))
    FRAME.write_parquet(tmp_path / "t.parquet", row_group_size=100)
    return ScannedTable(tmp_path / "t.parquet", "t", files=(tmp_path / "t.parquet",))


def test_shape(table):
    assert (table.columns, table.height) == (("a", "b"), 1000)


@pytest.mark.parametrize("rows", [1, 7, 1000, 5000])
@pytest.mark.parametrize("columns", [None, ["b"], ["b", "a"]])
def test_chunks_together_are_the_table(table, rows, columns):
    parts = list(table.chunks(columns, rows))
    assert pl.concat(parts).equals(FRAME.select(columns or FRAME.columns))
    assert all(part.height == rows for part in parts[:-1])


@pytest.mark.parametrize("rows", [[0], [999, 0, 500, 0], np.array([3, 2, 1]), list(range(999, -1, -1))])
def test_take_keeps_the_order_and_repeats(table, rows):
    assert table.take(rows)["a"].to_list() == list(rows)
    assert table.take(rows, ["b"]).rows() == [(str(row),) for row in rows]


def test_take_nothing(table):
    assert table.take([], ["b"]).schema == {"b": pl.String}
    assert table.take(np.array([])).height == 0


@pytest.mark.parametrize("rows", [[1000], [5, 1000]])
def test_take_beyond_the_end_is_our_fault_and_told(table, rows):
    with pytest.raises((IndexError, pl.exceptions.OutOfBoundsError)):
        table.take(rows)


def test_select(table):
    assert table.select(["b"]).equals(FRAME.select("b"))


def test_missing_columns_are_named_with_the_nearest(table):
    require_columns(table, ["a", "b"], "target")
    with pytest.raises(DataError, match=r"t has no column 'A' \(target\)\. Did you mean 'a'\?"):
        require_columns(table, ["a", "A"], "target")


def test_digests_tell_changed_files(tmp_path):
    path = tmp_path / "t.parquet"
    table = FrameTable(FRAME, "t", files=(path, tmp_path / "gone"))
    path.write_bytes(b"one")
    before = digests(table)
    assert list(before) == [str(path)]
    path.write_bytes(b"two")
    assert digests(table) != before


def test_a_scratch_folder_goes_with_its_owner():
    folder, keep = scratch_folder()
    (folder / "file").write_text("x")
    assert folder.is_dir()
    del keep
    gc.collect()
    assert not folder.exists()


def test_few_rows_are_taken_without_reading_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr("deepwright.data.table.at_once", lambda columns: 4)
    pl.DataFrame({"a": range(20)}).write_parquet(tmp_path / "t.parquet", row_group_size=4)
    table, read = ScannedTable(tmp_path / "t.parquet", "t"), []
    scan = table._scan
    monkeypatch.setattr(table, "_scan", SimpleNamespace(slice=lambda *at: read.append(at) or scan.slice(*at)))
    assert table.take([17, 2, 17])["a"].to_list() == [17, 2, 17]
    assert read == [(0, 4), (16, 4)]
