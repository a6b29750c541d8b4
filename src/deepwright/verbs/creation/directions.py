"""Directions in the space of latents that mean something, found with labels or without.

With scores of creations (a classifier's, or how much they resemble one set of examples and not another): ridge regression of
the scores on the latents (InterFaceGAN: Shen et al. 2020, arXiv 1907.10786, with amounts instead of two sides). Without:
principal components of creations, each regressed on the latents (GANSpace: Härkönen et al. 2020, arXiv 2004.02546, section
2.3), or the strongest inputs of the first layer (SeFa: Shen & Zhou 2021, arXiv 2007.06600, eq. 6).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from torch import Tensor, nn

from deepwright.contracts import Network
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Field, Fields
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.creation.making import decode, wishes_of

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Found", "Sampled", "first_layer", "made_from", "principal", "sampled", "towards"]

_RIDGE = 0.1  # of the number of creations
_TEST = 4  # every so many-th creation judges the direction
_AT_ONCE = 32
Score = Callable[[pl.DataFrame], Tensor]


@dataclass(frozen=True)
class Found:
    """A direction.

    Args:
        vector: (*latent,) of length 1. figure: how much it explains: the share of variance of creations (principal
            components), of the first layer's (SeFa), or the correlation with the score on creations it was not fitted on.
    """

    vector: Tensor
    figure: float


@dataclass(frozen=True)
class Sampled:
    """Latents (N, *latent), their creations as flat `z` (N, D), and what a score says of them (N,)."""

    latents: Tensor
    flat: Tensor
    scores: Tensor | None = None


def sampled(run: "Run", seed: int, count: int, score: Score | None = None) -> Sampled:
    """Creations of latents of a stream of their own.

    Raises:
        Refused: the network has no latents.
    """
    network = run.network
    if network.latent is None:
        raise Refused(f"The run {run.name} does not make its creations from latents: it has no directions.")
    with frozen_statistics(network), torch.inference_mode():
        draw = Draw(seed).of("directions").keyed(torch.arange(count))
        latents, flat, scores = network.latents(count, draw), [], []
        for z in made_from(network, latents, draw):
            flat.append(_flat(z))
            if score is not None:
                scores.append(score(decode(run, z)))
    return Sampled(latents.cpu().clone(), torch.cat(flat), torch.cat(scores).double() if scores else None)


def made_from(network: Network, latents: Tensor, draw: Draw) -> Iterator[dict[str, Field]]:
    """The creations of latents (n, *latent) in pieces, with conditions drawn as often as they come in the training rows."""
    wishes = wishes_of(network, len(latents), draw)
    for start in range(0, len(latents), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        condition = {name: field[rows] for name, field in wishes.items()}
        yield {name: field.to("cpu") for name, field in network.from_latents(latents[rows], condition).items()}


def towards(found: Sampled) -> Found:
    """The direction along which the score rises most."""
    assert found.scores is not None
    latents, scores = found.latents.flatten(1).double(), found.scores
    test = torch.arange(len(latents)) % _TEST == 0
    slope = _ridge(latents[~test], scores[~test])
    said = latents[test] @ slope
    figure = float(torch.corrcoef(torch.stack([said, scores[test]]))[0, 1]) if float(scores.std()) else 0.0
    whole = _ridge(latents, scores)
    return Found(_unit(whole, found.latents), figure if figure == figure else 0.0)


def principal(found: Sampled, count: int) -> list[Found]:
    """Directions of the first principal components of creations; the sign makes the largest coordinate positive."""
    centred = found.flat.double() - found.flat.double().mean(0)
    left, size, _ = torch.linalg.svd(centred, full_matrices=False)
    share = size.square() / size.square().sum()
    latents = found.latents.flatten(1).double()
    vectors = [_ridge(latents, left[:, place] * size[place]) for place in range(min(count, len(size)))]
    return [Found(_signed(_unit(v, found.latents)), float(share[k])) for k, v in enumerate(vectors)]


def first_layer(run: "Run", count: int) -> list[Found]:
    """Right singular vectors of the weights that meet the latent first.

    Raises:
        Refused: no linear layer takes the latent as it is.
    """
    network = run.network
    if network.latent is None:
        raise Refused(f"The run {run.name} does not make its creations from latents: it has no directions.")
    draw = Draw(0).of("directions").keyed(torch.arange(2))
    latents = network.latents(2, draw).detach()
    met: list[Tensor] = []

    def note(layer: nn.Linear, inputs: Any, _: Any) -> None:
        if inputs and isinstance(inputs[0], Tensor) and torch.equal(inputs[0], latents):
            met.append(layer.weight.detach())

    hooks = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, nn.Linear)]  # type: ignore[arg-type]
    try:
        with frozen_statistics(network), torch.inference_mode():
            network.from_latents(latents, wishes_of(network, 2, draw))
    finally:
        for hook in hooks:
            hook.remove()
    if not met:
        raise Refused(
            f"The run {run.name} has no first layer that takes the latent as it is; use --pca instead of --sefa."
        )
    _, size, right = torch.linalg.svd(met[0].double().cpu(), full_matrices=False)
    share = size.square() / size.square().sum()
    return [Found(_signed(right[k].float()), float(share[k])) for k in range(min(count, len(size)))]


def _ridge(latents: Tensor, scores: Tensor) -> Tensor:
    """(d,) weights of the regression of scores (N,) on latents (N, d)."""
    count, size = latents.shape
    latents, scores = latents - latents.mean(0), scores - scores.mean()
    if size <= count:
        square = latents.T @ latents + _RIDGE * count * torch.eye(size, dtype=latents.dtype)
        return torch.linalg.solve(square, latents.T @ scores)
    square = latents @ latents.T + _RIDGE * size * torch.eye(count, dtype=latents.dtype)
    return latents.T @ torch.linalg.solve(square, scores)


def _unit(vector: Tensor, like: Tensor) -> Tensor:
    length = vector.norm()
    return (vector / (length if length else 1.0)).float().reshape(like.shape[1:])


def _signed(vector: Tensor) -> Tensor:
    flat = vector.flatten()
    return vector if flat[flat.abs().argmax()] >= 0 else -vector


def _flat(z: Fields) -> Tensor:
    return torch.cat([z[name].values.flatten(1).float() for name in sorted(z)], 1)
