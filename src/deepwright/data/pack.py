"""Packed data: every column encoded once into contiguous tensors, gathered by index from then on.

Plain columns of one data type (B, D) share one matrix, so that a batch costs one gather however many columns there
are. A table larger than a quarter of the memory goes to a file that is mapped, not read.
"""

import errno
import math
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import psutil
import torch
from torch import Tensor

from deepwright.core.files import place_errors
from deepwright.data.room import room
from deepwright.data.table import scratch_folder
from deepwright.fields import Batch, Field, Fields

__all__ = ["Bank", "Packed", "from_fields", "pack"]

Key = tuple[str, str]  # ("input" | "target", column)
LEFT_ALONE = 64 << 20  # bytes of mapped files that may stay in memory under a limit
FIRST_ROWS = 256  # encoded to see how much one takes
PIECE_BYTES = 32 << 20  # of rows encoded at once
TAKEN = 128 << 20  # bytes of rows that a network is warmed up with at once
_AROUND = 64 << 10  # bytes that systems bring in with one row


class _Encoder(Protocol):
    def encode(self, column: pl.Series) -> Field: ...


class _Targets(Protocol):
    def encode(self, frame: pl.DataFrame) -> dict[str, Field]: ...


@dataclass
class Bank:
    """Columns of one data type side by side: (N, width), or one column of more axes: (N, units…, D)."""

    values: Tensor
    columns: dict[Key, slice | None]

    def gather(self, rows: Tensor) -> Iterator[tuple[Key, Tensor]]:
        block = self.values.index_select(0, rows)
        for key, place in self.columns.items():
            yield key, block if place is None else block[:, place]


