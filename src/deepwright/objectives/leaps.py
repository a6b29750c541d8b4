"""Leaps: mean velocities over parts of the way from noise to data, so that few evaluations make a creation.

Frans et al. 2024, arXiv 2410.12557, eq. 5: a leap is right where it ends where two of half its length end. Here the shortest
leaps, of an eighth of the way, are taught by the midpoint method on the velocity instead of by ever shorter ones, and leaps
begin at multiples of their length only, as they do when something is made. Shapes: B rows.
"""

import torch
from torch import Tensor

from deepwright.contracts import LEAPS, Carries
from deepwright.draw import Draw
from deepwright.fields import Fields

__all__ = ["leaps_missed"]


def leaps_missed(
    network: Carries, z: Fields, goal: Tensor, noise: Tensor, draw: Draw, heard: Tensor | None = None
) -> Tensor:
    """(B,) mean square between where the velocity of a leap and that of its two halves lead at the end of the way, for one leap
    of each row. Velocities themselves differ most at late times, and would leave nothing for the wide leaps from noise.
    """
    rows = len(goal)
    kind = draw.at("leap").integers(len(LEAPS), rows).to(goal.device)
    parts = torch.tensor(LEAPS, device=goal.device)[kind]
    now = (draw.at("from").uniform(rows).to(goal.device) * parts).floor() / parts
    half = 0.5 / parts

    def wide(x: Tensor) -> Tensor:
        return x.view(-1, *[1] * (goal.ndim - 1))

    with torch.no_grad():
        point = torch.lerp(noise, goal, wide(now))
        first = network.ahead(z, point, now, kind + 1, heard)
        second = network.ahead(z, point + wide(half) * first, now + half, kind + 1, heard)
        shortest = wide(kind == len(LEAPS) - 1)
        aim = torch.where(shortest, second, (first + second) / 2)
    missed = (network.ahead(z, point, now, kind, heard) - aim) * wide(1 - now)
    return missed.square().flatten(1).mean(1)
