"""Apart: the creations of a seed without those that lean most towards a single training row.

Where there are few rows, a network that creates learns some of them nearly by heart. A creation leans towards a row that is much
nearer to it than the next ones are (nearest-neighbour distance ratio: Lowe 2004, IJCV 60, section 7.1). Distances are sums over
columns as Gower's (1971, Biometrics 27), but of normal scores of ranks, so that no outlier decides. What is recorded are numbers
of creations: nothing of the rows. Shapes: n creations, N training rows, D values of a row.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from deepwright.contracts import FittedFeature
from deepwright.core.errors import Refused
from deepwright.core.report import Block, Text
from deepwright.core.seeds import derive
from deepwright.core.wording import plural
from deepwright.data.split import PARTS
from deepwright.draw import Draw
from deepwright.fields import Fields
from deepwright.spaces import Box
from deepwright.verbs.creation.making import Maker, decode
from deepwright.verbs.extractors import encoded, picture_columns

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Apart", "Places", "apart_blocks", "kept_apart", "lean", "usual_share"]

MOST, LEANING = 0.2, 250  # the usual share, and the training rows that it is of where there are more
LEAST = 0.01  # a smaller share is not worth looking at the training rows
TRIAL = 1024  # the first creations of the seed, by which it is decided what leans too much
NEXT = 10  # the neighbour whose distance the nearest one's is compared with
ROWS = 50_000  # training rows that are compared with, at most
AT_ONCE = 2**22  # distances held at once
TAIL = 0.02  # ranks nearer to an end count as this
LOT = 1e-6  # what decides between creations that lean alike
NEVER = 2.0  # is left out what leans towards no row


@dataclass(frozen=True)
class Apart:
    """Numbers of creations that are kept, of the first `looked`.

    Args:
        rows: training rows that they were compared with, of `training`.
    """

    at: tuple[int, ...]
    looked: int
    rows: int
    training: int

    def first(self, n: int) -> "Apart":
        """Of the first `n` of those kept."""
        return replace(self, at=self.at[:n], looked=self.at[n - 1] + 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON for programs, without the numbers."""
        out = self.looked - len(self.at)
        return {"looked": self.looked, "left_out": out, "rows": self.rows, "training": self.training}


def usual_share(rows: int) -> float:
    """The share that is left out where nobody says: the fewer training rows, the more of each a network knows by heart."""
    share = min(MOST, LEANING / max(1, rows))
    return share if rows >= NEXT and share >= LEAST else 0.0


def kept_apart(maker: Maker, n: int, share: float) -> Apart:
    """The first `n` creations of a seed without the share that leans most; which they are does not depend on `n`.

    Raises:
        Refused: the run creates pictures, or there are too few training rows. RunError: the data is gone, or has changed.
        DataError: it cannot be read.
    """
    known, count = _training_rows(maker.run)
    places = Places(maker.run.created, known)
    train, chance = places(known), Draw(maker.state.seed).of("apart")
    found: list[float] = []
    border, kept = None, []
    while len(kept) < n:
        more = max(TRIAL - len(found), math.ceil((n - len(kept)) / (1 - share)))
        numbers = range(len(found), len(found) + more)
        for at, z in maker.pieces(numbers, "leaving out what leans towards a training row"):
            created = {name: field for name, field in z.items() if name in maker.run.created}
            leans = lean(places(encoded(maker.run, decode(maker.run, created))), train)
            lot = chance.keyed(torch.tensor(at)).at("lot").uniform(len(at))
            found += torch.where(leans < 1, leans + LOT * lot, NEVER).tolist()
        if border is None:
            border = float(torch.tensor(found[:TRIAL]).quantile(share))
        kept = [number for number, own in enumerate(found) if own > border or own == NEVER]
    return Apart(tuple(kept), len(found), len(train[0]), count).first(n)


Points = tuple[Tensor, Tensor]  # (n, D) numbers and (n, C) labels


