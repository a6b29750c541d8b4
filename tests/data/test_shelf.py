"""Packed data on a shelf: the same examples, whatever they are made of."""

from pathlib import Path

import torch

from deepwright.data.pack import from_fields
from deepwright.data.shelf import on_shelf, put
from deepwright.fields import Field


def test_what_is_put_is_found_again(tmp_path: Path) -> None:
    inputs = {
        "a": Field(torch.randn(5, 2)), "b": Field(torch.randn(5, 1), present=torch.tensor([1, 0, 1, 1, 1]).bool()),
        "c": Field(torch.randint(0, 9, (5, 1), dtype=torch.int32)),
        "photo": Field(torch.randint(0, 256, (5, 4, 3, 1), dtype=torch.uint8)),
        "text": Field(torch.randn(5, 7, 2), mask=torch.rand(5, 7) > 0.5),
    }  # fmt: skip
    packed = from_fields(inputs, {"y": Field(torch.randn(5, 1))})
    put(packed, tmp_path / "packed")
    again, rows = on_shelf(tmp_path / "packed"), torch.tensor([4, 0, 1])
    one, other = packed.take(rows), again.take(rows)
    for side in ("inputs", "targets"):
        mine, theirs = getattr(one, side), getattr(other, side)
        assert mine.keys() == theirs.keys()
        for name in mine:
            for part in ("values", "mask", "present"):
                left, right = getattr(mine[name], part), getattr(theirs[name], part)
                assert (left is None) == (right is None)
                assert left is None or (torch.equal(left, right) and left.dtype == right.dtype)


def test_writing_to_a_mapped_copy_changes_no_other(tmp_path: Path) -> None:
    put(from_fields({"a": Field(torch.zeros(3, 2))}, {}), tmp_path)
    on_shelf(tmp_path).banks[0].values.fill_(7.0)
    assert float(on_shelf(tmp_path).banks[0].values.sum()) == 0.0
