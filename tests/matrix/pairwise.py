"""Covering arrays: few rows that together hold every pair of values (Cohen et al. 1997, "The AETG system").

Where a failure hangs on two values at once, as most do, running these few finds it as surely as running all.
"""

import random
from collections.abc import Hashable, Sequence
from itertools import combinations

__all__ = ["covering", "pairs"]

Row = tuple[Hashable, ...]


def pairs(row: Row) -> frozenset[tuple[int, Hashable, int, Hashable]]:
    """The pairs of values a row holds, with their columns."""
    return frozenset((i, row[i], j, row[j]) for i, j in combinations(range(len(row)), 2))


def covering(rows: Sequence[Row], seed: int = 0) -> list[Row]:
    """Some of the rows that hold every pair that any of them holds: greedily the row with most pairs not yet held.

    The same rows and seed give the same choice; ties are drawn by the seed.
    """
    order = list(rows)
    random.Random(seed).shuffle(order)
    held = {row: pairs(row) for row in order}
    left = set().union(*held.values()) if held else set()
    chosen: list[Row] = []
    while left:
        best = max(order, key=lambda row: len(held[row] & left))
        chosen.append(best)
        left -= held[best]
    return chosen
