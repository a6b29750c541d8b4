"""Autoregressive: rows of plain columns made column by column, pictures code by code, by a transformer that sees what came before.

Shapes: B rows, T tokens (one a column, more for dates and gaps; one a cell of a coarse grid), W width.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from torch import Tensor, nn

from deepwright.contracts import FittedFeature
from deepwright.core.config import OFF, Config
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.models.inputs import is_grid
from deepwright.models.layers.causal import Cache, Causal
from deepwright.models.layers.choosing import chosen
from deepwright.models.layers.creator import Creator
from deepwright.models.layers.family import Family
from deepwright.models.layers.grid_tokens import GridTokens
from deepwright.models.layers.points import alone
from deepwright.models.layers.row_tokens import RowTokens
from deepwright.models.layers.wishes import Wish
from deepwright.registries import models
from deepwright.spaces import Space

__all__ = ["Autoregressive", "AutoregressiveKnobs", "AutoregressiveNetwork", "Made"]

_MANY = 512  # values a row, from which more and smaller steps teach more
_LEAST, _CODES = 3, 65_536  # levels of a number, and codes in all
_QUICK = 10.0  # times the learning rate, of the one number that says how sharp pictures are


@models.register
class Autoregressive(Family):
    """Creates rows of plain columns, one column after the other, or pictures, one code after the other.

    Args:
        width, depth, heads: of the transformer. bins: equally frequent parts that a number is known by; inside its part it is
            drawn evenly. levels: of each number of a picture's codes; their product is how many codes there are.
        channels: at the finest grid of what codes pictures and builds them again.
    """

    objective: ClassVar[str] = "autoregressive"
    suited: ClassVar[tuple[float, float]] = (0.5, 0.2)

    kind: Literal["autoregressive"] = "autoregressive"
    width: int = Setting(96, ge=1)
    depth: int = Setting(3, ge=1)
    heads: int = Setting(4, ge=1)
    bins: int = Setting(100, ge=2, le=1000)
    levels: tuple[int, ...] = Setting((8, 6, 5), min_length=1, max_length=6)
    channels: int = Setting(16, ge=1)
    dropout: float = Setting(0.1, ge=0.0, lt=1.0, json_schema_extra=OFF)

    def recommended(self, rows: int, values: int = 1) -> dict[str, Any]:
        """Train settings that suit this family."""
        return {
            "budget": self.budget, "batch": 32 if values >= _MANY else 64 if rows < 4_000 else 128,
            "optimizer": {"kind": "adamw", "lr": 2e-3, "weight_decay": 1e-2},
            "schedule": {"kind": "cosine", "warmup": 0.02}, "average": {"kind": "ema", "decay": 0.999}, "clip": 1.0,
            "early_stopping": {"patience": 12},
        }  # fmt: skip

    def space(self, rows: int) -> dict[str, Any]:
        """What `tune` chooses from, unless the person says otherwise: recipe key → range."""
        return {"model.width": [64, 96, 128], "model.depth": {"int": [1, 6]}, "model.dropout": {"float": [0.0, 0.3]}}

    def build(
        self, features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int, conditions: Sequence[str] = ()
    ) -> "AutoregressiveNetwork":
        """Raises Refused: levels that make no vocabulary, or columns that are not created."""
        codes = math.prod(self.levels)
        if min(self.levels) < _LEAST or codes > _CODES:
            raise Refused(
                f"model.levels: each number of a code needs {_LEAST} levels or more, and all together at most {_CODES:,} codes; "
                f"{list(self.levels)} are {codes:,}."
            )
        return AutoregressiveNetwork(self, features, alone(self.kind, features, heads, conditions), conditions)


class AutoregressiveKnobs(Config):
    """How a trained autoregressive network is sampled.

    Args:
        temperature: below 1 likely values come even more often; 0 takes the likeliest always.
        top_k: only the k likeliest values of each column; 0 for all. top_p: only the likeliest that together have this share.
        min_p: only values with this share of the likeliest one's.
    """

    temperature: float = Setting(1.0, ge=0.0, le=10.0)
    top_k: int = Setting(0, ge=0)
    top_p: float = Setting(1.0, gt=0.0, le=1.0)
    min_p: float = Setting(0.0, ge=0.0, le=1.0)


@dataclass
class Made:
    """Rows half made: what the transformer remembers, and how many tokens there are."""

    cache: Cache
    told: Tensor
    length: int = 0


class AutoregressiveNetwork(Creator):
    """See `Autoregressive`. `body` gives {"cost": (B, 1)}: mean nats of a row's tokens; high for what is unusual."""

    knobs = AutoregressiveKnobs

    def __init__(
        self, settings: Autoregressive, features: Mapping[str, FittedFeature], spaces: Mapping[str, Space],
        conditions: Sequence[str],
    ):  # fmt: skip
        super().__init__(features, conditions)
        grids = [name for name, space in spaces.items() if is_grid(space)]
        self.pieces: RowTokens | GridTokens = (
            GridTokens(grids[0], features[grids[0]], settings.channels, settings.levels)
            if grids
            else RowTokens(spaces, settings.bins)
        )
        width = settings.heads * -(-settings.width // settings.heads)
        self.wish = Wish(self.wished.sizes, width) if conditions else None
        self.start = nn.Parameter(0.02 * torch.randn(width))
        groups = self.pieces.heads
        self._ends = list(accumulate((count for _, count in groups), initial=0))
        self._head_of = [group for group, (_, count) in enumerate(groups) for _ in range(count)]
        begins = list(accumulate((size for size, _ in groups), initial=0))
        entries = begins[-1] if groups[-1][1] > 1 else begins[-2]  # the last token is never looked at
        self.table = nn.Embedding(entries, width) if entries else None
        if self.table is not None:
            nn.init.normal_(self.table.weight, std=0.05)
        self.trunk = Causal(self.pieces.count, width, settings.depth, settings.heads, settings.dropout)
        self.heads = nn.ModuleList(nn.Linear(width, size) for size, _ in groups)
        starts = torch.tensor([begins[group] for group in self._head_of], dtype=torch.int64)
        self.register_buffer("starts", starts, persistent=False)
        if grids:
            self.factors = {"pieces.spread": _QUICK}

    starts: Tensor

    def warm(self, batches: Callable[[], Iterator[Batch]], bias: Mapping[str, Tensor]) -> None:
        self.pieces.warm(batches())
        self.wished.learn(batches())

    def embed(self, inputs: Fields) -> dict[str, Field]:
        """What is created in `z` units; wishes as they are."""
        return self.beside_wishes(self.pieces.embed(inputs), inputs)

    def _told(self, z: Fields, rows: int) -> Tensor:
        """(B, W) what stands before the first token: the wish."""
        told = self.start.expand(rows, -1)
        ids = self.ids(z)
        return told if self.wish is None or ids is None else told + self.wish(ids)

    def _seen(self, tokens: Tensor, starts: Tensor) -> Tensor:
        """(…, W) embeddings of tokens (…) whose own ids begin at `starts` (…)."""
        assert self.table is not None
        return self.table(tokens + starts)

    def _groups(self, tokens: Tensor, told: Tensor, draw: Draw | None) -> list[Tensor]:
        """(B, n, size) logits of each group of tokens that share a head, given those before."""
        before = [told[:, None]] + ([self._seen(tokens[:, :-1], self.starts[:-1])] if tokens.shape[1] > 1 else [])
        x = self.trunk(torch.cat(before, 1), draw)
        return [head(x[:, a:b]) for head, (a, b) in zip(self.heads, pairwise(self._ends), strict=True)]

    def logits(self, tokens: Tensor, told: Tensor, draw: Draw | None = None) -> list[Tensor]:
        """(B, size) for every token, given those before it."""
        return [one for group in self._groups(tokens, told, draw) for one in group.unbind(1)]

    def begin(self, rows: int, condition: Fields | None = None) -> Made:
        """Nothing made yet. Args: condition: (B, …) stored fields of `conditions`."""
        return Made(self.trunk.begin(rows), self._told(condition or {}, rows))

    def step(self, token: Tensor | None, made: Made) -> Tensor:
        """(B, size) logits of the next token, the same as `logits` gives there.

        Args:
            token: (B,) the last one; None before the first.
        """
        x = made.told if token is None else self._seen(token, self.starts[made.length - 1])
        made.length += 1
        return self.heads[self._head_of[made.length - 1]](self.trunk.step(x, made.cache))

    def costs(self, z: Fields, draw: Draw, inner: Draw | None) -> Tensor:
        """(B, T), and one more where tokens leave something open. What is told of them teaches nothing that makes them."""
        tokens, weight, left = self.pieces.read(z, draw)
        found = self._groups(tokens, self._told(z, len(tokens)), inner)
        costs = [
            F.cross_entropy(one.transpose(1, 2), tokens[:, a:b], reduction="none")
            for one, (a, b) in zip(found, pairwise(self._ends), strict=True)
        ]
        return torch.cat([torch.cat(costs, 1) * weight, left], 1)

    def body(self, z: Fields, draw: Draw | None = None) -> dict[str, Field]:
        rows = len(next(iter(z.values())))
        chance = Draw(0).keyed(torch.zeros(rows, dtype=torch.int64)) if draw is None else draw
        return {"cost": Field(self.costs(z, chance, draw if self.training else None).mean(1, keepdim=True))}

    def sample(
        self, n: int, draw: Draw, condition: Fields | None = None, knobs: Config | None = None
    ) -> dict[str, Field]:
        """`n` rows inside the bounds of their spaces, piece by piece.

        Raises:
            Refused: a condition that the network does not know.
        """
        asked = self.asked(condition)
        one = knobs if isinstance(knobs, AutoregressiveKnobs) else AutoregressiveKnobs()
        device = self.start.device
        made = self.begin(n, {**self.wishes(n, draw), **asked})
        chance = draw.at("token").uniform(n, 2 * self.pieces.count).to(device)
        tokens: list[Tensor] = []
        for place in range(self.pieces.count):
            logits = self.step(tokens[-1] if tokens else None, made)
            tokens.append(chosen(logits, chance[:, place], one.temperature, one.top_k, one.top_p, one.min_p))
        return self.pieces.row(torch.stack(tokens, 1), chance[:, len(tokens) :])
