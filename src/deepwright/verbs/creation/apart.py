"""Apart: the creations of a seed without those that lean most towards a single training row.

Where there are few rows, a network that creates learns some of them nearly by heart. A creation leans towards a row that is much
nearer to it than the next ones are (nearest-neighbour distance ratio: Lowe 2004, IJCV 60, section 7.1). Distances are Gower's
(1971, Biometrics 27) with numbers as normal scores of their ranks, so that no outlier decides. What is recorded are numbers of
creations: nothing of the rows. Shapes: n creations, N training rows, D values of a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deepwright.contracts import FittedFeature
from deepwright.core.errors import Refused
from deepwright.core.report import Block, Text
from deepwright.core.seeds import derive
from deepwright.core.wording import plural
from deepwright.data.split import PARTS
from deepwright.fields import Fields
from deepwright.spaces import Box
from deepwright.verbs.creation.making import Maker
from deepwright.verbs.extractors import encoded, picture_columns

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Apart", "apart_blocks", "kept_apart", "lean"]

TRIAL = 2048  # the first creations of the seed, by which it is decided what leans too much
NEXT = 10  # the neighbour whose distance the nearest one's is compared with
ROWS = 50_000  # training rows that are compared with
SPARE = 1.5  # times as many as will do by the share
AT_ONCE = 2**22  # distances held at once
TAIL = 0.02  # ranks nearer to an end count as this


@dataclass(frozen=True)
class Apart:
    """Numbers of creations that are kept, of the first `looked`.

    Args:
        rows: training rows that they were compared with.
    """

    at: tuple[int, ...]
    looked: int
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON for programs, without the numbers."""
        return {"looked": self.looked, "left_out": self.looked - len(self.at), "rows": self.rows}


def kept_apart(maker: Maker, n: int, share: float) -> Apart:
    """The first `n` creations of a seed without the share that leans most; which they are does not depend on `n`.

    Raises:
        Refused: the run creates pictures, there are too few training rows, or creations are so alike that too many lean.
        RunError: the data is gone, or has changed. DataError: it cannot be read.
    """
    known = _training_rows(maker.run)
    places = _Places(maker.run.created, known)
    train = places(known)
    most = TRIAL + int(SPARE * n / (1 - share))
    found: list[float] = []
    border, kept = None, 0
    for _, z in maker.pieces(range(most), "leaving out what leans towards a training row"):
        new = lean(places(z), train)
        found += new.tolist()
        if border is None and len(found) >= TRIAL:
            border, new = float(torch.tensor(found[:TRIAL]).quantile(share)), torch.tensor(found)
        kept += 0 if border is None else int((new > border).sum())
        if kept >= n:
            break
    at = [number for number, own in enumerate(found) if border is not None and own > border][:n]
    if len(at) < n:
        raise Refused(f"--apart: of {most:,} creations only {len(at):,} are left, so many are alike: leave out less.")
    return Apart(tuple(at), at[-1] + 1, len(train))


def lean(points: Tensor, train: Tensor) -> Tensor:
    """(n,) distance to the nearest training row over that to the tenth: 0 for a copy, near 1 where no row stands out."""
    parts = []
    for part in points.split(max(1, AT_ONCE // len(train))):
        near = torch.cdist(part, train, p=1).topk(NEXT, largest=False).values
        parts.append(torch.where(near[:, -1] > 0, near[:, 0] / near[:, -1].clamp_min(1e-30), 1.0))
    return torch.cat(parts)


class _Places:
    """Rows as points whose sums of differences are their distances: labels lie 1 apart, numbers by their normal scores."""

    def __init__(self, features: Mapping[str, FittedFeature], known: Fields):
        self._features = features
        self._ordered = {
            name: known[name].values.float().sort(0).values.t().contiguous()
            for name, feature in features.items()
            if isinstance(feature.space, Box)
        }

    def __call__(self, z: Fields) -> Tensor:
        """(n, D)"""
        parts = []
        for name, feature in self._features.items():
            values = z[name].values
            if name not in self._ordered:
                parts.append(F.one_hot(values.reshape(-1).long(), feature.space.size).float() / 2)  # type: ignore[union-attr]
                continue
            ordered, own = self._ordered[name], values.float().t().contiguous()
            ranks = torch.searchsorted(ordered, own) + torch.searchsorted(ordered, own, right=True)
            shares = ranks.float() / (2 * ordered.shape[1])
            parts.append(torch.special.ndtri(shares.clamp(TAIL, 1 - TAIL)).t())
        return torch.cat(parts, 1)


def _training_rows(run: "Run") -> dict[str, Any]:
    """As `z`, at most 50,000 by lot."""
    if picture_columns(run.created):
        raise Refused(f"--apart compares rows of plain columns, and the run {run.name} creates pictures.")
    rows = np.flatnonzero(run.parts == PARTS["train"])
    if len(rows) < NEXT:
        raise Refused(f"--apart needs {NEXT} training rows; the run {run.name} has {len(rows)}.")
    chosen = np.random.default_rng(derive(run.recipe.seed, "apart")).permutation(rows)[:ROWS]
    return encoded(run, run.training_data().table.take(np.sort(chosen), list(run.created)))


def apart_blocks(found: Apart) -> list[Block]:
    """What was left out, and why."""
    out = plural(found.looked - len(found.at), "creation")
    text = (
        f"{out} of the first {found.looked:,} were left out: of {found.rows:,} training rows, one is much nearer to each of "
        "them than the next ones are."
    )
    return [Text(text, "good")]