@dataclass
class Packed:
    """All examples as tensors.

    Args:
        banks: the values. flags: masks and presence of the columns that have them, by (column key, "mask"|"present").
        rows: number of examples.
        keep: what must live as long as the mapped file does.
        mapped: files that are let go of again and again, so that little of them stays in memory.
    """

    rows: int
    banks: list[Bank]
    flags: dict[tuple[Key, str], Tensor] = field(default_factory=dict)
    keep: Any = None
    mapped: list[mmap.mmap] = field(default_factory=list)
    _touched: int = 0

    def let_go(self) -> None:
        """Hand the pages of mapped files back; they stay in the system's own cache, and come again when they are used."""
        self._touched = 0
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows, which takes pages away by itself
            for one in self.mapped:
                one.madvise(mmap.MADV_DONTNEED)

    @property
    def lingering(self) -> int:
        """Bytes of mapped files that come into memory while rows are taken, before they are handed back."""
        return min(LEFT_ALONE, sum(len(one) for one in self.mapped))

    @property
    def bytes(self) -> int:
        tensors = [bank.values for bank in self.banks] + list(self.flags.values())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def at_most(self, rows: int) -> int:
        """So many rows, or as few as fit into 128 MB; 16 at least."""
        return min(rows, max(16, TAKEN * self.rows // max(1, self.bytes)))

    def take(self, rows: Tensor, position: Tensor | None = None) -> Batch:
        """The examples of these rows, in this order. `position` defaults to the order."""
        sides = self._gathered(self.banks, rows)
        position = torch.arange(len(rows)) if position is None else position
        return Batch(sides["input"], sides["target"], rows, position)

    def targets(self, rows: Tensor) -> dict[str, Field]:
        """The targets of these rows, in this order; large inputs are not touched."""
        banks = [bank for bank in self.banks if any(side == "target" for side, _ in bank.columns)]
        return self._gathered(banks, rows)["target"]

    def _gathered(self, banks: Sequence[Bank], rows: Tensor) -> dict[str, dict[str, Field]]:
        sides: dict[str, dict[str, Field]] = {"input": {}, "target": {}}
        self._touched += len(rows) * _AROUND
        if self.mapped and self._touched > LEFT_ALONE:
            self.let_go()
        for bank in banks:
            for key, values in bank.gather(rows):
                flags = [self.flags.get((key, name)) for name in ("mask", "present")]
                mask, present = (None if flag is None else flag.index_select(0, rows) for flag in flags)
                sides[key[0]][key[1]] = Field(values, mask, present)
        return sides

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """Consecutive batches over the given rows, once."""
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield self.take(part, torch.arange(start, start + len(part)))


def from_fields(inputs: Fields, targets: Fields) -> Packed:
    """Packed data from fields that are in memory already."""
    sides = {("input", name): value for name, value in inputs.items()}
    sides |= {("target", name): value for name, value in targets.items()}
    builder = _Builder(len(next(iter(sides.values()))), None)
    builder.add(sides)
    return builder.done()


def pack(
    chunks: Iterator[pl.DataFrame],
    rows: int,
    features: Mapping[str, _Encoder],
    task: _Targets | None = None,
    targets: Sequence[str] = (),
    folder: Path | None = None,
) -> Packed:
    """Encode a table piece by piece: besides the packed rows memory holds about `PIECE_BYTES` of encoded ones.

    Args:
        chunks: frames that hold the feature columns and the targets; together `rows` rows.
        folder: where the mapped files go when the data outgrows a quarter of the memory (default: a temporary one,
            which goes with the packed data).

    Raises:
        InputError: the disk is full or not writable.
    """
    builder = _Builder(rows, folder)
    for frame in _pieces(chunks, builder):
        sides: dict[Key, Field] = {("input", name): feature.encode(frame[name]) for name, feature in features.items()}
        if task is not None and targets and set(targets) <= set(frame.columns):
            sides |= {("target", name): value for name, value in task.encode(frame.select(targets)).items()}
        builder.add(sides)
    return builder.done()


def _pieces(chunks: Iterator[pl.DataFrame], builder: "_Builder") -> Iterator[pl.DataFrame]:
    """The chunks in pieces: a few rows show how much a row takes."""
    for frame in chunks:
        start = 0
        while True:
            size = builder.row_bytes
            rows = FIRST_ROWS if size is None else max(1, PIECE_BYTES // max(1, size))
            yield frame.slice(start, rows)
            start += rows
            if start >= frame.height:
                break


class _Builder:
    """Allocates the banks when the first chunk shows shapes and types, then fills them in place."""

    def __init__(self, rows: int, folder: Path | None):
        self._rows, self._folder, self._filled = rows, folder, 0
        self._packed: Packed | None = None

    def add(self, sides: Mapping[Key, Field]) -> None:
        if self._packed is None:
            self._packed = self._allocate(sides)
        start, self._filled = self._filled, self._filled + len(next(iter(sides.values())))
        for bank in self._packed.banks:
            for key, place in bank.columns.items():
                target = bank.values[start : self._filled]
                (target if place is None else target[:, place]).copy_(sides[key].values)
        for key, value in sides.items():
            for name in ("mask", "present"):
                flag = getattr(value, name)
                if flag is None:
                    continue
                slot = (key, name)
                if slot not in self._packed.flags:  # rows seen before had nothing to hide
                    self._packed.flags[slot] = torch.ones(self._rows, *flag.shape[1:], dtype=torch.bool)
                self._packed.flags[slot][start : self._filled] = flag
        self._packed.let_go()

    @property
    def row_bytes(self) -> int | None:
        """Of an encoded row; None before there is any."""
        packed = self._packed
        return None if packed is None else packed.bytes // max(1, self._rows)

    def done(self) -> Packed:
        packed = self._packed or Packed(0, [])
        if self._filled != self._rows:
            raise RuntimeError(f"packed {self._filled} rows, expected {self._rows}")
        return packed

    def _allocate(self, sides: Mapping[Key, Field]) -> Packed:
        flat: dict[tuple[str, torch.dtype], dict[Key, slice]] = {}  # targets apart: they are also wanted without inputs
        banks: list[tuple[tuple[int, ...], torch.dtype, dict[Key, slice | None]]] = []
        for key, value in sides.items():
            shape, dtype = tuple(value.values.shape), value.values.dtype
            if len(shape) == 2:
                places = flat.setdefault((key[0], dtype), {})
                start = max((place.stop for place in places.values()), default=0)
                places[key] = slice(start, start + shape[1])
            else:
                banks.append((shape[1:], dtype, {key: None}))
        for (_, dtype), places in flat.items():
            banks.append(((max(place.stop for place in places.values()),), dtype, dict(places)))
        total = sum(self._rows * math.prod(shape) * dtype.itemsize for shape, dtype, _ in banks)
        folder, keep, left = None, None, room()
        if total > psutil.virtual_memory().total / 4 or (left is not None and total > left):
            folder, keep = (self._folder, None) if self._folder is not None else scratch_folder()
        spaces = [_space((self._rows, *shape), dtype, folder) for shape, dtype, _ in banks]
        held = [Bank(space, columns) for (space, _), (_, _, columns) in zip(spaces, banks, strict=True)]
        mapped = [] if left is None else [one for _, one in spaces if one is not None]
        return Packed(self._rows, held, keep=keep, mapped=mapped)


def _space(shape: tuple[int, ...], dtype: torch.dtype, folder: Path | None) -> tuple[Tensor, mmap.mmap | None]:
    """An uninitialised tensor in memory, or mapped to a new file in a folder."""
    if folder is None or 0 in shape:
        return torch.empty(shape, dtype=dtype), None
    with place_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="packed-", suffix=".bin", dir=folder)
        with os.fdopen(handle, "wb") as file:
            _reserve(file.fileno(), folder, math.prod(shape) * dtype.itemsize)
        with open(name, "r+b") as file:
            pages = mmap.mmap(file.fileno(), 0)
        return torch.frombuffer(pages, dtype=dtype, count=math.prod(shape)).view(shape), pages


def _reserve(handle: int, folder: Path, size: int) -> None:
    """Take the room on the disk now: writing to a mapped file that finds none later ends the process."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    try:
        os.posix_fallocate(handle, 0, size)
    except AttributeError:  # Windows and macOS have no such call
        os.truncate(handle, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        os.truncate(handle, size)
