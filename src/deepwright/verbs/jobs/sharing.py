"""The memory of trainings side by side: what one more of them takes, each a process of its own on rows that all map."""

import torch

from deepwright.preparation import Prepared
from deepwright.verbs.memory import expected

__all__ = ["each"]


def each(prepared: Prepared, program: int, device: torch.device) -> int:
    """Bytes of a training of the recipe in a process of its own.

    Args:
        program: bytes that this process held before the data was read.
    """
    estimated = expected(prepared, program, device)
    return estimated.total - estimated.parts["data"] + prepared.packed.bytes  # the table is here only
