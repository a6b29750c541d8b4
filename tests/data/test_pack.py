"""Packed data: whatever the chunks were, the same examples."""

import gc
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.errors import InputError
from deepwright.data.pack import from_fields, pack
from deepwright.fields import Field, concat_fields

ROWS = 23


@dataclass
class Fake:
    """Encodes row numbers into fields of a shape and type; flags appear only from a row on."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    mask_from: int = ROWS
    present_from: int = ROWS

    def encode(self, column):
        row = torch.tensor(column.to_list())
        values = row.view(-1, *[1] * len(self.shape)) * 3 + torch.arange(
            max(1, int(torch.tensor(self.shape).prod()))
        ).view(self.shape)
        hidden = row >= self.mask_from
        mask = (torch.arange(self.shape[0])[None] < 1) | ~hidden[:, None] if bool(hidden.any()) else None
        gone = row >= self.present_from
        return Field(values.to(self.dtype), mask, ~(gone & (row % 2 == 0)) if bool(gone.any()) else None)


class Targets:
    def encode(self, frame):
        return {name: Field(torch.tensor(frame[name].to_list())[:, None].double()) for name in frame.columns}


FEATURES = {
    "plain": Fake((2,), torch.float32, present_from=10),
    "more": Fake((3,), torch.float32),
    "id": Fake((1,), torch.int32),
    "bare": Fake((), torch.int64),
    "words": Fake((4, 2), torch.float32, mask_from=12),
    "picture": Fake((3, 3, 1), torch.uint8, present_from=20),
}
FRAME = pl.DataFrame({name: range(ROWS) for name in (*FEATURES, "t1", "t2")})


def equal(a: Field | None, b: Field | None) -> bool:
    pairs = [(a.values, b.values), (a.mask, b.mask), (a.present, b.present)]
    return all(
        (x is None and y is None) or (x is not None and y is not None and x.dtype == y.dtype and bool((x == y).all()))
        for x, y in pairs
    )


def packed_in(sizes, **more):
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    chunks = (FRAME.slice(start, size) for start, size in zip(starts, sizes, strict=True))
    return pack(chunks, ROWS, FEATURES, Targets(), ["t1", "t2"], **more)


def check(packed):
    rows = torch.tensor([22, 0, 5, 5, 13])
    batch = packed.take(rows)
    for name, feature in FEATURES.items():
        whole = feature.encode(FRAME[name])
        assert equal(batch.inputs[name], whole[rows]), name
    assert batch.targets["t2"].values[:, 0].tolist() == rows.tolist()
    assert (batch.position.tolist(), batch.row.tolist()) == ([0, 1, 2, 3, 4], rows.tolist())


@settings(max_examples=30, deadline=None)
@given(cuts=st.sets(st.integers(1, ROWS - 1)))
def test_chunks_do_not_matter(cuts):
    edges = [0, *sorted(cuts), ROWS]
    check(packed_in([b - a for a, b in pairwise(edges)]))


def test_little_is_encoded_at_once_whatever_the_chunks(monkeypatch):
    monkeypatch.setattr("deepwright.data.pack.FIRST_ROWS", 4)
    a_row = packed_in([ROWS]).bytes // ROWS
    monkeypatch.setattr("deepwright.data.pack.PIECE_BYTES", 6 * a_row)
    seen = []

    class Watched(Targets):
        def encode(self, frame):
            seen.append(frame.height)
            return super().encode(frame)

    check(pack(iter([FRAME.head(20), FRAME.tail(3)]), ROWS, FEATURES, Watched(), ["t1", "t2"]))
    assert seen == [4, 6, 6, 4, 3], "a few rows to see what one takes, then as many as fit"


def test_plain_columns_of_a_type_share_one_matrix():
    packed = packed_in([ROWS])
    assert sorted(len(bank.columns) for bank in packed.banks) == [1, 1, 1, 1, 2, 2]
    assert packed.bytes == ROWS * (4 * 5 + 4 + 8 + 4 * 8 + 9 + 8 * 2 + 1 + 4 + 1)


def test_targets_that_are_not_there_are_left_out():
    packed = pack(iter([FRAME.drop("t1")]), ROWS, FEATURES, Targets(), ["t1", "t2"])
    assert packed.take(torch.tensor([1])).targets == {}


def test_from_fields_is_the_same():
    inputs = {name: feature.encode(FRAME[name]) for name, feature in FEATURES.items()}
    check(from_fields(inputs, Targets().encode(FRAME.select("t1", "t2"))))


def test_targets_hold_no_inputs():
    packed = from_fields({"x": Field(torch.ones(5, 7))}, {"t": Field(torch.ones(5, 1))})
    assert packed.targets(torch.arange(3))["t"].values.untyped_storage().nbytes() == 3 * 4


def test_batches_cover_the_rows_once():
    rows = torch.tensor([3, 1, 4, 1, 5, 9, 2])
    batches = list(packed_in([ROWS]).batches(rows, 3))
    assert torch.cat([batch.row for batch in batches]).tolist() == rows.tolist()
    assert torch.cat([batch.position for batch in batches]).tolist() == list(range(7))


def test_too_few_rows_are_noticed():
    with pytest.raises(RuntimeError, match="packed 22 rows, expected 23"):
        packed_in([22])


def test_nothing_to_pack():
    assert pack(iter([]), 0, FEATURES).rows == 0


class Memory:
    total = 100


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory)


def test_large_data_is_mapped_to_files_and_the_same(little_memory, tmp_path):
    (tmp_path / "packed-0.bin").write_bytes(b"of someone else")
    folder = tmp_path
    packed = packed_in([10, 13], folder=folder)
    check(packed)
    files = [path for path in folder.glob("packed-*") if path.name != "packed-0.bin"]
    assert sum(path.stat().st_size for path in files) == sum(
        b.values.numel() * b.values.element_size() for b in packed.banks
    )
    assert (tmp_path / "packed-0.bin").read_bytes() == b"of someone else"


def test_a_temporary_mapped_file_goes_with_the_data(little_memory, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    packed = packed_in([ROWS])
    check(packed)
    assert list(tmp_path.rglob("packed-*"))
    del packed
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_under_a_limit_data_are_mapped_and_let_go_of(tmp_path, monkeypatch):
    monkeypatch.setattr("deepwright.data.pack.room", lambda: 100)
    monkeypatch.setattr("deepwright.data.pack.LEFT_ALONE", 0)  # after every batch
    packed = packed_in([10, 13], folder=tmp_path)
    assert len(packed.mapped) == len(packed.banks)
    check(packed)
    packed.let_go()
    check(packed)


def test_a_full_disk_gives_a_sentence(little_memory, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="the disk is full"):
        packed_in([ROWS], folder=tmp_path)
    assert Path(tmp_path).exists()


def test_fields_are_joined_with_their_flags():
    words = FEATURES["words"].encode(FRAME["words"])
    plain = FEATURES["plain"].encode(FRAME["plain"])
    for whole, first in ((words, words.mask[:12]), (plain, plain.present[:10])):
        size = len(first)
        head, tail = Field(whole.values[:size]), whole[slice(size, None)]
        assert equal(concat_fields([head, tail]), whole)
        assert equal(concat_fields([head, head]), Field(torch.cat([head.values, head.values])))


def test_targets_alone_are_those_of_the_whole_rows():
    inputs, targets = {"x": Field(torch.rand(9, 4, 4, 1))}, {"y": Field(torch.rand(9, 2)), "z": Field(torch.rand(9, 1))}
    packed, rows = from_fields(inputs, targets), torch.tensor([7, 0, 3])
    alone, whole = packed.targets(rows), packed.take(rows).targets
    assert alone.keys() == whole.keys() == {"y", "z"}
    assert all(equal(alone[name], whole[name]) for name in alone)
