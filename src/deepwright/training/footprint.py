"""Footprint: the most bytes of tensors that live at once while something is computed, counted, not measured.

Every tensor an operation makes is counted when it comes and when it goes, so that the figure is the same each time and on
each machine. What kernels take for themselves inside one operation is not seen.
"""

import weakref
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from deepwright.training.operations import Operations

__all__ = ["Footprint", "Growth", "footprint", "growth"]

FEW = 8  # rows to begin with
STEEP = 3  # times as much for four times as many rows: the line through both is a ninth too low at most


class Footprint(Operations):
    """Counts the bytes of tensors that are made while it is the context: `now`, and `most` at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for leaf in tree_leaves((args, kwargs)):
            self._meet(leaf, 0)  # what was there before is not counted, also where it is written into
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            self._meet(leaf, None)
        return result

    def _meet(self, leaf: Any, size: int | None) -> None:
        if not isinstance(leaf, Tensor):
            return
        storage = leaf.untyped_storage()
        key = id(storage)
        if key in self._known:
            return
        size = storage.nbytes() if size is None else size
        self.now += size
        self.most = max(self.most, self.now)

        def gone(_: Any) -> None:
            self._known.pop(key, None)
            self.now -= size

        self._known[key] = weakref.ref(storage, gone)


def footprint(work: Callable[[], object]) -> int:
    """The most bytes of new tensors that live at once while the work is done."""
    with Footprint() as counted:
        work()
    return counted.most


@dataclass(frozen=True)
class Growth:
    """Footprints of the same work on more and more rows: a flat part, which is the weights', then a slope, the rows'."""

    rows: tuple[int, ...]
    bytes: tuple[int, ...]

    def at(self, rows: int) -> int:
        """The bytes of so many rows: between two known numbers on the line that joins them, beyond on the last one."""
        place = min(max(1, bisect_left(self.rows, rows)), max(1, len(self.rows) - 1))
        if len(self.rows) == 1:
            return self.bytes[0] * max(1, -(-rows // self.rows[0]))
        (a, b), (x, y) = self.rows[place - 1 : place + 1], self.bytes[place - 1 : place + 1]
        return max(0, round(x + (y - x) * (rows - a) / (b - a)))


def growth(work: Callable[[int], object], most: int, limit: int | None = None) -> Growth:
    """How the footprint of work on n rows grows, from a few rows on until the slope is plain.

    Args:
        most: rows there can be. limit: bytes that the counting itself may take; only the first few rows are worked on whatever
            they take. None: nothing has to be kept to, and it ends as soon as it is steep.
    """
    rows, found = [min(FEW, most)], []
    plain = 0
    while True:
        found.append(footprint(lambda: work(rows[-1])))
        plain += found[-1] >= 2 * found[0]
        following = min(most, 4 * rows[-1])
        if limit is not None and found[-1]:
            following = min(following, rows[-1] * limit // found[-1])  # a row takes at most its share of all so far
        steep = limit is None and found[-1] >= STEEP * found[0]
        if following <= rows[-1] or (plain >= 2 and len(found) >= 2) or steep:
            return Growth(tuple(rows), tuple(found))
        rows.append(following)
