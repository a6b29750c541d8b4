"""Extractors: from creations and real examples to flat columns (n, D) in which sets of them are compared.

None of them needs weights that were downloaded. Random convolutions of a fixed seed see edges and textures (that random
embeddings suffice to compare sets: Naeem et al. 2020, arXiv 2002.09797, section 5.2); a person's own classifier sees what it
was taught. Every extractor has a hash that figures are stamped with: figures of different extractors are never comparable.
"""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.contracts import FittedFeature
from deepwright.core.errors import Refused
from deepwright.core.files import file_hash
from deepwright.fields import Field, Fields
from deepwright.spaces import Box, Tokens
from deepwright.training.frozen import frozen_statistics

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = [
    "Extractor",
    "JudgeExtractor",
    "RandomConvolutions",
    "RandomExtractor",
    "embedded",
    "encoded",
    "picture_columns",
    "scaled",
]

_WIDTHS = (8, 16, 32)
_AT_ONCE = 256


def picture_columns(features: Mapping[str, FittedFeature]) -> list[str]:
    """The columns whose `z` is a grid (H, W, C)."""
    spaces = {name: feature.space for name, feature in features.items()}
    return [name for name, space in spaces.items() if isinstance(space, Box) and len(space.shape) == 3]


def scaled(feature: FittedFeature, z: Tensor) -> Tensor:
    """(n, H, W, C) of a picture column's `z` from 0 (its lowest value) to 1."""
    space = feature.space
    assert isinstance(space, Box)
    low, high = space.low.to(z.device), space.high.to(z.device)
    return (z - low) / (high - low)


class RandomConvolutions(nn.Module):
    """Pictures (n, H, W, C) from 0 to 1 → (n, 2 · (8 + 16 + 32)): mean and deviation of each channel of three layers.

    Convolutions of 3 × 3 with leaky ReLUs; the second and third layer look at halved grids. Weights are orthonormal and
    drawn from a seed of their own, the same on every machine: numbers of a generator that will not change, rounded, since
    the last bits of logarithms and decompositions differ between processors. Differentiable.
    """

    def __init__(self, channels: int, seed: int = 0):
        super().__init__()
        numbers = np.random.RandomState(seed)
        layers, before = [], channels
        for width in _WIDTHS:
            layer = nn.Conv2d(before, width, 3, padding=1, padding_mode="replicate")
            with torch.no_grad():
                drawn = numbers.standard_normal((max(width, 9 * before), min(width, 9 * before)))
                rows = torch.linalg.qr(torch.from_numpy(drawn))[0]
                rows = rows.T if width < 9 * before else rows
                weight, bias = rows.reshape(width, before, 3, 3) * 2**0.5, 0.1 * numbers.standard_normal(width)
                layer.weight.copy_(weight.round(decimals=5))
                layer.bias.copy_(torch.from_numpy(bias).round(decimals=5))  # type: ignore[union-attr]
            layers.append(layer)
            before = width
        self.layers = nn.ModuleList(layers).requires_grad_(False)

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """(n, width, h, w) of each layer."""
        x = pictures.permute(0, 3, 1, 2) * 2 - 1
        found = []
        for place, layer in enumerate(self.layers):
            x = F.avg_pool2d(x, 2, ceil_mode=True) if place and min(x.shape[2:]) > 1 else x
            x = F.leaky_relu(layer(x), 0.2)
            found.append(x)
        return found

    def forward(self, pictures: Tensor) -> Tensor:
        parts = []
        for grid in self.maps(pictures):
            flat = grid.flatten(2)
            parts += [flat.mean(2), (flat.var(2, correction=0) + 1e-8).sqrt()]
        return torch.cat(parts, 1)

    def hash(self) -> str:
        """12 hexadecimal digits that name the weights."""
        digest = hashlib.sha256()
        for layer in self.layers:
            digest.update(layer.weight.numpy().tobytes())  # type: ignore[union-attr,operator]
            digest.update(layer.bias.numpy().tobytes())  # type: ignore[union-attr,operator]
        return digest.hexdigest()[:12]


