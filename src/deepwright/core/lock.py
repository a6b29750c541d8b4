"""Lock: one process at a time trains a run. A file in its folder says who: process, machine, since when, command.

Whoever wants the run writes a claim of its own, `lock-….json`, then looks at the others: a claim of a process that is
gone is removed, before a living one it withdraws. A claim appears whole (it is renamed into place) and its name is never
used again, so that removing a dead one can hit no other. This needs no system call beyond files, hence works on every
system and file system.
"""

import contextlib
import datetime
import json
import os
import random
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from deepwright.core.errors import RunError
from deepwright.core.files import write_json
from deepwright.core.processes import birth

__all__ = ["Holder", "holder", "locked"]

TRIES = 5  # when two ask at the very same time
UNREADABLE = 10.0  # seconds after which a claim without content is nobody's


@dataclass(frozen=True)
class Holder:
    """Who has a run.

    Args:
        birth: tells the process from a later one with its number. place: of the folder on its machine: a copied folder
            is another one.
    """

    process: int
    host: str
    since: str
    command: str
    birth: str
    place: str

    @classmethod
    def me(cls, folder: Path, command: str) -> "Holder":
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        pid = os.getpid()
        return cls(pid, socket.gethostname(), now, command, birth(pid) or "", _place(folder))

    def gone(self, folder: Path) -> bool:
        """Whether nobody stands behind the claim any more. Of another machine that cannot be known."""
        if self.host != socket.gethostname():
            return False
        now = birth(self.process)
        return now is None or bool(now and self.birth and now != self.birth) or self.place != _place(folder)

    def sentence(self, folder: Path, claim: Path) -> str:
        """Who holds the run, and what to do."""
        who = f"process {self.process} on {self.host} since {self.since.replace('T', ' ')[:19]}"
        words = f" ({self.command})" if self.command else ""
        if self.host != socket.gethostname():
            return (
                f"The run {folder} is in use by {who}{words}. Wait for it; if it is certain that it does not run any "
                f"more, delete {claim}."
            )
        if self.process == os.getpid():
            return f"The run {folder} is being trained by this very process since {self.since.replace('T', ' ')[:19]}."
        return f"The run {folder} is in use by {who}{words}. Wait for it, or stop that process first."


def _place(folder: Path) -> str:
    found = folder.stat()
    return f"{found.st_dev}:{found.st_ino}"


@contextlib.contextmanager
def locked(folder: Path, command: str = "") -> Iterator[None]:
    """The run for this process alone, inside the block.

    Args:
        command: what this process was asked to do, for others to read.

    Raises:
        RunError: another process has it; the sentence names it. DiskError: the folder cannot be written to.
    """
    claim = _claimed(folder, command)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # where it cannot go, it is dead as soon as this process is
            claim.unlink()


def holder(folder: Path) -> Holder | None:
    """Who trains a run right now."""
    return next((other for _, other in _others(folder)), None)


def _claimed(folder: Path, command: str) -> Path:
    own = folder / f"lock-{secrets.token_hex(4)}.json"
    for number in range(TRIES):
        _refuse(folder, own)
        try:
            write_json(own, asdict(Holder.me(folder, command)))
            _refuse(folder, own)
            return own
        except BaseException as error:
            own.unlink(missing_ok=True)
            if not isinstance(error, RunError) or number + 1 == TRIES:
                raise
        time.sleep(random.uniform(0.02, 0.2))  # both may have withdrawn
    raise AssertionError("unreachable")


def _refuse(folder: Path, own: Path) -> None:
    """Raises RunError: another one has it."""
    for claim, other in _others(folder):
        if claim != own:
            raise RunError(other.sentence(folder, claim))


def _others(folder: Path) -> Iterator[tuple[Path, Holder]]:
    """The living claims; dead ones are removed where that is allowed."""
    for claim in sorted(folder.glob("lock-*.json")):
        try:
            found = Holder(**json.loads(claim.read_text(encoding="utf-8")))
            dead = found.gone(folder)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError) as error:
            found = Holder(0, "an unknown machine", "an unknown time", "", "", "")
            dead = not isinstance(error, OSError) and _age(claim) > UNREADABLE
        if not dead:
            yield claim, found
            continue
        with contextlib.suppress(OSError):
            claim.unlink()


def _age(path: Path) -> float:
    with contextlib.suppress(OSError):
        return time.time() - path.stat().st_mtime
    return 0.0
