"""Recall: from a file that was made back to the run and the state it came from.

A record names the run by the hash of what was written once when the run began, and its weights by the hash of their file.
"""

import hashlib
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field as Setting
from pydantic import ValidationError

from deepwright import __version__
from deepwright.core.config import Config
from deepwright.core.errors import DataError, RunError
from deepwright.core.files import file_hash
from deepwright.verbs.creation.records import read_record
from deepwright.verbs.creation.state import Anchor, State

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["FORMAT", "Record", "find_run", "recalled", "record_of", "run_hash"]

FORMAT = 1


class Record(Config):
    """What a file says about how it was made. No paths, no names, no data.

    Args:
        deepwright, torch, cpu, threads, chunk: what the last bits depend on. step: training had come so far.
        run, weights: hashes. number, latent: what one picture shows; n, at: what a sheet, a walk or a table shows.
    """

    format: int = Setting(FORMAT, ge=1, le=FORMAT)
    deepwright: str
    torch: str
    cpu: str
    threads: int = Setting(ge=1, le=4096)
    chunk: int = Setting(ge=1, le=4096)
    step: int | None = None
    run: str
    weights: str
    state: State = State()
    number: int | None = Setting(None, ge=0)
    latent: str | None = None
    n: int | None = Setting(None, ge=1, le=100_000)
    at: tuple[Anchor, ...] = ()

    @property
    def shown(self) -> tuple[Anchor, ...]:
        """The creations that the file shows; () for the first `n`."""
        one = self.number if self.latent is None else self.latent
        return self.at if one is None else (one,)

    def other_circumstances(self, threads: int) -> list[str]:
        """What is different here and may change last bits, in words."""
        here = {"deepwright": __version__, "torch": torch.__version__, "processor": _cpu(), "threads": str(threads)}
        there = {
            "deepwright": self.deepwright,
            "torch": self.torch,
            "processor": self.cpu,
            "threads": str(self.threads),
        }
        return [f"{name} {there[name]} there, {here[name]} here" for name in here if here[name] != there[name]]


def record_of(run: "Run", state: State, chunk: int) -> dict[str, Any]:
    """The record of what is made now, as JSON; what a file shows is still to be added."""
    stopped = [event for event in run.events() if event["event"] == "stopped"]
    record = Record(
        deepwright=__version__, torch=torch.__version__, cpu=_cpu(), threads=torch.get_num_threads(), chunk=chunk,
        step=stopped[-1]["step"] if stopped else None, run=run_hash(run.folder),
        weights=file_hash(run.folder / "weights.safetensors"), state=state,
    )  # fmt: skip
    stored = record.model_dump(mode="json", exclude_defaults=True)
    return {"format": FORMAT, **stored}


def run_hash(folder: Path) -> str:
    """What identifies a run whatever is done with it later: 32 digits of the SHA-256 of two files that are written once."""
    digest = hashlib.sha256()
    for name in ("environment.json", "features.json"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:32]


def _cpu() -> str:
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def recalled(path: Path) -> Record:
    """The record of a file.

    Raises:
        DataError: there is none, it is damaged, or it is of a newer version.
    """
    stored = read_record(path)
    if stored.get("verb") == "restyle":
        raise DataError(
            f"{path} was made by 'deepwright restyle' from two pictures, not by a run; with the same pictures, seed and knobs "
            "it is made again by that command."
        )
    version = stored.get("format")
    if isinstance(version, int) and not isinstance(version, bool) and version > FORMAT:
        raise DataError(
            f"The record in {path} is of a newer version (format {version}; this one knows {FORMAT}). "
            "Update with: pip install --upgrade deepwright"
        )
    try:
        return Record(**stored)
    except (ValidationError, TypeError) as error:
        where, what = "", str(error).splitlines()[0]
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            where, what = ".".join(str(part) for part in first["loc"]), first["msg"]
        raise DataError(f"The record in {path} is damaged: {where}: {what}.") from error


def find_run(record: Record, path: Path, given: Path | None, places: tuple[Path, ...] = (Path("runs"),)) -> Path:
    """The folder of the run that a file came from: the given one, the run around the file, or one in `places`.

    Raises:
        RunError: no such run, or its weights are others by now.
    """
    if given is not None and (given / "recipe.yaml").exists():
        if not _is(given, record):
            raise RunError(
                f"{path} was not made by the run {given}. Leave the run out to look for its own under runs/."
            )
        return _unchanged(given, record, path)
    looked = tuple(dict.fromkeys([*([] if given is None else [given]), *places]))
    around = [folder for folder in path.absolute().parents if (folder / "recipe.yaml").exists()]
    found = [folder for folder in (*around, *_runs_in(looked)) if _is(folder, record)]
    if not found:
        where = " and ".join(f"{place}/" for place in looked)
        raise RunError(
            f"The run that made {path} is not in {where}. If it lies elsewhere, name it: deepwright generate --from {path} RUN"
        )
    same = [folder for folder in found if _has_weights(folder, record)]
    return same[0] if same else _unchanged(found[0], record, path)


def _runs_in(places: tuple[Path, ...]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from sorted(folder for folder in place.iterdir() if (folder / "recipe.yaml").exists())


def _is(folder: Path, record: Record) -> bool:
    try:
        return run_hash(folder) == record.run
    except OSError:
        return False


def _has_weights(folder: Path, record: Record) -> bool:
    path = folder / "weights.safetensors"
    return path.exists() and file_hash(path) == record.weights


def _unchanged(folder: Path, record: Record, path: Path) -> Path:
    if not _has_weights(folder, record):
        when = "" if record.step is None else f" (at step {record.step})"
        raise RunError(
            f"The run {folder} made {path}, but its weights have changed since{when}: it was trained further, or again. "
            "Take the old weights from a copy of the run; the new ones would make something else."
        )
    return folder
