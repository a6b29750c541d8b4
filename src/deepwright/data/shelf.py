"""Shelf: packed data in files that several processes map; the pages of one copy serve them all."""

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepwright.core.files import place_errors, read_json, write_json
from deepwright.data.pack import Bank, Packed

__all__ = ["on_shelf", "put"]

INDEX = "packed.json"


def put(packed: Packed, folder: Path) -> None:
    """Write packed data; the index comes last, so that the data are whole where it is.

    Raises:
        InputError: the disk is full or not writable.
    """
    with place_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        banks = [
            {
                **_written(bank.values, folder / f"bank-{place}.bin"),
                "columns": [
                    [*key, None if part is None else [part.start, part.stop]] for key, part in bank.columns.items()
                ],
            }
            for place, bank in enumerate(packed.banks)
        ]
        flags = [
            {**_written(flag, folder / f"flag-{place}.bin"), "column": list(key), "name": name}
            for place, ((key, name), flag) in enumerate(packed.flags.items())
        ]
    write_json(folder / INDEX, {"format": 1, "rows": packed.rows, "banks": banks, "flags": flags})


def _written(tensor: Tensor, path: Path) -> dict[str, Any]:
    tensor.contiguous().numpy().tofile(path)
    return {"file": path.name, "shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}


def on_shelf(folder: Path) -> Packed:
    """The packed data of a folder, mapped into memory; what is written to them stays in this process."""
    index = read_json(folder / INDEX)
    banks = [
        Bank(
            _mapped(one, folder),
            {(side, name): None if part is None else slice(*part) for side, name, part in one["columns"]},
        )
        for one in index["banks"]
    ]
    flags = {((one["column"][0], one["column"][1]), one["name"]): _mapped(one, folder) for one in index["flags"]}
    return Packed(index["rows"], banks, flags)


def _mapped(one: dict[str, Any], folder: Path) -> Tensor:
    shape, dtype = one["shape"], getattr(torch, one["dtype"])
    count = math.prod(shape)
    if not count:
        return torch.empty(shape, dtype=dtype)
    return torch.from_file(str(folder / one["file"]), shared=False, size=count, dtype=dtype).view(shape)
