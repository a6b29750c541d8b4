"""What a run was made with: versions, hardware, data hashes. No names of people or machines."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil
import torch

from deepwright import __version__
from deepwright.contracts import FittedTask
from deepwright.data.sameness import target_hash
from deepwright.data.table import Table, digests

__all__ = ["environment", "pick_device"]

_PACKAGES = ("torch", "numpy", "polars", "pydantic", "safetensors", "pillow", "scikit-learn")


def pick_device() -> torch.device:
    """CUDA, then Apple's MPS, then the CPU; `DEEPWRIGHT_DEVICE` wins."""
    wanted = os.environ.get("DEEPWRIGHT_DEVICE")
    if wanted:
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def environment(
    table: Table, task: FittedTask | None, seed: int, device: torch.device, command: str
) -> Mapping[str, Any]:
    """The record of a run's circumstances."""
    targets = None if task is None else target_hash(task, table)
    return {
        "deepwright": __version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "system": platform.system(), "machine": platform.machine(), "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1), "device": str(device),
        "seed": seed, "command": command,
        "data": {"origin": table.origin, "rows": table.height, "files": digests(table), "targets": targets},
    }  # fmt: skip


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
