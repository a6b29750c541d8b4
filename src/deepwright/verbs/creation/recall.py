"""Recall: from a file that was made back to the run and the state it came from.

A record names the run by the hash of what was known when it began, and its weights by the hash of their file. While a run is
not at its end its weights change: those that made something with a record are kept in `states/`, so that it opens for ever.
"""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field as Setting
from pydantic import ValidationError

from deepwright import __version__
from deepwright.core.config import Config
from deepwright.core.errors import DataError, RunError
from deepwright.core.files import file_hash
from deepwright.core.sealed import canonical_hash
from deepwright.run_folder import read_stored, whole
from deepwright.training.tensor_files import read_tensors, write_tensors
from deepwright.verbs.creation.making import knobs_of
from deepwright.verbs.creation.records import read_record
from deepwright.verbs.creation.state import Anchor, State

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["FORMAT", "Record", "find_run", "recalled", "record_of", "run_hash", "with_its_weights"]

FORMAT = 1
STATES = "states"
_ADDED = ("training", "hashes", "figures")  # to environment.json, when training ends and at completion


class Record(Config):
    """What a file says about how it was made. No paths, no names, no data.

    Args:
        deepwright, torch, cpu, threads, chunk: what the last bits depend on. step: training had come so far.
        run, weights: hashes. number, latent: what one picture shows; n, at: what a sheet, a walk or a table shows. fps: frames a second of a walk.
        apart: the share of creations that was left out.
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
    fps: float | None = Setting(None, ge=0.1, le=100)
    apart: float = Setting(0.0, ge=0, le=0.9)

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


def record_of(run: "Run", state: State, chunk: int, fps: float | None = None, apart: float = 0.0) -> dict[str, Any]:
    """The record of what is made now, as JSON; what a file shows is still to be added.

    Args:
        fps: frames a second of a walk. apart: the share of creations that is left out.

    Raises:
        DiskError: the weights of a run that is not at its end cannot be kept.
    """
    events = run.events()
    came = [event["step"] for event in events if event["event"] in ("stopped", "saved")]
    weights, step = run.reopened or (_kept(run, events), came[-1] if came else None)
    record = Record(
        deepwright=__version__, torch=torch.__version__, cpu=_cpu(), threads=torch.get_num_threads(), chunk=chunk,
        step=step, run=run_hash(run.folder), weights=weights, state=state, fps=fps, apart=apart,
    )  # fmt: skip
    stored = record.model_dump(mode="json", exclude_defaults=True)
    # spelled out, also where a person gave none: another version may have other defaults
    decided = {"seed": state.seed, "knobs": knobs_of(run, state.knobs).model_dump(mode="json")}
    return {"format": FORMAT, **stored, "state": {**stored.get("state", {}), **decided}}


def _kept(run: "Run", events: Sequence[Mapping[str, Any]]) -> str:
    """The hash of the weights at work, which are on the disk afterwards, whatever becomes of the run."""
    path = run.folder / "weights.safetensors"
    if run.state_after(events) == "finished":
        return file_hash(path)
    part = run.folder / STATES / f"new-{os.getpid()}.safetensors"
    write_tensors(part, run.network.state_dict())
    name = file_hash(part)
    part.replace(_place(run.folder, name))
    return name


def _place(folder: Path, weights: str) -> Path:
    return folder / STATES / f"{weights}.safetensors"


def with_its_weights(run: "Run", record: Record) -> "Run":
    """The run with the weights that a record names: its own, or kept ones from before it was trained further.

    Raises:
        RunError: they are damaged.
    """
    place = _place(run.folder, record.weights)
    if _is_at_work(run.folder, record) or not place.exists():
        return run
    before, network = replace(run, reopened=(record.weights, record.step)), run.fresh_network()
    with whole(place, "Take the old weights from a copy of the run."):
        network.load_state_dict(read_tensors(place)[0])
    before.__dict__["network"] = network.eval()
    return before


def run_hash(folder: Path) -> str:
    """What identifies a run whatever is done with it later: 32 digits of a SHA-256 of what was known when it began."""
    known = {name: value for name, value in read_stored(folder / "environment.json").items() if name not in _ADDED}
    return canonical_hash([known, read_stored(folder / "features.json")])[:32]


def _cpu() -> str:
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def recalled(path: Path) -> Record:
    """The record of a file.

    Raises:
        DataError: there is none, it is damaged, or it is of a newer version.
    """
    stored = read_record(path)
    if stored.get("verb") == "restyle":
        how, what = ("by a run from a picture of yours", "run and picture") if "run" in stored else (
            "from two pictures, not by a run", "pictures")  # fmt: skip
        raise DataError(
            f"{path} was made by 'deepwright restyle' {how}; with the same {what}, seed and knobs it is made again by that command."
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
    """The folder of the run that a file came from: the given one, the run around the file, or one in
    `places` or one folder deeper.

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
    """Runs in folders, and one folder deeper: those of a tune, or of another folder of runs."""
    for place in places:
        for pattern in ("*/recipe.yaml", "*/*/recipe.yaml"):
            yield from sorted(path.parent for path in place.glob(pattern))


def _is(folder: Path, record: Record) -> bool:
    try:
        return run_hash(folder) == record.run
    except (OSError, ValueError, AttributeError, RunError):
        return False


def _is_at_work(folder: Path, record: Record) -> bool:
    path = folder / "weights.safetensors"
    return path.exists() and file_hash(path) == record.weights


def _has_weights(folder: Path, record: Record) -> bool:
    return _place(folder, record.weights).exists() or _is_at_work(folder, record)


def _unchanged(folder: Path, record: Record, path: Path) -> Path:
    if not _has_weights(folder, record):
        when = "" if record.step is None else f" (at step {record.step})"
        raise RunError(
            f"The run {folder} made {path}, but its weights have changed since{when}: it was trained further, or again. "
            "Take the old weights from a copy of the run; the new ones would make something else."
        )
    return folder
