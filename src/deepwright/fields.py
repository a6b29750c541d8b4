"""Field and Batch: the only types that travel between layers.

Shapes: B rows, units… (pixels, words, time steps), D values a unit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree

__all__ = ["Batch", "Field", "Fields", "concat_fields"]


@dataclass(frozen=True)
class Field:
    """One column of a batch: inputs, `z`, outputs and targets alike.

    Args:
        values: (B, units…, D), or (B, units…) for integer ids.
        mask: (B, units…), true where a unit is real and not padding; None when all are.
        present: (B,), false where a whole modality is missing; None when all are there.
    """

    values: Tensor
    mask: Tensor | None = None
    present: Tensor | None = None

    def __len__(self) -> int:
        return self.values.shape[0]

    def map(self, change: Any) -> "Field":
        """The field with `change` applied to each of its tensors."""
        return Field(*(None if part is None else change(part) for part in (self.values, self.mask, self.present)))

    def __getitem__(self, rows: Any) -> "Field":
        return self.map(lambda part: part[rows])

    def to(self, *args: Any, **kwargs: Any) -> "Field":
        """The field on another device (the data type of the values is kept)."""
        return self.map(lambda part: part.to(*args, **kwargs))

    def with_values(self, values: Tensor) -> "Field":
        return replace(self, values=values)


Fields = Mapping[str, Field]


def concat_fields(parts: list[Field]) -> Field:
    """The rows of several fields of one column, in order. Padding must already agree."""

    def join(tensors: list[Tensor | None]) -> Tensor | None:
        known = next((tensor for tensor in tensors if tensor is not None), None)
        if known is None:
            return None
        full = [
            known.new_ones(len(part), *known.shape[1:]) if t is None else t
            for t, part in zip(tensors, parts, strict=True)
        ]
        return torch.cat(full)

    values = torch.cat([part.values for part in parts])
    return Field(values, join([part.mask for part in parts]), join([part.present for part in parts]))


@dataclass(frozen=True)
class Batch:
    """Some examples, as mappings keyed by column.

    Args:
        inputs: encoded input columns.
        targets: encoded target columns.
        row: (B,) index of each example in the packed data.
        position: (B,) place in the *global* batch of this step; unique, and unchanged by splitting.
        weight: (B,) importance of each example, or None when all count 1.
        mate: as many other examples, partners of these (mixup), or None.
    """

    inputs: Fields
    targets: Fields
    row: Tensor
    position: Tensor
    weight: Tensor | None = None
    mate: "Batch | None" = None

    def __len__(self) -> int:
        return self.row.shape[0]

    def __getitem__(self, rows: slice | Tensor) -> "Batch":
        return Batch(
            {name: field[rows] for name, field in self.inputs.items()},
            {name: field[rows] for name, field in self.targets.items()},
            self.row[rows],
            self.position[rows],
            None if self.weight is None else self.weight[rows],
            None if self.mate is None else self.mate[rows],
        )

    def split(self, size: int) -> Iterator["Batch"]:
        """Consecutive pieces of at most `size` rows."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def to(self, device: torch.device) -> "Batch":
        blocking = device.type == "cpu"
        move = {"device": device, "non_blocking": not blocking}
        return Batch(
            {name: field.to(**move) for name, field in self.inputs.items()},
            {name: field.to(**move) for name, field in self.targets.items()},
            self.row.to(**move),
            self.position.to(**move),
            None if self.weight is None else self.weight.to(**move),
            None if self.mate is None else self.mate.to(device),
        )


# As trees of tensors, so that torch.func (per-example gradients) can map over rows.
_pytree.register_pytree_node(
    Field,
    lambda f: ([f.values, f.mask, f.present], None),
    lambda parts, _: Field(*parts),
    serialized_type_name="deepwright.Field",
)
_pytree.register_pytree_node(
    Batch,
    lambda b: ([dict(b.inputs), dict(b.targets), b.row, b.position, b.weight, b.mate], None),
    lambda parts, _: Batch(*parts),
    serialized_type_name="deepwright.Batch",
)
