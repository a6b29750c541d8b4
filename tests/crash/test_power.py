"""Power loss: files are synced before they get their names, and names are synced after; whatever is found goes on."""

import itertools
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.lives import Reference, differences, outcome
from tests.crash.power import HOW, after, distinct, write
from tests.crash.server import Server

CREATE = [["create", "a.part"], ["write", "a.part", 0, b"abcd".hex()]]
KEEP = [["sync", "a.part"], ["replace", "a.part", "a"], ["sync folder", "."]]


def test_what_a_power_cut_leaves() -> None:
    found = {how: after(CREATE, how) for how in HOW}
    assert found == {
        "all kept": {"a.part": b"abcd"},
        "unsynced lost": {},
        "bytes torn": {"a.part": b"ab\0\0"},
        "names late": {},
    }
    hasty = [*CREATE, ["replace", "a.part", "a"], ["sync folder", "."]]
    assert after(hasty, "unsynced lost") == {"a": b""}
    assert after(hasty, "bytes torn") == {"a": b"ab\0\0"}
    assert all(after([*CREATE, *KEEP], how) == {"a": b"abcd"} for how in HOW)
    more = [*CREATE, *KEEP, ["open", "a"], ["write", "a", 4, b"ef".hex()], ["mkdir", "b"], ["create", "b/c"]]
    assert after(more, "unsynced lost") == {"a": b"abcd"}
    assert after(more, "bytes torn") == {"a": b"abcde\0", "b": None, "b/c": b""}


def watched_writes(calls: list[list[Any]]) -> Iterator[tuple[str, list[str]]]:
    """For every file that is renamed into place: its name and the calls that belong to it, in order."""
    for number, (name, *paths) in enumerate(calls):
        if name != "replace":
            continue
        source, target = paths
        before = [call[0] for call in calls[:number] if call[1] == source]
        folder = str(Path(target).parent)
        following = next(call for call in calls[number + 1 :] if call[0] != "unlink")
        yield target, [*before, "replace", "sync folder" if following == ["sync folder", folder] else following[0]]


def test_every_file_is_written_synced_renamed_and_its_folder_synced(mlp: Reference) -> None:
    seen = set()
    for target, order in watched_writes(mlp.calls):
        seen.add(Path(target).name.split("-")[0])
        assert order[0] == "create", target
        assert order[-3:] == ["sync", "replace", "sync folder"], (target, order)
        last = max(place for place, name in enumerate(order) if name in ("write", "truncate", "create"))
        assert order.index("sync") > last, f"{target} is written to after it was synced"
    assert {"recipe.yaml", "features.json", "task.json", "weights.safetensors", "step", "report.html"} <= seen
    others = {call[1] for call in mlp.calls if call[0] in ("create", "write") and not call[1].endswith(".part")}
    assert {Path(path).name for path in others} == {"events.jsonl"}, "written in place: the journal alone"


def test_events_are_on_the_disk_before_the_file_that_builds_on_them(mlp: Reference) -> None:
    """A checkpoint, or the recipe into which the plan was written."""
    waiting = 0
    for name, path, *more in mlp.calls:
        if path.endswith("events.jsonl"):
            waiting = 0 if name == "sync" else waiting + (name == "write")
        if name == "replace" and ("checkpoints" in more[0] or more[0].endswith("recipe.yaml")):
            assert not waiting, f"{waiting} events before {more[0]} may be lost"


def gone_on(server: Server, mlp: Reference, folder: Path, number: int, how: str, tree: dict[str, bytes | None]) -> None:
    mlp.write(folder)
    write(tree, folder / "runs")
    mlp.end(server, folder)
    assert not differences(outcome(folder), mlp.outcome), f"after call {number} of {len(mlp.calls)}, {how}"


def test_after_the_last_call_the_tree_is_the_real_one(crash_server: Server, mlp: Reference, tmp_path: Path) -> None:
    """The calls that are known are all calls there are."""
    gone_on(crash_server, mlp, tmp_path, len(mlp.calls), "all kept", after(mlp.calls, "all kept"))
    trees = [after(mlp.calls, how) for how in HOW]
    for (
        tree
    ) in trees:  # what was removed may come back: locks of a process that is gone, checkpoints that were outlived
        assert {path for path, content in trees[0].items() if tree.get(path, b"?") != content} == set(), "never synced"


def test_some_of_the_moments_the_power_may_go(crash_server: Server, mlp: Reference, tmp_path: Path) -> None:
    chance = random.Random(0)
    for how in HOW:
        number = chance.randrange(len(mlp.calls))
        gone_on(crash_server, mlp, tmp_path / how.replace(" ", ""), number, how, after(mlp.calls[:number], how))


@pytest.mark.long
def test_every_moment_the_power_may_go(crash_server: Server, mlp: Reference, tmp_path: Path) -> None:
    for place, (number, how, tree) in zip(itertools.count(), distinct(mlp.calls), strict=False):
        gone_on(crash_server, mlp, tmp_path / str(place), number, how, tree)
        shutil.rmtree(tmp_path / str(place))  # all of them together are gigabytes
