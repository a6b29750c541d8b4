"""Which rows teach what data looks like."""

import torch
from torch import Tensor

from deepwright.fields import Batch

__all__ = ["whole_rows"]


def whole_rows(batch: Batch) -> Tensor:
    """(B,) the batch's own weights; 0 for rows with a part missing, which teach nothing about what data looks like."""
    weight = torch.ones(len(batch), device=batch.row.device) if batch.weight is None else batch.weight
    for field in batch.inputs.values():
        weight = weight if field.present is None else weight * field.present
    return weight