class RandomExtractor:
    """Random convolutions of the picture columns, every column of the result on one scale learnt from training examples.

    Args:
        features: the columns that a run creates. known: training examples as `z`.
    """

    name = "random convolutions"

    def __init__(self, features: Mapping[str, FittedFeature], known: Fields):
        self._features = {name: features[name] for name in picture_columns(features)}
        spaces = {name: feature.space for name, feature in self._features.items()}
        self._nets = {n: RandomConvolutions(space.shape[-1]) for n, space in spaces.items() if isinstance(space, Box)}
        raw = self._raw(known)
        self._centre, self._deviation = raw.mean(0), float(raw.std(0).square().mean().sqrt()) or 1.0

    @property
    def hash(self) -> str:
        return "-".join(dict.fromkeys(net.hash() for net in self._nets.values()))

    def __call__(self, z: Fields) -> Tensor:
        """(n, D) float64."""
        return (self._raw(z) - self._centre) / self._deviation

    def _raw(self, z: Fields) -> Tensor:
        return torch.cat([columns_of(net, self._features[name], z[name]) for name, net in self._nets.items()], 1)


class JudgeExtractor:
    """What meets the last layer of a run that answers, a person's own classifier.

    Args:
        run: creates. judge: answers from columns that `run` creates.

    Raises:
        Refused: the judge takes other columns, or has no last linear layer.
    """

    def __init__(self, run: "Run", judge: "Run", columns: Mapping[str, str]):
        self._run, self._judge, self._columns = run, judge, columns
        self.name = f"the last layer of {judge.name}"
        self.hash = file_hash(judge.folder / "weights.safetensors")[:12]

    def __call__(self, z: Fields) -> Tensor:
        count = len(next(iter(z.values())))
        parts = []
        for start in range(0, count, _AT_ONCE):
            rows = {name: field[slice(start, start + _AT_ONCE)] for name, field in z.items()}
            raw = {name: self._run.features[name].decode(field) for name, field in rows.items()}
            stored = {
                name: self._judge.features[name].encode(raw[ours].alias(name)) for name, ours in self._columns.items()
            }
            parts.append(self._last(stored))
        return torch.cat(parts)

    def _last(self, stored: Fields) -> Tensor:
        """(n, D) the input of the last linear layer that is asked."""
        network, met = self._judge.network, []
        hooks = [
            layer.register_forward_hook(lambda _, inputs, __: met.append(inputs[0].detach()))
            for layer in network.modules() if isinstance(layer, nn.Linear)
        ]  # fmt: skip
        try:
            with frozen_statistics(network), torch.inference_mode():
                network.body(network.embed(stored))
        finally:
            for hook in hooks:
                hook.remove()
        if not met or len(met[-1]) != len(next(iter(stored.values()))):
            raise Refused(f"The run {self._judge.name} has no last linear layer whose inputs could be compared.")
        return met[-1].flatten(1).double().cpu()


def encoded(run: "Run", frame: pl.DataFrame) -> Fields:
    """Raw values as the run's `z`: grids scaled and shifted, numbers as they are learnt from."""
    return embedded(run, {column.name: run.features[column.name].encode(column) for column in frame})


def embedded(run: "Run", stored: Fields) -> Fields:
    """Encoded values as the run's `z`; ids stay ids."""
    z = {}
    for name, field in stored.items():
        feature = run.features[name]
        embedder = feature.embedder()
        if embedder is not None:
            field = field.with_values(embedder(field.values))
        elif not isinstance(feature.space, Tokens):
            field = field.with_values(field.values.float())
        z[name] = field
    return z


def columns_of(extract: RandomConvolutions, feature: FittedFeature, z: Field) -> Tensor:
    """(n, D) float64 of a picture column's `z`, in pieces."""
    with torch.inference_mode():
        parts = [extract(scaled(feature, part)) for part in z.values.float().split(_AT_ONCE)]
    return torch.cat(parts).double()


Extractor = RandomExtractor | JudgeExtractor
