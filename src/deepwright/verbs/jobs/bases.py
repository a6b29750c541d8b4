"""Bases: prepared data that many trainings share, each base in a folder: fitted features and task, parts, packed rows."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepwright.core.files import place_errors, write_text
from deepwright.data.pack import Packed
from deepwright.data.shelf import on_shelf, put
from deepwright.preparation import Prepared
from deepwright.recipe import Recipe
from deepwright.run import Run
from deepwright.verbs.creation.story import SEEN_FILE

__all__ = ["Base", "lay", "new_run", "of"]

SHARED = ("features.json", "task.json", "split.safetensors", "findings.json", "environment.json")
ROWS = "packed"


@dataclass
class Base:
    """A base in this process: a run that is never trained, and its packed rows (mapped, not read)."""

    run: Run
    packed: Packed

    def trial(self, folder: Path, recipe: Recipe) -> Run:
        """A run of another recipe on the same data, which lies in a folder of its own."""
        run = replace(self.run, folder=folder, recipe=recipe)
        run.__dict__["parts"] = self.run.parts
        return run


def lay(folder: Path, prepared: Prepared, environment: Mapping[str, Any]) -> Run:
    """Write a base; the run in it, which is never trained.

    Raises:
        InputError: the disk is full or not writable.
    """
    run = Run.create(folder, prepared, environment)
    put(prepared.packed, folder / ROWS)
    return run


def of(folder: Path) -> Base:
    """The base in a folder. Raises RunError: it is missing or damaged."""
    return Base(Run.load(folder), on_shelf(folder / ROWS))


def new_run(base: Path, folder: Path, recipe: Recipe) -> None:
    """A run of its own, ready to be trained, on the data of a base."""
    with place_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in SHARED:
            shutil.copyfile(base / name, folder / name)
        if (base / SEEN_FILE).exists():
            shutil.copyfile(base / SEEN_FILE, folder / SEEN_FILE)
    write_text(folder / "recipe.yaml", recipe.yaml())
