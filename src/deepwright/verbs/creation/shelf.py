"""Latents and directions that a person named, in the run's folder: plain tensors, with how they were found as JSON.

`RUN/latents/NAME.safetensors` is one creation's latent, `RUN/directions/NAME.safetensors` a unit step for `--edit`. Both
belong to the weights they were found with; records name them by their hash, never by the name a person gave.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from deepwright.core.errors import OutputExists, RecipeError, RunError, did_you_mean
from deepwright.core.files import file_hash
from deepwright.run_folder import whole
from deepwright.training.tensor_files import read_tensors, write_tensors

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Kind", "Shelf", "Stored", "checked_name", "key_of"]

Kind = Literal["latents", "directions"]
_ONE = {"latents": "latent", "directions": "direction"}
_HOW = {
    "latents": "Make one with: deepwright generate {run} --invert PICTURE",
    "directions": "Make one with: deepwright direction {run} --pca 3",
}
_NAME = re.compile(r"[^\W\d][\w.+-]{0,59}")


@dataclass(frozen=True)
class Stored:
    """A named latent or direction.

    Args:
        key: hash of its numbers. vector: (*latent,) float32. values: how it was found.
    """

    name: str
    key: str
    vector: Tensor
    values: Mapping[str, Any]


def key_of(vector: Tensor) -> str:
    """16 hexadecimal digits of the SHA-256 of its float32 numbers."""
    return hashlib.sha256(vector.detach().to("cpu", torch.float32).contiguous().numpy().tobytes()).hexdigest()[:16]


def checked_name(name: str) -> str:
    """Raises RecipeError: it cannot be told from a number, or is no name of a file."""
    if not _NAME.fullmatch(name):
        raise RecipeError(
            f"'{name}' is no name: begin with a letter, then letters, digits, '_', '-', '+' and '.', 60 at most."
        )
    return name


class Shelf:
    """The named latents and directions of a run."""

    def __init__(self, run: "Run"):
        self._run = run
        self._folder = run.folder

    def names(self, kind: Kind) -> list[str]:
        return sorted(path.stem for path in (self._folder / kind).glob("*.safetensors"))

    def named(self, kind: Kind, name: str) -> Stored:
        """Raises RecipeError: nothing has that name. RunError: it cannot be read, or was found with other weights."""
        path = self._path(kind, name)
        if not _NAME.fullmatch(name) or not path.is_file():
            known = self.names(kind)
            hint = did_you_mean(name, known) if known else _HOW[kind].format(run=self._folder)
            raise RecipeError(f"The run {self._run.name} has no {_ONE[kind]} '{name}'. {hint}")
        with whole(path, "Make it again."):
            tensors, values = read_tensors(path)
            stored = Stored(name, key_of(tensors["vector"]), tensors["vector"], values)
        if stored.values.get("weights") != file_hash(self._folder / "weights.safetensors"):
            raise RunError(
                f"The {_ONE[kind]} '{name}' was found before the run {self._run.name} was trained further, and means nothing "
                f"to its weights of now. Make it again with --force."
            )
        if stored.vector.shape != self._run.network.latent:
            raise RunError(f"The {_ONE[kind]} '{name}' does not fit the latents of the run {self._run.name}.")
        return stored

    def keyed(self, kind: Kind, key: str) -> Stored:
        """Raises RunError: it is not there any more."""
        for name in self.names(kind):
            with whole(self._path(kind, name), "Delete that file."):
                if key_of(read_tensors(self._path(kind, name))[0]["vector"]) == key:
                    return self.named(kind, name)
        raise RunError(
            f"The run {self._run.name} no longer has the {_ONE[kind]} {key} that this was made with; it was deleted or replaced."
        )

    def keep(self, kind: Kind, name: str, vector: Tensor, values: Mapping[str, Any], force: bool = False) -> Stored:
        """Store a vector under a name.

        Raises:
            OutputExists: the name is taken. RecipeError: it is no name.
        """
        path = self._path(kind, checked_name(name))
        if path.exists() and not force:
            raise OutputExists(
                f"The run {self._run.name} has a {_ONE[kind]} '{name}' already; nothing was changed. Use --force to replace it, "
                "or another --name."
            )
        stored = {**values, "kind": _ONE[kind], "weights": file_hash(self._folder / "weights.safetensors")}
        vector = vector.detach().to("cpu", torch.float32)
        write_tensors(path, {"vector": vector}, stored)
        return Stored(name, key_of(vector), vector, stored)

    def _path(self, kind: Kind, name: str) -> Path:
        return self._folder / kind / f"{name}.safetensors"
