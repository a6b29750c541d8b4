"""A training lived in pieces, and whether what comes out is what an uninterrupted one gives."""

import hashlib
import json
import random
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepwright.core.lock import holder
from deepwright.training.events import LIFE
from deepwright.training.journal import Journal
from deepwright.training.tensor_files import read_tensors
from tests.crash.disk import Plan
from tests.crash.families import Family, Variant
from tests.crash.server import Harm, Lived, Server

__all__ = ["HOW", "Reference", "differences", "killed", "next_words", "outcome", "reference"]

TIMES = ("seconds", "eta_seconds", "step_seconds", "began")
MOST = 4  # kills in a row of one run
HOW = ("time", "call", "phase")


@dataclass(frozen=True)
class Reference:
    """An uninterrupted training: what came out, how long it took in each phase, which calls changed the disk."""

    family: Family
    variant: Variant
    outcome: Mapping[str, Any]
    seconds: float
    phases: Mapping[str, tuple[int, float]]
    calls: list[list[Any]]

    def write(self, folder: Path) -> None:
        """Recipe and data for another life, and a folder for runs that is there already."""
        self.family.write(folder, self.variant)
        (folder / "runs").mkdir()

    def live(self, server: Server, words: list[str], folder: Path, harm: Harm | None = None, plan: Plan | None = None,
             largest: int | None = None) -> Lived:  # fmt: skip
        """One life.

        Raises:
            AssertionError: it ended otherwise than by its harm or as it should.
        """
        situation = self.variant.situation
        lived = server.run(words, folder, harm, plan, largest, situation.name)
        assert "Traceback" not in lived.err, lived.err
        return lived

    def fine(self, lived: Lived) -> bool:
        """Whether a life came to its own end, and to no other than it should."""
        return lived.code in (0, self.variant.situation.code)

    def end(self, server: Server, folder: Path) -> Lived | None:
        """Let a training come to its end; the last life, None where nothing was left to do.

        Raises:
            AssertionError: it does not.
        """
        lived = None
        for _ in range(
            2
        ):  # a training that is given up leaves figures and report to the next life, if it has any weights
            words = next_words(folder)
            if words is None:
                break
            lived = self.live(server, words, folder)
            assert self.fine(lived), f"{' '.join(words)} ended with {lived.code}: {lived.err}"
        if lived is None:  # killed when all was done, but before it let go of the run: nobody is taken for its holder
            assert [holder(path.parent) for path in folder.glob("runs/*/recipe.yaml")] == [None]
        given_up = lived is not None and lived.code != 0
        assert given_up or next_words(folder) is None, f"something is left to do: {lived and lived.err}"
        return lived


def next_words(folder: Path) -> list[str] | None:
    """What a person does next: train where there is no run yet, else resume; None when all is done."""
    runs = [path.parent for path in sorted(folder.glob("runs/*/recipe.yaml"))]
    if not runs:
        return ["train", "recipe.yaml"]
    events = Journal(runs[0]).read()
    done = bool(events) and events[-1]["event"] == "completed"
    return None if done else ["resume", str(runs[0].relative_to(folder))]


def reference(server: Server, family: Family, variant: Variant, folder: Path) -> Reference:
    """Train once without any harm."""
    unknown = Reference(family, variant, {}, 0.0, {}, [])
    unknown.write(folder)
    plan = Plan(str(folder / "runs"), record=str(folder / "calls"))
    lived = unknown.live(server, ["train", "recipe.yaml"], folder, plan=plan)
    assert lived.code == variant.situation.code, lived.err
    unknown.end(server, folder)
    calls = [json.loads(line) for line in (folder / "calls").read_text(encoding="utf-8").splitlines()]
    return Reference(family, variant, outcome(folder), lived.seconds, lived.phases, calls)


def aimed(known: Reference, chance: random.Random) -> Harm:
    """SIGKILL in some phase: each is as likely, however short it is; at any moment of it."""
    phase = chance.choice(sorted(known.phases))
    times, seconds = known.phases[phase]
    return Harm(chance.uniform(0.0, 1.2 * seconds / times), phase, chance.randint(1, times))


def killed(
    server: Server, known: Reference, folder: Path, chance: random.Random, how: str | None = None
) -> tuple[list[str], list[str]]:
    """Kill a training, resume it, perhaps kill that too, and so on to the end.

    Args:
        how: "time": at any time; "call": at a call to the disk (a write is left half done); "phase": see `aimed`;
            None: in turns, at least twice.

    Returns:
        In which phases it was killed, and what differs from the uninterrupted training.
    """
    known.write(folder)
    phases: list[str] = []
    fewest = 1 if how else 2
    while len(phases) < MOST and (words := next_words(folder)) is not None:
        if len(phases) >= fewest and chance.random() > 0.4:
            break
        harm = plan = None
        way = how or HOW[len(phases) - 2]
        if way == "call":
            plan = Plan(str(folder / "runs"), kill=chance.randrange(len(known.calls)))
        else:
            harm = aimed(known, chance) if way == "phase" else Harm(chance.uniform(0.0, known.seconds))
        lived = known.live(server, words, folder, harm, plan)
        assert lived.killed or known.fine(lived), f"{' '.join(words)} ended with {lived.code}: {lived.err}"
        if lived.killed:
            phases.append(lived.phase)
        elif not phases:  # it was done sooner than the knell: once more
            shutil.rmtree(folder / "runs")
            (folder / "runs").mkdir()
    known.end(server, folder)
    return phases, differences(outcome(folder), known.outcome)


def outcome(folder: Path) -> dict[str, Any]:
    """All that must be the same: hashes of weights and of the whole last checkpoint, events, figures, files."""
    (run,) = [path.parent for path in folder.glob("runs/*/recipe.yaml")]
    checkpoints = sorted(run.glob("checkpoints/step-*.safetensors"), key=lambda path: int(path.stem.split("-")[1]))
    tensors, values = read_tensors(checkpoints[-1])
    digests = {f"checkpoint {name}": _digest(value) for name, value in tensors.items()}
    stored = {name: value for name, value in values["values"].items() if name != "lines"}
    events = [event for event in Journal(run).read() if event["event"] not in LIFE]
    weights = run / "weights.safetensors"
    kept = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.exists() else "none"
    found = {
        "weights": kept, **digests,
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
