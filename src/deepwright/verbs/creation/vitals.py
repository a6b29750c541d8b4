"""Vitals: whether creations look like real examples, all kinds of them, and no copies; as figures beside their floors.

All is measured on coarse views of `z`: whatever has units in order (pictures, series) is averaged to at most 8 along each
axis, and each column is divided by the deviation of the training rows. Fine detail is not judged here.
Shapes: n created, m held-out, t training rows, D values of a coarse view.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from deepwright.draw import Draw
from deepwright.fields import Field
from deepwright.spaces import Box, Space, Tokens

__all__ = ["Vitals", "coarse", "divergence", "groups_of", "vitals", "words"]

SIDE = 8
NEIGHBOURS = 5  # of coverage (Naeem et al. 2020, arXiv 2002.09797, section 3.2)
GROUPS = 12
_LABELS = 32  # places for labels; more of them share places
_POOLS = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


@dataclass(frozen=True)
class Vitals:
    """Figures of a look.

    Args:
        coverage: share of held-out rows with a creation nearer than their 5th nearest other held-out row; coverage_floor: of
            as many training rows in place of creations.
        duplicates: share of creations with another one nearer than 99 % of training rows have; 1 % is natural.
        copies: share of creations nearer to a training row than 95 % of held-out rows are; 5 % is natural.
        spread: Kullback-Leibler divergence (nats) of how often groups of like examples come among creations from how often
            they come among training rows; spread_floor: what sampling alone gives on average.
    """

    coverage: float
    coverage_floor: float
    duplicates: float
    copies: float
    spread: float
    spread_floor: float


def coarse(fields: Mapping[str, Field], spaces: Mapping[str, Space]) -> Tensor:
    """(n, D) of numbers and labels among them; between two labels lies 1."""
    parts = []
    for name, space in spaces.items():
        if isinstance(space, Tokens):
            size = min(space.size, _LABELS)
            parts.append(F.one_hot(fields[name].values.reshape(-1).long() % size, size) / math.sqrt(2))
        if not isinstance(space, Box):
            continue
        values = fields[name].values.float()
        units = values.dim() - 2
        if units in _POOLS:
            sides = [min(SIDE, size) for size in values.shape[1:-1]]
            values = _POOLS[units](values.movedim(-1, 1), sides)  # type: ignore[operator]
        parts.append(values.flatten(1))
    return torch.cat(parts, 1)


def groups_of(train: Tensor, draw: Draw, count: int = GROUPS) -> Tensor:
    """(G, D) centres of groups of like rows: farthest-first starts, ten rounds of Lloyd's algorithm (1982)."""
    count = max(1, min(count, len(train) // 10))
    first = int(draw.at("group").integers(len(train), 1)[0])
    centres = train[first : first + 1]
    while len(centres) < count:
        centres = torch.cat([centres, train[torch.cdist(train, centres).amin(1).argmax()][None]])
    for _ in range(10):
        own = torch.cdist(train, centres).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, own, train)
        sizes = torch.bincount(own, minlength=count)[:, None]
        centres = torch.where(sizes > 0, sums / sizes.clamp_min(1), centres)
    return centres


def divergence(made: Tensor, real: Tensor, centres: Tensor) -> tuple[float, float]:
    """Σ q log(q / p) over groups, p with half a row more in each, and the mean that sampling alone gives: (G - 1) / 2 · (1/n + 1/t)."""
    count = len(centres)
    q, p = (torch.bincount(torch.cdist(rows, centres).argmin(1), minlength=count).double() for rows in (made, real))
    q, p = q / q.sum(), (p + 0.5) / (p + 0.5).sum()
    return float(torch.special.xlogy(q, q / p).sum()), (count - 1) / 2 * (1 / len(made) + 1 / len(real))


def vitals(made: Tensor, held: Tensor, train: Tensor, centres: Tensor) -> Vitals:
    """The figures of coarse rows; each at least 2, `train` at least as many as `made`."""
    scale = train.std(0).clamp_min(1e-6).mean()
    made, held, train, centres = (rows / scale for rows in (made, held, train, centres))
    spread, floor = divergence(made, train, centres)
    others = _nearest_other(train)
    natural = _nearest(held, train)
    return Vitals(
        _covered(held, made), _covered(held, train[: len(made)]),
        float((_nearest_other(made) < others.quantile(0.01)).double().mean()),
        float((_nearest(made, train) < natural.quantile(0.05)).double().mean()), spread, floor,
    )  # fmt: skip


def _covered(held: Tensor, made: Tensor) -> float:
    apart = torch.cdist(held, held)
    radius = apart.sort(1).values[:, min(NEIGHBOURS, len(held) - 1)]
    return float((torch.cdist(held, made).amin(1) <= radius).double().mean())


def _nearest(rows: Tensor, others: Tensor) -> Tensor:
    return torch.cdist(rows, others).amin(1)


def _nearest_other(rows: Tensor) -> Tensor:
    return torch.cdist(rows, rows).fill_diagonal_(torch.inf).amin(1)


def words(figures: Mapping[str, float]) -> Sequence[tuple[str, bool]]:
    """What the figures of a look mean, each as a sentence, and whether that is well."""
    told = []
    share = figures["coverage"] / max(figures["coverage_floor"], 1e-6)
    seen = f"{figures['coverage']:.0%} of held-out examples have a creation like them ({figures['coverage_floor']:.0%} have a training example like them)"
    told.append((f"{seen}.", share > 0.5))
    if figures["duplicates"] > 0.1:
        told.append(
            (f"{figures['duplicates']:.0%} of the creations come nearly the same again; 1 % is natural.", False)
        )
    if figures["copies"] > 0.15:
        told.append((f"{figures['copies']:.0%} of the creations are as near to a training example as 5 % of held-out ones; they may be copies.", False))  # fmt: skip
    many = figures["spread"] > 3 * figures["spread_floor"] + 0.05
    spread = f"{figures['spread']:.3f} nats, {figures['spread_floor']:.3f} by sampling alone"
    often = (
        "Some kinds of examples come too often, others too rarely"
        if many
        else "Kinds of examples come as often as they should"
    )
    told.append((f"{often} ({spread}).", not many))
    if "accuracy" in figures:
        won = figures["accuracy"]
        told.append(
            (f"The discriminator tells {won:.0%} of pairs apart (50 % is blind, above 97 % it wins).", won <= 0.97)
        )
    if "overfit" in figures:
        held = figures["overfit"]
        told.append((f"It tells training from validation examples {max(0.0, held):.0%} as well as from creations{'; it learns by heart' if held > 0.4 else ''}.", held <= 0.4))  # fmt: skip
    return told
