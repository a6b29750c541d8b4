"""What a run is made with: versions, hardware, data hashes. No names of people or machines."""

import hashlib
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any

import psutil
import torch

import deepwright
from deepwright.data.row_hashes import row_hashes
from deepwright.data.sameness import target_hash
from deepwright.data.table import Table, digests
from deepwright.preparation import Prepared

__all__ = ["circumstances", "environment", "pick_device", "rows_of_table", "used_columns"]

_PACKAGES = ("torch", "numpy", "polars", "pydantic", "safetensors", "pillow", "scikit-learn")
_VARIABLES = (  # of the environment, that choose other kernels
    "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)  # fmt: skip


def pick_device() -> torch.device:
    """CUDA, then Apple's MPS, then the CPU; `DEEPWRIGHT_DEVICE` wins."""
    wanted = os.environ.get("DEEPWRIGHT_DEVICE")
    if wanted:
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def environment(prepared: Prepared, device: torch.device, command: str, processes: int = 1) -> Mapping[str, Any]:
    """The record of a run's circumstances.

    Args:
        processes: that train together.
    """
    table, task = prepared.data.table, prepared.task
    return {
        **circumstances(device, processes), "seed": prepared.recipe.seed, "command": command,
        "data": {
            "origin": table.origin, "rows": table.height, "tests": prepared.data.tests, "files": digests(table),
            "columns": list(table.columns), "targets": None if task is None else target_hash(task, table),
            "hashes": rows_of_table(prepared.recipe, table),
        },
    }  # fmt: skip


def circumstances(device: torch.device, processes: int = 1) -> dict[str, Any]:
    """Versions and hardware."""
    return {
        "deepwright": deepwright.__version__, "source": _source_hash(), "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES}, "plugins": _plugins(),
        "system": platform.system(), "machine": platform.machine(), "processor": _processor(),
        "simd": torch.backends.cpu.get_cpu_capability(), "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1), "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else None, "processes": processes,
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }  # fmt: skip


def rows_of_table(recipe: Any, table: Table) -> dict[str, Any]:
    """Hashes of the rows of a table, as far as a recipe uses its columns."""
    pictures = [name for name, feature in recipe.features.items() if feature.kind == "image"]
    return row_hashes(table, used_columns(recipe), pictures)


def used_columns(recipe: Any) -> list[str]:
    """The columns that a complete recipe takes anything from."""
    data = recipe.data
    others = (data.id, data.group, data.time, *(data.split.needs() if data.split is not None else ()))
    return [*recipe.features, *recipe.target, *(name for name in others if name is not None)]


def _source_hash() -> str:
    """SHA-256 of the files of this package."""
    folder, digest = Path(deepwright.__file__).parent, hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _plugins() -> dict[str, str]:
    """Packages that bring kinds, with their versions."""
    points = entry_points(group="deepwright.kinds")
    return {point.dist.name: point.dist.version for point in points if point.dist is not None}


def _processor() -> str:
    """Its name as it tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
