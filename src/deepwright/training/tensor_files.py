"""Files of tensors in the safetensors format that notice when a bit of them changes.

They are written piece by piece, so that a full disk is met as what it is and memory holds one tensor more, not all of
them twice. The header carries a SHA-256 of the whole file (with the hash's own place filled with zeros).
Format: https://github.com/huggingface/safetensors#format
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from deepwright.core.files import write_atomic

__all__ = ["read_tensors", "write_tensors"]

_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32",
    torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
_NO_HASH = "0" * 64
_KEY = b'"sha256":"'
_BLOCK = 1 << 20


def write_tensors(path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any] | None = None) -> None:
    """Write tensors (from any device, in any memory format) and JSON values whole or not at all.

    Raises:
        DiskError: the disk is full or not writable; the old file, if any, is untouched.
    """
    write_atomic(path, lambda part: _write(part, tensors, values))


def _write(part: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any] | None) -> None:
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))  # so that all lie aligned
    header = _header(names, tensors, values)
    place = header.index(_KEY) + len(_KEY)
    digest = hashlib.sha256(header)
    with open(part, "rb+") as file:
        file.write(header)
        for name in names:
            plain = tensors[name].detach().to("cpu").contiguous().reshape(-1)
            data = memoryview(plain.view(torch.uint8).numpy()).cast("B") if plain.numel() else memoryview(b"")
            digest.update(data)
            file.write(data)
        file.seek(place)
        file.write(digest.hexdigest().encode())


def _header(names: list[str], tensors: Mapping[str, Tensor], values: Mapping[str, Any] | None) -> bytes:
    """Length, then JSON; spaces at the end align what follows to 8 bytes."""
    metadata = {"sha256": _NO_HASH}
    if values is not None:
        metadata["values"] = json.dumps(values, allow_nan=False)
    entries: dict[str, Any] = {"__metadata__": metadata}
    start = 0
    for name in names:
        tensor = tensors[name]
        stop = start + tensor.numel() * tensor.element_size()
        entries[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the JSON values of a file.

    Raises:
        ValueError: it is cut short, or its bytes are not those that were written. OSError: it cannot be read.
    """
    try:
        metadata = _checked(path)
        return load_file(path), json.loads(metadata.get("values", "{}"))
    except (SafetensorError, LookupError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"it is no whole file of tensors ({error})") from error


def _checked(path: Path) -> dict[str, str]:
    """The header's words, once the hash is right."""
    with open(path, "rb") as file:
        length = file.read(8)
        size = int.from_bytes(length, "little")
        if len(length) < 8 or size > path.stat().st_size:
            raise ValueError("it is cut short")
        header = file.read(size)
        metadata = json.loads(header)["__metadata__"]
        place = header.find(_KEY) + len(_KEY)
        stored = header[place : place + len(_NO_HASH)]
        digest = hashlib.sha256(length + header[:place] + _NO_HASH.encode() + header[place + len(_NO_HASH) :])
        while block := file.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest().encode() != stored:
        raise ValueError("its bytes are not those that were written")
    return metadata
