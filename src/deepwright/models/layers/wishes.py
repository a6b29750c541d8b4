"""Wishes: what is to be created, as labels; how often each comes, and what networks see of them.

Shapes: B rows, K condition columns (one id each), D width.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from deepwright.contracts import FittedFeature
from deepwright.core.errors import Refused
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.spaces import Tokens

__all__ = ["Wish", "Wishes"]

KNOWN = 1000  # rows that stand for all training rows
_LOOKED = 50_000


class Wishes(nn.Module):
    """The condition columns of a network that creates, and how often their labels come together in the training rows.

    Raises:
        Refused: a condition is no label.
    """

    def __init__(self, features: Mapping[str, FittedFeature], names: Sequence[str]):
        super().__init__()
        self.names = tuple(names)
        spaces = {name: features[name].space for name in names}
        for name, space in spaces.items():
            if not isinstance(space, Tokens) or space.shape:
                raise Refused(
                    f"Creations can be asked for by labels; '{name}' is none. Make it one with --set "
                    f"features.{name}=category, or leave it out of task.condition."
                )
        self.sizes = tuple(space.size for space in spaces.values() if isinstance(space, Tokens))
        if names:
            self.register_buffer("known", torch.zeros(KNOWN, len(names), dtype=torch.int32))

    known: Tensor

    def learn(self, batches: Iterable[Batch]) -> None:
        """Keep a thousand rows that hold each combination as often as the first 50,000 do."""
        if not self.names:
            return
        parts, seen = [], 0
        for batch in batches:
            parts.append(self.ids(batch.inputs))
            seen += len(batch)
            if seen >= _LOOKED:
                break
        rows = torch.cat(parts)
        distinct, kind = rows.unique(dim=0, return_inverse=True)
        places = ((torch.arange(KNOWN, dtype=torch.float64) + 0.5) / KNOWN * len(rows)).long()
        self.known.copy_(distinct[kind.sort().values[places]])

    def ids(self, fields: Fields) -> Tensor:
        """(B, K) of stored fields."""
        return torch.cat([fields[name].values.reshape(-1, 1) for name in self.names], 1)

    def drawn(self, n: int, draw: Draw) -> dict[str, Field]:
        """`n` wishes as stored fields."""
        if not self.names:
            return {}
        rows = self.known[draw.at("wish").integers(KNOWN, n).to(self.known.device)]
        return {name: Field(rows[:, place : place + 1]) for place, name in enumerate(self.names)}


class Wish(nn.Module):
    """(B, K) ids → (B, width): the sum of an embedding of each."""

    def __init__(self, sizes: Sequence[int], width: int):
        super().__init__()
        self.table = nn.Embedding(sum(sizes), width)
        nn.init.normal_(self.table.weight)
        starts = torch.tensor([0, *sizes[:-1]], dtype=torch.int64).cumsum(0)
        self.register_buffer("starts", starts, persistent=False)

    starts: Tensor

    def forward(self, ids: Tensor) -> Tensor:
        return self.table(ids + self.starts).sum(1)
