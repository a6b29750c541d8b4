"""Checkpoints: whole or absent. Plain tensors and JSON, a hash over both; the last whole one wins."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from deepwright.training.tensor_files import read_tensors, write_tensors

__all__ = ["Checkpoint", "Checkpoints", "best_so_far", "paths"]

_NAME = re.compile(r"step-(\d+)\.safetensors$")


@dataclass(frozen=True)
class Checkpoint:
    """Everything training needs to go on: tensors by path ("weights/…", "optimizer/…") and JSON values."""

    step: int
    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose path starts with `prefix/`, by the rest of the path."""
        return {name[len(prefix) + 1 :]: t for name, t in self.tensors.items() if name.startswith(prefix + "/")}

    @property
    def averaged(self) -> dict[str, Tensor]:
        """The weights of its step, averaged where they are."""
        weights, moving = self.under("weights"), self.under("average")
        return moving if moving.keys() == weights.keys() else weights


def paths(groups: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of all groups by "group/name"; `Checkpoint.under` gives a group again."""
    return {f"{group}/{name}": tensor for group, members in groups.items() for name, tensor in members.items()}


class Checkpoints:
    """The checkpoints of a run.

    A checkpoint is one file, `step-N.safetensors`, which holds tensors, values and a hash over all: it is whole, or it
    does not exist. Two are kept, so that one broken file loses little.

    Args:
        before: called before a checkpoint is written: makes safe on the disk what it builds on, and gives values that
            are kept with it.
    """

    def __init__(self, folder: Path, keep: int = 2, before: Callable[[], Mapping[str, Any]] | None = None):
        self._folder, self._keep, self._before = folder, keep, before
        self.broken: list[str] = []  # why newer ones were passed over, after `latest`

    def save(self, checkpoint: Checkpoint) -> None:
        """Raises DiskError: the disk is full or not writable; older checkpoints are untouched."""
        more = {} if self._before is None else self._before()
        values = {"step": checkpoint.step, "values": {**checkpoint.values, **more}}
        write_tensors(self.path(checkpoint.step), checkpoint.tensors, values)
        steps = self.steps()
        kept = [step for step in steps if step <= checkpoint.step][: self._keep]
        for step in steps:  # later ones are broken, or of a future that will be lived again
            if step not in kept:
                with suppress(OSError):
                    self.path(step).unlink()

    def latest(self, lines: int | None = None) -> Checkpoint | None:
        """The newest whole checkpoint, or None.

        Args:
            lines: events that are known; a checkpoint that builds on more is as good as broken. None asks for none.
        """
        self.broken = []
        for step in self.steps():
            path = self.path(step)
            try:
                tensors, stored = read_tensors(path)
                if stored["step"] != step:
                    raise ValueError(f"it is the one of step {stored['step']}")
                if lines is not None and stored["values"].get("lines", 0) > lines:
                    raise ValueError("events before it are missing in events.jsonl")
                return Checkpoint(step, tensors, stored["values"])
            except (OSError, ValueError, LookupError, TypeError) as error:
                self.broken.append(f"{path.name} cannot be used: {error}")
        return None

    def at(self, step: int) -> Checkpoint:
        """The one of a step.

        Raises:
            ValueError: its bytes are not those that were written. OSError: it cannot be read.
        """
        tensors, stored = read_tensors(self.path(step))
        return Checkpoint(step, tensors, stored["values"])

    def path(self, step: int) -> Path:
        """The file of a step, whether it is there or not."""
        return self._folder / f"step-{step}.safetensors"

    def steps(self) -> list[int]:
        """Those that there are, newest first."""
        found = (_NAME.match(path.name) for path in self._folder.glob("step-*.safetensors"))
        return sorted((int(match[1]) for match in found if match), reverse=True)


def best_so_far(folder: Path, judged: bool) -> dict[str, Tensor]:
    """The weights to answer with while a training has not come to its end, from its newest whole checkpoint.

    Args:
        folder: of the run. judged: validation says which were best; otherwise the newest count, averaged where they are.

    Returns:
        {} where there is no checkpoint, or no validation was before it.
    """
    newest = Checkpoints(folder / "checkpoints").latest()
    if newest is None:
        return {}
    return newest.under("best") if judged else newest.averaged
