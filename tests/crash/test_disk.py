"""A full, read-only or failing disk: a sentence, exit code 2, and nothing lost."""

import errno
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.crash.disk import CHANGES, Plan
from tests.crash.lives import Reference, differences, next_words, outcome
from tests.crash.server import Server

SENTENCES = {
    errno.ENOSPC: "the disk is full", errno.EROFS: "the disk is read-only", errno.EACCES: "there is no permission",
    errno.EIO: "the disk reported a fault", errno.EFBIG: "larger than this system allows",
}  # fmt: skip


def refused(
    server: Server, mlp: Reference, folder: Path, number: int, plan: Plan | None, largest: int | None = None
) -> bool:
    """Train on a disk that refuses; whether it did. What is left must be what a crash may leave."""
    mlp.write(folder)
    lived = mlp.live(server, ["train", "recipe.yaml"], folder, plan=plan, largest=largest)
    if lived.code == 0:
        return False
    assert lived.code == 2, (lived.code, lived.err)
    (sentence,) = [line for line in lived.err.splitlines() if line.startswith("Error: ")]
    assert SENTENCES[number] in sentence, sentence
    words = next_words(folder)
    assert words is None or words[0] == "train" or f"deepwright resume {words[1]}" in sentence, sentence
    return True


def gone_on(server: Server, mlp: Reference, folder: Path, refuse: int, number: int) -> None:
    """Train on a disk that refuses from a call on; with room again, come to the same."""
    plan = Plan(str(folder / "runs"), refuse=refuse, number=number)
    told = refused(server, mlp, folder, number, plan)
    mlp.end(server, folder)
    assert not differences(outcome(folder), mlp.outcome), f"{errno.errorcode[number]} from call {refuse} on"
    calls = mlp.calls[refuse:]
    if [Path(call[1]).name.startswith("lock-") for call in calls] == [True]:
        return  # all is done and whole: a lock that stays is that of a dead process, which nobody heeds
    hit = any(call[0] in CHANGES[number] for call in calls)
    assert told or not hit, f"{errno.errorcode[number]} from call {refuse} on went unnoticed"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_from_some_call_on_the_disk_refuses(crash_server: Server, mlp: Reference, tmp_path: Path, number: int) -> None:
    chance = random.Random(number)
    gone_on(crash_server, mlp, tmp_path / "any", chance.randrange(len(mlp.calls)), number)


def kinds_of_calls(calls: list[list[Any]], number: int) -> list[int]:
    """Of calls that an error refuses, the first and the last of each kind: what is done to which sort of file."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, (name, path, *_) in enumerate(calls):
        if name in CHANGES[number]:
            sort = re.sub(r"lock-[0-9a-f]+", "lock", re.sub(r"\.\d+-[0-9a-f]+\.part", ".part", path))
            found.setdefault((name, re.sub(r"\d+", "N", sort)), []).append(place)
    return sorted({place for places in found.values() for place in (places[0], places[-1])})


@pytest.mark.long
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_from_every_kind_of_call_on_the_disk_refuses(
    crash_server: Server, mlp: Reference, tmp_path: Path, number: int
) -> None:
    for refuse in kinds_of_calls(mlp.calls, number):
        gone_on(crash_server, mlp, tmp_path / str(refuse), refuse, number)
        shutil.rmtree(tmp_path / str(refuse))  # all of them together are gigabytes


@pytest.mark.long
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_from_every_call_on_the_disk_refuses(crash_server: Server, mlp: Reference, tmp_path: Path, number: int) -> None:
    for refuse, call in enumerate(mlp.calls):
        if call[0] in CHANGES[number]:
            gone_on(crash_server, mlp, tmp_path / str(refuse), refuse, number)
            shutil.rmtree(tmp_path / str(refuse))


def test_files_may_not_grow(crash_server: Server, mlp: Reference, tmp_path: Path) -> None:
    """The limit of the system itself (RLIMIT_FSIZE): the first checkpoint does not fit."""
    assert refused(crash_server, mlp, tmp_path, errno.EFBIG, None, largest=20_000)
    assert next_words(tmp_path) is not None
    mlp.end(crash_server, tmp_path)
    assert not differences(outcome(tmp_path), mlp.outcome)
