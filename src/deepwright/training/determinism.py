"""Determinism: kernels that give the same bits each time, where torch has them, and what is said where it has not.

On the processor the same seed and number of threads give the same bits. CUDA has kernels that do so for most operations:
they are asked for, and torch warns of each operation that has none. Others (Apple's MPS) promise nothing.
"""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.utils.deterministic

__all__ = ["Determinism", "deterministic"]

_KEPT = ("cpu", "cuda")  # devices whose kernels keep the order of sums, those excepted that torch warns of
_TOLD = re.compile(r"deterministic implementation|not deterministic|non-?deterministic", re.IGNORECASE)
_NAME = re.compile(r"^['\"`]?([\w.:]+)['\"`]? does not have a deterministic implementation")
_CUBLAS = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, cuBLAS takes whatever workspace is free


@dataclass
class Determinism:
    """What one training may promise.

    Args:
        device: its type. operations: that torch has no deterministic kernel for, as they were met.
    """

    device: str
    operations: list[str] = field(default_factory=list)

    @property
    def why_not(self) -> str:
        """A sentence where the bits cannot be promised, otherwise ""."""
        if self.device not in _KEPT:
            reason = f"torch promises no fixed order of sums on {self.device}"
        elif self.operations:
            reason = f"torch has no deterministic way on {self.device} to compute {', '.join(self.operations)}"
        else:
            return ""
        return f"Trained again, this run would not give the same last bits: {reason}."

    def hear(self, text: str) -> bool:
        """Take note of a warning if it is about determinism."""
        if not _TOLD.search(text):
            return False
        name = _NAME.match(text)
        operation = name[1] if name else "matrix products" if "CuBLAS" in text else text.split(".")[0][:80]
        if operation not in self.operations:
            self.operations.append(operation)
        return True


@contextmanager
def deterministic(device: torch.device) -> Iterator[Determinism]:
    """Deterministic kernels inside the block where there are any; torch's warnings of others go into what is given."""
    found = Determinism(device.type)
    if device.type == "cuda":
        os.environ.setdefault(*_CUBLAS)
    mode, fill = torch.get_deterministic_debug_mode(), torch.utils.deterministic.fill_uninitialized_memory
    torch.set_deterministic_debug_mode("warn")
    torch.utils.deterministic.fill_uninitialized_memory = False  # nothing is read before it is written
    try:
        with _overheard(found):
            yield found
    finally:
        torch.set_deterministic_debug_mode(mode)
        torch.utils.deterministic.fill_uninitialized_memory = fill


@contextmanager
def _overheard(found: Determinism) -> Iterator[None]:
    with warnings.catch_warnings():
        show = warnings.showwarning

        def heard(message: Warning | str, *rest: object) -> None:
            if not found.hear(str(message)):
                show(message, *rest)  # type: ignore[arg-type]

        warnings.filterwarnings("always", message=f"(?s).*({_TOLD.pattern})")
        warnings.showwarning = heard  # type: ignore[assignment]
        yield
