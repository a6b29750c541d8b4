"""Files of tensors: read as written, and no changed bit goes unnoticed."""

import errno
import json
import os

import pytest
import torch
from safetensors.torch import load_file, save

from deepwright.core.errors import DiskError
from deepwright.training.tensor_files import read_tensors, write_tensors

TENSORS = {
    "half": torch.arange(6).to(torch.bfloat16).reshape(2, 3), "picture": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "none": torch.zeros(0, 3), "one": torch.tensor(1.5, dtype=torch.float64), "flag": torch.tensor([True, False]),
    "turned": torch.arange(6).reshape(2, 3).T, 'odd "sha256":" name': torch.tensor([-1], dtype=torch.int8),
}  # fmt: skip


def test_what_is_written_is_read_also_by_others(tmp_path):
    path = tmp_path / "a.safetensors"
    write_tensors(path, TENSORS, {"steps": [1, 0.1, None], "text": '"sha256":"'})
    tensors, values = read_tensors(path)
    assert values == {"steps": [1, 0.1, None], "text": '"sha256":"'}
    theirs = load_file(path)
    for name, value in TENSORS.items():
        assert torch.equal(tensors[name], value)
        assert torch.equal(theirs[name], value)


def test_every_changed_bit_and_every_cut_is_noticed(tmp_path):
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"a": torch.arange(5.0)}, {"b": 1})
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place])
        with pytest.raises(ValueError, match=r"^it |^its "):
            read_tensors(path)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"^it |^its "):
            read_tensors(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(ValueError, match="not those"):
        read_tensors(path)


def test_files_of_others_are_no_files_of_ours(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(save({"a": torch.ones(2)}))
    with pytest.raises(ValueError, match="no whole file"):
        read_tensors(tmp_path / "a.safetensors")
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "b.safetensors")


def test_a_disk_that_takes_a_part_only(tmp_path, monkeypatch):
    write_tensors(tmp_path / "a.safetensors", {"a": torch.ones(2)})
    old = (tmp_path / "a.safetensors").read_bytes()

    def full(part, tensors, values):
        part.write_bytes(old[:20])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("deepwright.training.tensor_files._write", full)
    with pytest.raises(DiskError, match="disk is full"):
        write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(2)})
    assert (tmp_path / "a.safetensors").read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_values_are_plain_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_tensors(tmp_path / "a.safetensors", {}, {"a": float("nan")})
    write_tensors(tmp_path / "a.safetensors", {}, {"a": json.loads("1e-9")})
    assert read_tensors(tmp_path / "a.safetensors") == ({}, {"a": 1e-9})
