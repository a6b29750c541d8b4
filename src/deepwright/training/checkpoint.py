"""Checkpoints: whole or absent. Plain tensors and JSON, a hash over both; the last whole one wins."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from deepwright.core.files import file_hash, write_atomic, write_json

__all__ = ["Checkpoint", "Checkpoints", "paths"]

_NAME = re.compile(r"step-(\d+)\.json$")


@dataclass(frozen=True)
class Checkpoint:
    """Everything training needs to go on: tensors by path ("weights/…", "optimizer/…") and JSON values."""

    step: int
    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose path starts with `prefix/`, by the rest of the path."""
        return {name[len(prefix) + 1 :]: t for name, t in self.tensors.items() if name.startswith(prefix + "/")}


def paths(groups: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of all groups by "group/name"; `Checkpoint.under` gives a group again."""
    return {f"{group}/{name}": tensor for group, members in groups.items() for name, tensor in members.items()}


class Checkpoints:
    """The checkpoints of a run.

    A checkpoint is `step-N.safetensors` and, written after it, `step-N.json` with the hash of the tensors' file: without
    the second, or when the hash does not fit, it does not exist. Two are kept, so that one broken file loses little.
    """

    def __init__(self, folder: Path, keep: int = 2):
        self._folder, self._keep = folder, keep

    def save(self, checkpoint: Checkpoint) -> None:
        """Raises InputError: the disk is full or not writable; older checkpoints are untouched."""
        tensors = {name: _plain(value) for name, value in checkpoint.tensors.items()}
        path = self._folder / f"step-{checkpoint.step}.safetensors"
        write_atomic(path, lambda part: save_file(tensors, part))
        record = {"format": 1, "step": checkpoint.step, "sha256": file_hash(path), "values": checkpoint.values}
        write_json(path.with_suffix(".json"), record)
        for step in self._steps()[self._keep :]:
            for suffix in (".json", ".safetensors"):  # the record first: then the pair is gone, not broken
                (self._folder / f"step-{step}{suffix}").unlink(missing_ok=True)

    def latest(self) -> Checkpoint | None:
        """The newest whole checkpoint, or None."""
        for step in self._steps():
            path = self._folder / f"step-{step}.safetensors"
            try:
                record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
                whole = record["sha256"] == file_hash(path)
            except (OSError, ValueError, KeyError):
                whole = False
            if whole:
                return Checkpoint(step, load_file(path), record["values"])
        return None

    def _steps(self) -> list[int]:
        """Newest first."""
        found = (_NAME.match(path.name) for path in self._folder.glob("step-*.json"))
        return sorted((int(match[1]) for match in found if match), reverse=True)


def _plain(value: Tensor) -> Tensor:
    """Contiguous, on the CPU and sharing memory with nothing, as the file format demands."""
    return value.detach().to("cpu").clone(memory_format=torch.contiguous_format)
