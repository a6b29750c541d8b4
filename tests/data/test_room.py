"""Less is read at once where there is less room, and the same comes of it."""

import numpy as np
import polars as pl
import pytest

from deepwright.core.errors import Refused
from deepwright.data import fitting, room, table
from deepwright.data.fitting import fit_features
from deepwright.data.looking import check_room
from deepwright.data.room import CHUNK, at_once, within
from deepwright.data.table import FrameTable, pieces
from deepwright.features import infer_features

MB = 1_000_000


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "resident", lambda: 0)


def wide(rows: int) -> FrameTable:
    chance = np.random.default_rng(0)
    columns = {f"x{place}": chance.normal(size=rows).astype(str) for place in range(6)}
    return FrameTable(pl.DataFrame({**columns, "word": [f"kind {row % 7}" for row in range(rows)]}), "wide.csv")


def test_wide_tables_are_read_in_fewer_rows_and_all_in_still_fewer_under_a_limit() -> None:
    assert at_once(1) == at_once(64) == CHUNK
    assert at_once(2000) == 64 * CHUNK // 2000
    with within(100 * MB):
        assert 256 < at_once(64) < CHUNK
    with within(1):
        assert at_once(64) == 256


def test_pieces_are_the_same_however_much_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    own = FrameTable(pl.DataFrame({"a": range(1000)}), "t")
    monkeypatch.setattr(table, "CHUNK", 100)
    monkeypatch.setattr(table, "PIECE", 30)
    rows = np.flatnonzero(np.random.default_rng(0).random(1000) < 0.7)
    found = []
    for size in (1000, 100, 33, 7):
        monkeypatch.setattr(table, "at_once", lambda columns, size=size: size)
        found.append([(own_rows.tolist(), frame["a"].to_list()) for own_rows, frame in pieces(own, rows)])
    assert all(one == found[0] for one in found)
    assert [row for part, _ in found[0] for row in part] == rows.tolist()
    assert all(part == cells and 0 < len(part) <= 30 for part, cells in found[0])


def test_columns_learn_the_same_however_many_are_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = wide(3000)
    settings = infer_features({name: whole.frame[name] for name in whole.columns}, {}).settings
    parts = np.zeros(3000, np.int8)
    parts[::5] = 1
    monkeypatch.setattr(fitting, "CHUNK", 1000)
    together = []
    for size in (1000, 300, 1):
        monkeypatch.setattr(fitting, "at_once", lambda columns, size=size: size)
        together.append({name: one.to_state() for name, one in fit_features(settings, whole, parts).items()})
    assert together[0] == together[1] == together[2]
    assert list(together[0]) == list(settings)


def test_a_table_whose_columns_cannot_be_looked_at_is_refused_before() -> None:
    long = FrameTable(pl.DataFrame({"said": ["word " * 100] * 2000}), "said.csv")
    with within(MB), pytest.raises(Refused) as refused:
        check_room(long)
    assert "--memory 1 MB is not enough to look at the columns of said.csv one by one (2000 rows)" in str(refused.value)
    assert "about 3.2 MB" in str(refused.value)
    with within(4 * MB):
        check_room(long)
    check_room(long)
