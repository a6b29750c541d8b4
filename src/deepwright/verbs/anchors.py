"""Sets of pictures that figures of creations are read beside: real ones, spoilt ones, and plain ways of making more.

Shapes: n pictures, H × W pixels, C channels, in `z` units.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from deepwright.contracts import FittedFeature
from deepwright.fields import Field, Fields
from deepwright.spaces import Box
from deepwright.verbs.extractors import picture_columns

__all__ = ["blurred", "neighbour_mixtures", "noise", "principal_normal"]

COMPONENTS = 64


def blurred(features: Mapping[str, FittedFeature], z: Fields) -> dict[str, Field]:
    """The pictures under a mean of 3 × 3 pixels."""

    def blur(values: Tensor) -> Tensor:
        planes = F.pad(values.permute(0, 3, 1, 2), (1, 1, 1, 1), mode="replicate")
        return F.avg_pool2d(planes, 3, 1).permute(0, 2, 3, 1)

    return {name: Field(blur(z[name].values)) for name in picture_columns(features)}


def noise(features: Mapping[str, FittedFeature], n: int, generator: torch.Generator) -> dict[str, Field]:
    """Pixels drawn evenly between black and white."""
    made = {}
    for name in picture_columns(features):
        space = features[name].space
        assert isinstance(space, Box)
        made[name] = Field(space.low + (space.high - space.low) * torch.rand(n, *space.shape, generator=generator))
    return made


def principal_normal(
    features: Mapping[str, FittedFeature], known: Fields, n: int, generator: torch.Generator
) -> dict[str, Field]:
    """Normal draws from the first 64 principal components of training pictures, cut off at black and white."""
    made = {}
    for name in picture_columns(features):
        space, values = features[name].space, known[name].values.double()
        assert isinstance(space, Box)
        flat = values.flatten(1)
        mean = flat.mean(0)
        size = min(COMPONENTS, len(flat) - 1, flat.shape[1])
        scales, axes = torch.linalg.eigh(torch.cov(flat.T).reshape(flat.shape[1], -1))
        scales, axes = scales[-size:].clamp_min(0).sqrt(), axes[:, -size:]
        draws = torch.randn(n, size, dtype=torch.float64, generator=generator)
        pictures = ((draws * scales) @ axes.T + mean).float().reshape(n, *space.shape)
        made[name] = Field(torch.minimum(torch.maximum(pictures, space.low), space.high))
    return made


def neighbour_mixtures(
    features: Mapping[str, FittedFeature], known: Fields, columns: Tensor, n: int, generator: torch.Generator
) -> dict[str, Field]:
    """Training pictures mixed with one of their five nearest in `columns` (N, D) (SMOTE: Chawla et al. 2002)."""
    rows = torch.randint(len(columns), (n,), generator=generator)
    near = torch.cdist(columns[rows], columns).topk(6, largest=False).indices[:, 1:]
    other = near.gather(1, torch.randint(5, (n, 1), generator=generator))[:, 0]
    share = torch.rand(n, 1, 1, 1, generator=generator)
    return {
        name: Field(torch.lerp(known[name].values[rows], known[name].values[other], share))
        for name in picture_columns(features)
    }
