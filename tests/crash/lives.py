"""A training lived in pieces, and whether what comes out is what an uninterrupted one gives."""

import hashlib
import json
import random
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepwright.training.events import LIFE
from deepwright.training.journal import Journal
from deepwright.training.tensor_files import read_tensors
from tests.crash.disk import Plan
from tests.crash.families import Family
from tests.crash.server import Lived, Server

__all__ = ["Reference", "differences", "end", "killed", "next_words", "outcome", "reference"]

TIMES = ("seconds", "eta_seconds", "step_seconds", "began")
MOST = 4  # kills in a row of one run


@dataclass(frozen=True)
class Reference:
    """An uninterrupted training: what came out, how long it took, which calls changed the disk."""

    family: Family
    option: str
    outcome: Mapping[str, Any]
    seconds: float
    calls: list[list[Any]]


def next_words(folder: Path) -> list[str] | None:
    """What a person does next: train where there is no run yet, else resume; None when all is done."""
    runs = [path.parent for path in sorted(folder.glob("runs/*/recipe.yaml"))]
    if not runs:
        return ["train", "recipe.yaml"]
    events = Journal(runs[0]).read()
    done = bool(events) and events[-1]["event"] == "completed"
    return None if done else ["resume", str(runs[0].relative_to(folder))]


def end(server: Server, folder: Path) -> Lived | None:
    """Let a training come to its end; the last life, None where nothing was left to do.

    Raises:
        AssertionError: it does not.
    """
    words = next_words(folder)
    if words is None:
        return None
    lived = server.run(words, folder)
    assert lived.code == 0, f"{' '.join(words)} ended with {lived.code}: {lived.err}"
    assert next_words(folder) is None, f"something is left to do: {lived.err}"
    return lived


def reference(server: Server, family: Family, option: str, folder: Path) -> Reference:
    """Train once without any harm."""
    family.write(folder, option)
    (folder / "runs").mkdir()
    plan = Plan(str(folder / "runs"), record=str(folder / "calls"))
    lived = server.run(["train", "recipe.yaml"], folder, plan=plan)
    assert lived.code == 0, lived.err
    calls = [json.loads(line) for line in (folder / "calls").read_text(encoding="utf-8").splitlines()]
    return Reference(family, option, outcome(folder), lived.seconds, calls)


def killed(
    server: Server, known: Reference, folder: Path, chance: random.Random, at_call: bool
) -> tuple[int, list[str]]:
    """Kill a training, resume it, perhaps kill that too, and so on to the end.

    Args:
        at_call: kill at a call to the disk (a write is left half done) instead of at any time.

    Returns:
        How often it was killed, and what differs from the uninterrupted training.
    """
    known.family.write(folder, known.option)
    (folder / "runs").mkdir()
    kills = 0
    while kills < MOST and (words := next_words(folder)) is not None and (kills == 0 or chance.random() < 0.4):
        plan, after = None, None
        if at_call:
            plan = Plan(str(folder / "runs"), kill=chance.randrange(len(known.calls)))
        else:
            after = chance.uniform(0.0, known.seconds)
        lived = server.run(words, folder, after, plan)
        assert lived.killed or lived.code == 0, f"{' '.join(words)} ended with {lived.code}: {lived.err}"
        if lived.killed:
            kills += 1
        elif kills == 0:  # it was done sooner than the knell: once more
            shutil.rmtree(folder / "runs")
            (folder / "runs").mkdir()
    end(server, folder)
    return kills, differences(outcome(folder), known.outcome)


def outcome(folder: Path) -> dict[str, Any]:
    """All that must be the same: hashes of weights and of the whole last checkpoint, events, figures, files."""
    (run,) = [path.parent for path in folder.glob("runs/*/recipe.yaml")]
    checkpoints = sorted(run.glob("checkpoints/step-*.safetensors"), key=lambda path: int(path.stem.split("-")[1]))
    tensors, values = read_tensors(checkpoints[-1])
    digests = {f"checkpoint {name}": _digest(value) for name, value in tensors.items()}
    stored = {name: value for name, value in values["values"].items() if name != "lines"}
    events = [event for event in Journal(run).read() if event["event"] not in LIFE]
    found = {
        "weights": hashlib.sha256((run / "weights.safetensors").read_bytes()).hexdigest(), **digests,
        "checkpoint values": _timeless(stored), "task": json.loads((run / "task.json").read_text()),
        "events": _timeless(events), "left": _left(folder, run),
    }  # fmt: skip
    for path in sorted(run.glob("reports/*.json")):
        found[path.name] = _timeless(json.loads(path.read_text())["data"], run.name)
    return found


def _digest(tensor: Any) -> str:
    import torch

    data = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
    return f"{tensor.dtype} {list(tensor.shape)} {hashlib.sha256(data).hexdigest()}"


def _timeless(value: Any, name: str = "") -> Any:
    """Without durations, and without the run's own name."""
    if isinstance(value, dict):
        return {key: _timeless(inner, name) for key, inner in value.items() if key not in TIMES}
    if isinstance(value, list):
        return [_timeless(inner, name) for inner in value]
    return "the run" if value == name else value


def _left(folder: Path, run: Path) -> list[str]:
    """Locks and temporary files: none may be left in the run."""
    return sorted(
        str(path.relative_to(run)) for path in run.rglob("*") if path.suffix == ".part" or "lock-" in path.name
    )


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """What is not the same, by name."""
    return list(_differing("", found, expected))


def _differing(place: str, found: Any, expected: Any) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in dict.fromkeys([*found, *expected]):
            yield from _differing(f"{place}/{name}", found.get(name), expected.get(name))
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for number, pair in enumerate(zip(found, expected, strict=True)):
            yield from _differing(f"{place}/{number}", *pair)
    elif found != expected:
        yield f"{place}: {str(found)[:200]} instead of {str(expected)[:200]}"
