"""Stateless randomness: every draw is a function of (seed, step, purpose) and, where rows meet chance, of the row.

Nothing depends on how the process got there, on how a batch was split, or on the number of threads. A row's key is mixed
with 64 bits (the finaliser of splitmix64: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators");
the numbers of a row come from a 32-bit counter hash of that key (Wellons' "lowbias32" finaliser, with half of the key put
in midway). All are integer tensor operations: the same on every device, under vmap, and quick on a CPU.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deepwright.core.seeds import derive

__all__ = ["Draw", "Stream", "default_generators"]

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed integer
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB
_INNER = -1640531527  # 0x9E3779B9 as a signed 32-bit integer
_LOW_1 = 2146121005  # 0x7FEB352D
_LOW_2 = -2073254261  # 0x846CA68B


def _shift(x: Tensor, bits: int, width: int = 64) -> Tensor:
    """Logical right shift of signed integers."""
    return (x >> bits) & ((1 << (width - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift(x, 30)) * _MIX_1
    x = (x ^ _shift(x, 27)) * _MIX_2
    return x ^ _shift(x, 31)


@dataclass(frozen=True)
class Stream:
    """Random tensors of one purpose. The first axis of every shape is the row axis when `rows` are bound."""

    seed: int
    rows: Tensor | None = None
    device: torch.device | str = "cpu"

    def _bits(self, shape: tuple[int, ...], lane: int = 0) -> Tensor:
        """Uniform int32 of the given shape."""
        device = self.device if self.rows is None else self.rows.device
        count = math.prod(shape[1:])
        if self.rows is None:
            outer = torch.arange(shape[0] if shape else 1, device=device)
        elif shape[0] != self.rows.shape[0]:
            raise ValueError(f"shape {shape} must start with the number of bound rows, {self.rows.shape[0]}")
        else:
            outer = self.rows
        key = _mix((outer + 1) * _GOLDEN + derive(self.seed, lane)).unsqueeze(-1)
        first, second = key.to(torch.int32), (key >> 32).to(torch.int32)
        x = first + torch.arange(count, dtype=torch.int32, device=device) * _INNER
        x = (x ^ _shift(x, 16, 32)) * _LOW_1
        x = ((x ^ _shift(x, 15, 32)) + second) * _LOW_2
        return (x ^ _shift(x, 16, 32)).reshape(shape)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Float32 in [low, high)."""
        unit = _shift(self._bits(shape), 8, 32).to(torch.float32) * 2.0**-24
        return unit if (low, high) == (0.0, 1.0) else low + (high - low) * unit

    def normal(self, *shape: int) -> Tensor:
        """Standard normal float32: r cos(a) (Box & Muller 1958)."""
        u1 = (_shift(self._bits(shape, 0), 8, 32).to(torch.float32) + 1.0) * 2.0**-24
        angle = self._bits(shape, 1).to(torch.float32) * (torch.pi * 2.0**-31)
        return torch.sqrt(-2.0 * torch.log(u1)) * torch.cos(angle)

    def bernoulli(self, p: float, *shape: int) -> Tensor:
        """True with probability p, in steps of 2**-32."""
        threshold = round(p * 2**32) - 2**31
        if threshold >= 2**31:
            return torch.ones(shape, dtype=torch.bool, device=self.device if self.rows is None else self.rows.device)
        return self._bits(shape) < threshold

    def keep(self, p: float, *shape: int) -> Tensor:
        """Bool, true with probability p in steps of 1/256: four to a hash, for dropout."""
        count = math.prod(shape[1:])
        quads = self._bits((shape[0], -(-count // 4)))
        lanes = torch.stack([quads >> 24, (quads << 8) >> 24, (quads << 16) >> 24, (quads << 24) >> 24], -1)
        return (lanes.flatten(1)[:, :count] < round(p * 256) - 128).reshape(shape)

    def integers(self, high: int, *shape: int) -> Tensor:
        """Int64 in [0, high), for high below 2**31."""
        return ((self._bits(shape).to(torch.int64) & 0xFFFFFFFF) * high) >> 32

    def beta(self, a: float, *shape: int) -> Tensor:
        """Beta(a, a) through two gammas of the seeded CPU generator; not keyed by row."""
        gamma = torch._standard_gamma(torch.full((2, *shape), float(a)), generator=self.generator())
        return (gamma[0] / (gamma[0] + gamma[1]).clamp_min(1e-30)).to(self.device)

    def permutation(self, n: int) -> Tensor:
        """A permutation of range(n); not keyed by row."""
        return torch.randperm(n, generator=self.generator())

    def generator(self) -> torch.Generator:
        """A CPU generator for code that wants one."""
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True)
class Draw:
    """The source of all chance in one step.

    >>> draw = Draw(seed=3, step=7)
    >>> bool((draw.at("noise").normal(4, 2) == Draw(3, 7).at("noise").normal(4, 2)).all())
    True
    """

    seed: int
    step: int = 0
    rows: Tensor | None = None
    path: tuple[object, ...] = ()
    device: torch.device | str = "cpu"

    def at(self, *purpose: object) -> Stream:
        """The stream of a purpose."""
        return Stream(derive(self.seed, self.step, *self.path, *purpose), self.rows, self.device)

    def of(self, *scope: object) -> "Draw":
        """A draw whose purposes live in a scope of their own (one layer, one player)."""
        return replace(self, path=(*self.path, *scope))

    def keyed(self, rows: Tensor | None) -> "Draw":
        """A draw that gives each row its own numbers, whatever else is in the batch."""
        return replace(self, rows=rows)


def default_generators(seed: int) -> None:
    """Seed the default generators of torch, for layers of others that use them."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
