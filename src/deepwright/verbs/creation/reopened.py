"""Reopened: what a file's record gives now, beside what the file shows."""

from pathlib import Path
from typing import Any, Literal

import polars as pl

from deepwright.training.threads import cores
from deepwright.verbs.creation.recall import Record
from deepwright.verbs.creation.sameness import shows_the_same

__all__ = ["Notes", "reopened"]

Notes = list[tuple[str, Literal["good", "warning"]]]


def reopened(
    path: Path | None, old: Record | None, made: pl.DataFrame | None, unchanged: bool, moves: bool
) -> tuple[Any, Notes]:
    """What is told of a file that was opened again, as JSON and in sentences.

    Args:
        made: what its state gives now; None: with what the person changed. unchanged: nothing was. moves: it is a walk.
    """
    if path is None or old is None:
        return None, []
    others = old.other_circumstances(min(old.threads, cores()))
    told: dict[str, Any] = {"file": path.name, "unchanged": unchanged, "circumstances": others, "same": None}
    differs = f"other circumstances: {'; '.join(others)}"
    if made is None:
        note = f"The state of {path.name} was opened, with what you changed."
        return told, [(note, "good")] + (
            [(f"The same state, but the bytes may differ ({differs}).", "warning")] if others else []
        )
    told["same"] = shows_the_same(path, made, moves)
    if told["same"]:
        return told, [(f"This is the state of {path.name}, and every value is the same.", "good")]
    if others:
        return told, [(f"This is the state of {path.name}; the bytes may differ ({differs}).", "warning")]
    if told["same"] is None:
        return told, [(f"This is the state of {path.name}; such a file keeps no exact values to compare with.", "good")]
    note = f"This is the state of {path.name}, but not all values are the same: the file was changed since it was made."
    return told, [(note, "warning")]
