"""Benchmarks keep what was measured, rank fairly, and split without leaks."""

import polars as pl
import pytest
from benchmarks.harness import Cells, files_hash, print_table

from benchmarks import harness, tables


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "CACHE", tmp_path)
    monkeypatch.setattr(tables, "CACHE", tmp_path)


def test_a_finished_cell_is_not_measured_again_until_its_key_changes():
    measured = []

    def measure():
        measured.append(1)
        return {"seconds": float(len(measured))}

    key = {"peer": "a", "source": "1"}
    assert Cells("x").get(key, measure) == Cells("x").get(key, measure) == {"seconds": 1.0}
    assert Cells("x").get({**key, "source": "2"}, measure) == {"seconds": 2.0}
    assert Cells("y").get(key, measure) == {"seconds": 3.0}
    assert Cells("x", fresh=True).get(key, measure) == {"seconds": 4.0}
    assert Cells("x").get(key, measure) == {"seconds": 4.0}


def test_the_hash_of_sources_follows_their_content(tmp_path):
    (tmp_path / "a.py").write_text("1")
    before = files_hash(tmp_path)
    assert files_hash(tmp_path) == before
    (tmp_path / "a.py").write_text("2")
    assert files_hash(tmp_path) != before


@pytest.mark.parametrize(
    ("better", "shown"), [("lower", {"ours": "2", "base": "1"}), ("higher", {"ours": "0.5", "base": "1"})]
)
def test_ratios_above_one_are_better_than_the_reference(capsys, better, shown):
    print_table([{"who": "ours", "v": 5.0}, {"who": "base", "v": 10.0}], reference="base", value="v", better=better)
    lines = capsys.readouterr().out.splitlines()[2:]
    assert {line.split()[0]: line.split()[-1] for line in lines} == shown


def test_ranks_know_which_way_is_better_and_share_ties():
    assert tables.ranks({"a": 0.9, "b": 0.8, "c": 0.9}, "classify") == {"a": 1.5, "b": 3.0, "c": 1.5}
    assert tables.ranks({"a": 0.9, "b": 0.8, "c": 1.0}, "regress") == {"a": 2.0, "b": 1.0, "c": 3.0}


def test_split_files_share_no_row_lose_none_and_hold_no_leak(tmp_path, monkeypatch):
    source = tmp_path / "flchain.csv"
    frame = pl.DataFrame(
        {"id": range(50), "death": [None] + [0, 1] * 24 + [1], "futime": range(50), "chapter": ["x"] * 50}
    )
    frame.write_csv(source)
    monkeypatch.setattr(tables, "rdatasets_table", lambda name: source)
    train, test = (pl.read_parquet(path) for path in tables.split_files("flchain", 0))
    assert (train.height, test.height) == (39, 10)
    assert sorted([*train["id"], *test["id"]]) == list(range(1, 50))
    assert train.columns == ["id", "death"]
    assert pl.read_parquet(tables.split_files("flchain", 1)[0])["id"].to_list() != train["id"].to_list()
