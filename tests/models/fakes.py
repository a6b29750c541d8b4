"""Fitted features that know a space and an embedder, and batches of them."""

from dataclasses import dataclass

import torch
from torch import nn

from deepwright.fields import Batch, Field
from deepwright.spaces import Box, Space, Tokens


def box(*shape: int) -> Box:
    zero = torch.zeros(())
    return Box(shape, zero - 3, zero + 3, torch.zeros(shape, dtype=torch.bool), zero + 1)


class Scale(nn.Module):
    """Bytes to [-1, 1], or any stored number times ten."""

    def __init__(self, picture: bool):
        super().__init__()
        self._picture = picture

    def forward(self, values):
        return values.float() / 127.5 - 1 if self._picture else values * 10


@dataclass(frozen=True)
class Fake:
    """A feature of a space; `random` draws stored values."""

    space: Space
    scaled: bool = False

    def embedder(self):
        return Scale(len(self.space.shape) == 3) if self.scaled else None

    def augment(self, field, draw):
        return field, None

    def random(self, rows: int, generator: torch.Generator) -> Field:
        if isinstance(self.space, Tokens):
            return Field(torch.randint(0, self.space.size, (rows, 1), generator=generator, dtype=torch.int32))
        shape = (rows, *self.space.shape)
        if len(shape) == 4 and self.scaled:
            return Field(torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8))
        return Field(torch.randn(shape, generator=generator))


NUMBER, PAIR, CATEGORY, SMALL = Fake(box(1)), Fake(box(2)), Fake(Tokens(5)), Fake(Tokens(2))
SCALED = Fake(box(1), True)


def picture(height: int, width: int, channels: int = 1) -> Fake:
    return Fake(box(height, width, channels), True)


def batch(features: dict[str, Fake], rows: int = 8, seed: int = 0, **given: Field) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    inputs = {name: given.get(name) or feature.random(rows, generator) for name, feature in features.items()}
    return Batch(inputs, {}, torch.arange(rows), torch.arange(rows))
