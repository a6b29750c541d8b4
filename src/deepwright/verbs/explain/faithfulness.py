"""Faithfulness: does the network agree with its explanation? Deletion and insertion beside a random order.

Petsiuk, Das, Saenko 2018, "RISE", arXiv 1806.07421, section 3.3: parts of the input are replaced by the uninformative
input in the order of their attribution, and the score is followed. Deviations: the score is the task's (log-odds, a
value) instead of a probability; parts are whole columns, and patches where a column has many units.

Taking parts away in an order and adding them in the same order meet the same inputs as taking them away in the reverse
order: an insertion curve is the deletion curve of the reverse order, read backwards. So every order is walked once.

Shapes: B rows, U parts, P points of a curve.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from deepwright.core.seeds import derive
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.explain.question import Question
from deepwright.verbs.figures import Figure
from deepwright.verbs.means import FEWEST, Mean, means

__all__ = ["Control", "Parts", "control", "parts_of", "walk"]

PATCHES = 64  # parts a column at most
POINTS = 16  # stops on the way from nothing to everything taken
ORDERS = 5  # random ones
SURE = 0.05


@dataclass(frozen=True)
class Parts:
    """What is taken away at once.

    Args:
        places: column → (units…) ids of the part each unit belongs to, counted over all columns.
        count: U.
    """

    places: Mapping[str, Tensor]
    count: int

    def fold(self, folded: Mapping[str, Tensor]) -> Tensor:
        """(B, U) attributions of the parts, from those of the units (B, units…) of each column."""
        rows = len(next(iter(folded.values())))
        total = torch.zeros(rows, self.count)
        for name, place in self.places.items():
            flat = folded[name].reshape(rows, -1)
            total.index_add_(1, place.reshape(-1), flat)
        return total


def parts_of(folded: Mapping[str, Tensor], most: int = PATCHES) -> Parts:
    """A part a plain column; a column of many units is cut into at most `most` patches of equal size."""
    places, count = {}, 0
    for name, value in folded.items():
        shape = value.shape[1:]
        side = 1
        while shape and (side + 1) ** len(shape) <= most:
            side += 1
        place, cells = torch.zeros(shape, dtype=torch.int64), 1
        for axis, length in enumerate(shape):
            pieces = min(side, length)
            along = torch.arange(length) * pieces // length
            place = place * pieces + along.view(-1, *([1] * (len(shape) - axis - 1)))
            cells *= pieces
        places[name], count = place + count, count + cells
    return Parts(places, count)


def walk(question: Question, parts: Parts, rank: Tensor, points: Tensor) -> Tensor:
    """(B, P) score when the parts with rank < point are replaced by the uninformative input. `rank` (B, U)."""
    curves = []
    with frozen_statistics(question.network), torch.no_grad():
        start = 0
        for piece in question.pieces("checking against a random order"):
            own = rank[start : start + len(piece)]
            curves.append(torch.stack([_taken(piece, parts, own < point) for point in points], 1))
            start += len(piece)
    return torch.cat(curves)


def _taken(question: Question, parts: Parts, gone: Tensor) -> Tensor:
    z = {}
    for name, field in question.z.items():
        away = gone[:, parts.places[name]].unsqueeze(-1)  # (B, units…, 1)
        z[name] = field.with_values(torch.where(away, question.base[name].values, field.values))
    return question.score(z)


@dataclass(frozen=True)
class Control:
    """How an explanation fares beside a random order.

    Args:
        shares: (P,) of the parts taken away. curves: order → (B, P) the score on the way.
        areas: "deletion" and "insertion" → order → the mean area under the curve (over shares from 0 to 1).
        gaps: how much better than random, positive where the explanation is better.
    """

    shares: tuple[float, ...]
    curves: Mapping[str, Tensor]
    areas: Mapping[str, Mapping[str, Figure]]
    gaps: Mapping[str, Mean]
    parts: int

    @property
    def better(self) -> bool | None:
        """Whether the score falls sooner than in a random order, by more than chance explains; None: too few rows."""
        return None if self._few else self._is_better("deletion")

    @property
    def _few(self) -> bool:
        return len(self.curves["attribution"]) < FEWEST

    def _is_better(self, name: str) -> bool:
        return self.gaps[name].p < SURE and (self.gaps[name].figure.value or 0.0) > 0

    @property
    def verdict(self) -> str:
        if self._few:
            return (
                f"Too few rows ({len(self.curves['attribution'])}) to put the explanation to the test against a random "
                f"order ({self._figures('deletion')}; {self._figures('insertion')})."
            )
        second = self._is_better("insertion")
        return (
            f"The explanation is {'' if self.better else 'not '}better than a random order: parts taken away in its order "
            f"{'lower' if self.better else 'do not lower'} the score sooner ({self._figures('deletion')})"
            f"{', and' if second == self.better else ', but'} put back in its order they "
            f"{'raise' if second else 'do not raise'} it sooner ({self._figures('insertion')})."
        )

    def _figures(self, name: str) -> str:
        own, other = (self.areas[name][order].words[0] for order in ("attribution", "random"))
        p = "" if self._few else f", p = {self.gaps[name].p:.2g}"
        return f"{name} area {own} against {other}{p}"


def control(question: Question, folded: Mapping[str, Tensor], seed: int) -> Control | None:
    """Deletion and insertion in the order of the attributions (B, units…), its reverse and random orders.

    None where there is one part only, and so no order.
    """
    parts = parts_of(folded)
    if parts.count < 2:
        return None
    order = parts.fold(folded).argsort(dim=1, descending=True, stable=True)
    steps = torch.linspace(0, parts.count, min(parts.count, POINTS) + 1).round().long()
    generator = torch.Generator().manual_seed(derive(seed, "orders"))
    chance = [torch.rand(order.shape, generator=generator).argsort(1) for _ in range(ORDERS)]
    shares = steps.double() / parts.count
    curves = {
        "attribution": walk(question, parts, order.argsort(1), steps),
        "random": torch.stack([walk(question, parts, one.argsort(1), steps) for one in chance]).mean(0),
        "reverse": walk(question, parts, order.flip(1).argsort(1), steps),
    }
    area = {name: torch.trapezoid(curve.double(), shares, dim=1) for name, curve in curves.items()}
    # Insertion in an order is deletion in its reverse, read backwards: the area is the same.
    rows = {
        "deletion": [area["attribution"], area["random"], area["reverse"]],
        "insertion": [area["reverse"], area["random"], area["attribution"]],
    }
    areas, gaps = {}, {}
    for name, (own, other, worst) in rows.items():
        gap = other - own if name == "deletion" else own - other
        *figures, gaps[name] = means(torch.stack([own, other, worst, gap], 1), seed)
        areas[name] = dict(zip(curves, (one.figure for one in figures), strict=True))
    return Control(tuple(shares.tolist()), curves, areas, gaps, parts.count)
