"""Latents between and beside others: walks on great circles, mixtures, moves along directions.

Latents are standard normal numbers; whatever is done to them should leave their length what the network knows. Hence great
circles (slerp: Shoemake 1985; White 2016, arXiv 1609.04468) and mixtures divided by the length of their weights.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from deepwright.verbs.creation.state import Anchor, Walk, Weighted

__all__ = ["between", "mixture", "walk"]


def between(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The latent after a share of the way from a to b, both (*latent,), on the great circle; lengths go over evenly."""
    length_a, length_b = a.double().norm(), b.double().norm()
    if not length_a or not length_b:
        return torch.lerp(a, b, share)
    unit_a, unit_b = a.double() / length_a, b.double() / length_b
    angle = torch.arccos((unit_a * unit_b).sum().clamp(-1, 1))
    if angle < 1e-6 or math.pi - angle < 1e-6:  # no circle, or any circle
        return torch.lerp(a, b, share)
    unit = (torch.sin((1 - share) * angle) * unit_a + torch.sin(share * angle) * unit_b) / torch.sin(angle)
    return (unit * torch.lerp(length_a, length_b, share)).to(a.dtype)


def walk(path: Walk, latent: Callable[[Anchor], Tensor]) -> Tensor:
    """(frames, *latent): evenly from the first stop to the last, both included (in a loop the end is not the start again)."""
    stops = [latent(stop) for stop in path.stops]
    stops += stops[:1] if path.loop else []
    last = len(stops) - 1
    frames = []
    for frame in range(path.frames):
        place = frame * last / (path.frames if path.loop else path.frames - 1)
        leg = min(int(place), last - 1)
        share = place - leg
        exact = {0.0: stops[leg], 1.0: stops[leg + 1]}
        frames.append(exact[share] if share in exact else between(stops[leg], stops[leg + 1], share))
    return torch.stack(frames)


def mixture(parts: Sequence[Weighted], latent: Callable[[Anchor], Tensor]) -> Tensor:
    """(1, *latent) Σ w z / √(Σ w²): standard normal where the parts are independent and so."""
    total = sum((part.weight * latent(part.anchor) for part in parts[1:]), parts[0].weight * latent(parts[0].anchor))
    return (total / math.sqrt(sum(part.weight**2 for part in parts)))[None]
