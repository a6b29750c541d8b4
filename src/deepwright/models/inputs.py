"""What networks see of features: the space of each column's `z`, and how stored values become `z`."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from deepwright.contracts import FittedFeature
from deepwright.core.errors import Refused
from deepwright.fields import Batch, Field, Fields
from deepwright.spaces import Box, Space, Tokens

__all__ = ["Embed", "is_grid", "is_vector"]


def is_grid(space: Space) -> bool:
    """Pictures and their like: (H, W, C)."""
    return isinstance(space, Box) and len(space.shape) == 3


def is_vector(space: Space) -> bool:
    """Plain columns: (D,) numbers or one id."""
    return (isinstance(space, Box) and len(space.shape) == 1) or (isinstance(space, Tokens) and not space.shape)


class Embed(nn.Module):
    """Stored columns → `z`.

    Every id column has rows of its own in one table of embeddings, so that all are looked up at once.

    Args:
        width: of the embedding of an id.
    """

    def __init__(self, features: Mapping[str, FittedFeature], width: int):
        super().__init__()
        spaces = {name: feature.space for name, feature in features.items()}
        self.grids = [name for name, space in spaces.items() if is_grid(space)]
        self.boxes = [n for n, space in spaces.items() if isinstance(space, Box) and is_vector(space)]
        self.ids = [name for name, space in spaces.items() if isinstance(space, Tokens) and is_vector(space)]
        left = spaces.keys() - {*self.grids, *self.boxes, *self.ids}
        if left:
            raise Refused(
                f"This network takes pictures, numbers and categories; it cannot take {', '.join(sorted(left))}."
            )
        shapes = {name: space.shape for name, space in spaces.items() if isinstance(space, Box)}
        self.sizes = {name: shapes[name][0] for name in self.boxes}
        self.shapes = {name: shapes[name] for name in self.grids}
        embedders = {name: feature.embedder() for name, feature in features.items()}
        self._places = {name: str(place) for place, name in enumerate(features)}  # names may hold dots
        self.embedders = nn.ModuleDict({self._places[n]: e for n, e in embedders.items() if e is not None})
        self.width = width if self.ids else 0
        sizes = [spaces[name].size for name in self.ids]  # type: ignore[union-attr]
        starts = torch.tensor([0, *sizes[:-1]] if sizes else [], dtype=torch.int64).cumsum(0)
        self.register_buffer("starts", starts, persistent=False)
        self.table = nn.Embedding(sum(sizes), width) if sizes else None
        if self.table is not None:
            nn.init.normal_(self.table.weight, std=width**-0.5)

    def forward(self, inputs: Fields) -> dict[str, Field]:
        z = {name: self._real(name, inputs[name]) for name in (*self.grids, *self.boxes)}
        if self.table is not None:
            ids = torch.cat([inputs[name].values.reshape(-1, 1) for name in self.ids], 1)
            looked = self.table(ids + self.starts)
            z |= {name: inputs[name].with_values(looked[:, place]) for place, name in enumerate(self.ids)}
        return z

    def _real(self, name: str, field: Field) -> Field:
        place = self._places[name]
        return field.with_values(
            self.embedders[place](field.values) if place in self.embedders else field.values.float()
        )

    def first_numbers(self, batches: Iterable[Batch], rows: int) -> Tensor:
        """The number columns' `z` of at least `rows` rows, or of all: (B, numbers). Looks at no picture."""
        parts, seen = [], 0
        for batch in batches:
            parts.append(self.number_matrix({name: self._real(name, batch.inputs[name]) for name in self.boxes}))
            seen += len(batch)
            if seen >= rows:
                break
        return torch.cat(parts)

    @property
    def numbers(self) -> int:
        """Coordinates of all number columns together."""
        return sum(self.sizes.values())

    def number_matrix(self, z: Fields) -> Tensor:
        """(B, numbers) of all plain number columns."""
        return torch.cat([z[name].values for name in self.boxes], 1)

    def id_matrix(self, z: Fields) -> Tensor:
        """(B, ids · width) of all embedded ids."""
        return torch.cat([z[name].values for name in self.ids], 1)