def lean(points: Points, train: Points) -> Tensor:
    """(n,) distance to the nearest training row over that to the tenth: 0 for a copy, 1 where no row stands out."""
    size, parts = max(1, AT_ONCE // len(train[0])), []
    for start in range(0, len(points[0]), size):
        numbers, labels = (one[start : start + size] for one in points)
        far = torch.cdist(numbers, train[0], p=1)
        for own, theirs in zip(labels.t(), train[1].t(), strict=True):
            far += own[:, None] != theirs
        near = far.topk(NEXT, largest=False).values
        parts.append(torch.where(near[:, -1] > 0, near[:, 0] / near[:, -1].clamp_min(1e-30), 1.0))
    return torch.cat(parts)


class Places:
    """Rows as points whose sums of differences are their distances: labels lie 1 apart, as do what is missing and what is not;
    numbers lie as far apart as the normal scores of their ranks among training rows.
    """

    def __init__(self, features: Mapping[str, FittedFeature], known: Fields):
        self._features = features
        self._ordered: dict[str, list[Tensor]] = {}
        for name, feature in features.items():
            space = feature.space
            if isinstance(space, Box):
                values = known[name].values.float()
                there = values if space.absent is None else values[values[:, space.absent] < 0.5]
                self._ordered[name] = [column.sort().values for column in there.t()]

    def __call__(self, z: Fields) -> Points:
        """(n, D) numbers and (n, C) labels of rows as `z`."""
        nothing = torch.zeros(len(next(iter(z.values()))), 0)
        numbers, labels = [nothing], [nothing.int()]
        for name, feature in self._features.items():
            values = z[name].values
            if name in self._ordered:
                numbers.append(self._scores(values.float(), self._ordered[name], feature.space.absent))  # type: ignore[union-attr]
            else:
                labels.append(values.reshape(len(values), -1).int())
        return torch.cat(numbers, 1), torch.cat(labels, 1)

    @staticmethod
    def _scores(values: Tensor, ordered: list[Tensor], absent: int | None) -> Tensor:
        """(n, coordinates) of one column, which counts as much whatever the number of its coordinates."""
        there = None if absent is None else values[:, absent] < 0.5
        count, parts = len(ordered) - (absent is not None), []
        for place, known in enumerate(ordered):
            if place == absent:
                parts.append(values[:, place])
                continue
            own = values[:, place].contiguous()
            ranks = torch.searchsorted(known, own) + torch.searchsorted(known, own, right=True)
            shares = ranks.float() / (2 * max(1, len(known)))
            score = torch.special.ndtri(shares.clamp(TAIL, 1 - TAIL)) / count
            parts.append(score if there is None else torch.where(there, score, 0.0))
        return torch.stack(parts, 1)


def _training_rows(run: "Run") -> tuple[Fields, int]:
    """As `z`, at most 50,000 by lot, and how many there are.

    Raises:
        Refused: see `kept_apart`.
    """
    if picture_columns(run.created):
        raise Refused(f"--apart compares rows of plain columns, and the run {run.name} creates pictures.")
    rows = np.flatnonzero(run.parts == PARTS["train"])
    if len(rows) < NEXT:
        raise Refused(f"--apart needs {NEXT} training rows; the run {run.name} has {len(rows)}.")
    chosen = np.random.default_rng(derive(run.recipe.seed, "apart")).permutation(rows)[:ROWS]
    return encoded(run, run.training_data().table.take(np.sort(chosen), list(run.created))), len(rows)


def apart_blocks(found: Apart, share: float) -> list[Block]:
    """What was left out, and why."""
    out = found.looked - len(found.at)
    rows = f"{found.rows:,}" if found.rows == found.training else f"{found.rows:,} (by lot) of {found.training:,}"
    text = (
        f"{plural(out, 'creation')} of the first {found.looked:,} left out (--apart {share:.2g}; 0 leaves out none): those that come "
        f"much nearer to one of {rows} training rows than to the next."
    )
    return [Text(text)]
