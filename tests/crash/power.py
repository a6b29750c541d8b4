"""Power loss: the trees of files that may be found after the power went at any call to the disk.

A file system promises that what was synced stays. Of the rest it may keep all, nothing, or some: a name without its
bytes, half of the bytes, zeros where bytes should be, an old name beside a new one.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["HOW", "Tree", "after", "distinct", "write"]

HOW = ("all kept", "unsynced lost", "bytes torn", "names late")
Tree = dict[str, bytes | None]  # path → content, None for a folder


@dataclass
class _File:
    now: bytearray = field(default_factory=bytearray)
    synced: bytes | None = None

    def torn(self) -> bytes:
        """The size is on the disk, of the bytes since the last sync half; zeros for the others."""
        safe = len(self.synced or b"")
        if len(self.now) < safe or (self.synced is not None and bytes(self.now) == self.synced):
            return self.synced or b""
        half = safe + (len(self.now) - safe) // 2
        return bytes(self.now[:half]) + bytes(len(self.now) - half)


_Names = dict[str, _File | None]  # None: a folder


class _State:
    """Names and bytes, as programs see them and as they are safe."""

    def __init__(self) -> None:
        self.now: _Names = {}
        self.safe: _Names = {}

    def call(self, name: str, path: str, *more: Any) -> None:
        now = self.now
        if name in ("create", "open"):
            held = now.get(path) or _File()
            if name == "create":
                held.now.clear()
            now[path] = held
        elif name == "mkdir":
            now[path] = None
        elif name == "replace":
            now[more[0]] = now.pop(path)
        elif name == "unlink":
            del now[path]
        elif name == "sync folder":
            self._sync_names(path)
        else:
            _change(now[path], name, more)

    def _sync_names(self, folder: str) -> None:
        """The names in one folder are safe now; those below its folders are not."""
        for path in {*self.now, *self.safe}:
            if str(Path(path).parent) == folder:
                if path in self.now:
                    self.safe[path] = self.now[path]
                else:
                    del self.safe[path]

    def found(self, how: str) -> Tree:
        """What may be found when the power goes now."""
        names = self.safe if how in ("unsynced lost", "names late") else self.now
        here = {path: file for path, file in names.items() if _there(path, names)}
        return {path: None if file is None else _content(file, how) for path, file in here.items()}


def after(calls: Sequence[Sequence[Any]], how: str) -> Tree:
    """What may be found when the power goes after these calls."""
    state = _State()
    for call in calls:
        state.call(*call)
    return state.found(how)


def _change(file: _File | None, name: str, more: Sequence[Any]) -> None:
    assert file is not None
    if name == "write":
        start, data = more[0], bytes.fromhex(more[1])
        file.now[start : start + len(data)] = data
    elif name == "truncate":
        del file.now[more[0] :]
    elif name == "sync":
        file.synced = bytes(file.now)
    else:
        raise AssertionError(f"an unknown call: {name}")


def _content(file: _File, how: str) -> bytes:
    if how == "unsynced lost":
        return file.synced or b""
    return file.torn() if how == "bytes torn" else bytes(file.now)


def _there(path: str, names: _Names) -> bool:
    """A name is found only where its folder is."""
    parent = str(Path(path).parent)
    return parent == "." or (parent in names and _there(parent, names))


def write(tree: Tree, root: Path) -> None:
    """Make a tree of files real."""
    for path, content in sorted(tree.items()):
        place = root / path
        if content is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def distinct(calls: Sequence[Sequence[Any]]) -> Iterator[tuple[int, str, Tree]]:
    """Every tree that may be found after any number of calls, each once."""
    seen: set[str] = set()
    state = _State()
    for number, call in enumerate([None, *calls]):
        if call is not None:
            state.call(*call)
        for how in HOW:
            tree = state.found(how)
            digests = [(path, content and hashlib.sha256(content).digest()) for path, content in sorted(tree.items())]
            mark = hashlib.sha256(repr(digests).encode()).hexdigest()
            if mark not in seen:
                seen.add(mark)
                yield number, how, tree
