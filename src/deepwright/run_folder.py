"""The folder of a run: how a new one is named, and what is said about one that is missing, damaged or newer."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deepwright.core.errors import InputError, RunError, did_you_mean
from deepwright.core.files import make_folder, place_errors, read_json, sync_folder
from deepwright.core.sealed import unsealed

__all__ = ["FORMAT", "fitting", "known_format", "new_folder", "no_run", "read_stored", "whole"]

FORMAT = 1


def new_folder(out: Path, name: str) -> Path:
    """A new numbered folder `out/name-1`, `name-2` …; none is ever reused.

    Raises:
        DiskError: no permission, disk full.
    """
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    with place_errors(out):
        make_folder(out)
        taken = [path.name for path in out.iterdir()]
        number = 1 + max((int(m[1]) for t in taken if (m := re.fullmatch(rf"{re.escape(stem)}-(\d+)", t))), default=0)
        while True:
            folder = out / f"{stem}-{number}"
            try:
                folder.mkdir()
                sync_folder(out)
                return folder
            except FileExistsError:
                number += 1


_AGAIN = "Take the folder from a copy, or train again: deepwright train {run}/recipe.yaml"


@contextmanager
def whole(path: Path, help: str = "") -> Iterator[None]:
    """Turn a file of a run that is missing, cut short or changed by hand into a sentence.

    Raises:
        RunError: which file, and what to do.
    """
    run = path.parent.parent if path.parent.name in ("reports", "lapse", "states", "checkpoints") else path.parent
    try:
        yield
    except RunError:
        raise
    except FileNotFoundError as error:
        raise RunError(f"The run {run} is damaged: {path.name} is missing. {help or _AGAIN.format(run=run)}") from error
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
        InputError,
    ) as error:
        why = (str(error).splitlines() or [""])[0][:200].rstrip(".")
        if isinstance(error, LookupError | TypeError | AttributeError):
            why = "it holds something else than it should"
        kind = "" if isinstance(error, InputError) else f"{path.name} cannot be read: "
        raise RunError(f"The run {run} is damaged: {kind}{why}. {help or _AGAIN.format(run=run)}") from error


def read_stored(path: Path) -> Any:
    """What a sealed file of a run holds.

    Raises:
        RunError: a newer version wrote it. ValueError, OSError: it is damaged or missing.
    """
    stored = read_json(path)
    return stored if stored is None else unsealed(known_format(path.parent, stored))


def known_format(folder: Path, stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises RunError: it was written by a newer version."""
    number = stored.get("format", FORMAT)
    if isinstance(number, int) and number > FORMAT:
        raise RunError(
            f"The run {folder} was written by a newer version (format {number}; this one knows {FORMAT}). "
            "Update with: pip install --upgrade deepwright"
        )
    return stored


def no_run(folder: Path) -> str:
    if not folder.exists():
        near = [path.name for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
        hint = did_you_mean(folder.name, near) if near else "Train one with: deepwright train DATA"
        return f"There is no run {folder}. {hint}"
    if (folder / "tune.json").exists():
        return f"{folder} is a tune, not a run; its report names the run of the winner."
    inner = sorted(path.name for path in folder.iterdir() if (path / "recipe.yaml").exists()) if folder.is_dir() else []
    if (folder / "features.json").exists() or (folder / "task.json").exists():
        return f"{folder} is no run: the process that made it ended before training began. Train again, and delete it."
    if inner:
        return f"{folder} is a folder of runs, not a run. Name one of them: {', '.join(inner[:10])}."
    return f"{folder} is no run: it has no recipe.yaml."


@contextmanager
def fitting(folder: Path) -> Iterator[None]:
    """Raises RunError: the checkpoint belongs to another network than the recipe makes."""
    try:
        yield
    except (RuntimeError, LookupError) as error:
        raise RunError(
            f"The newest checkpoint of {folder} does not fit its recipe; was recipe.yaml changed by hand? "
            f"Change it back, or train anew: deepwright train {folder}/recipe.yaml"
        ) from error
