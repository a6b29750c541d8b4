"""The disk, watched: every call that changes a folder is known by its number, can be written down, refused, or be the last.

`watch` replaces the calls of this process for good; it is meant for forked children.
"""

import builtins
import errno
import io
import json
import os
import signal
from dataclasses import dataclass
from typing import Any

__all__ = ["Plan", "watch"]

CHANGES = {  # what a disk in such a state refuses
    errno.ENOSPC: ("create", "write", "mkdir"),
    errno.EDQUOT: ("create", "write", "mkdir"),
    errno.EROFS: ("create", "open", "write", "truncate", "mkdir", "replace", "unlink"),
    errno.EACCES: ("create", "open", "mkdir", "replace", "unlink"),
    errno.EIO: ("write", "sync", "sync folder"),
}


@dataclass(frozen=True)
class Plan:
    """What happens to the calls.

    Args:
        root: only calls inside this folder count.
        record: file that gets all of them, a JSON array a line.
        kill: number of the call before which the process dies; a write is then half done.
        refuse: number from which on calls fail with the error `number`, as far as such an error refuses them.
    """

    root: str
    record: str | None = None
    kill: int | None = None
    refuse: int | None = None
    number: int = errno.ENOSPC


def watch(plan: Plan) -> None:
    """From now on, watch this process."""
    disk = _Disk(plan)
    builtins.open = io.open = disk.open_file  # type: ignore[assignment]
    os.open, os.fsync, os.mkdir, os.unlink = disk.open_handle, disk.sync, disk.mkdir, disk.unlink  # type: ignore[assignment]
    os.replace = os.rename = disk.replace  # type: ignore[assignment]


class _Disk:
    def __init__(self, plan: Plan):
        self.plan, self.count, self.handles = plan, 0, dict[int, str]()
        self.root = os.path.realpath(plan.root)
        self.real = {name: getattr(os, name) for name in ("open", "fsync", "mkdir", "unlink", "replace")}
        self.real_open = io.open
        self.log = None if plan.record is None else self.real["open"](plan.record, os.O_WRONLY | os.O_CREAT, 0o644)

    def inside(self, path: Any) -> str | None:
        """The path below the root, or None."""
        if not isinstance(path, str | os.PathLike):
            return None
        whole = os.path.abspath(os.fspath(path))
        return os.path.relpath(whole, self.root) if whole.startswith(self.root + os.sep) else None

    def ask(self, name: str, path: str, *more: Any, data: bytes | None = None) -> int | None:
        """Note a call. Gives how many bytes of a write are still done before the end, None where all goes well.

        Raises:
            OSError: the disk refuses.
        """
        here, self.count = self.count, self.count + 1
        plan = self.plan
        if plan.kill == here:
            if data is None:
                self.die()
            return len(data) // 2
        if plan.refuse is not None and here >= plan.refuse and name in CHANGES[plan.number]:
            if data is not None and here == plan.refuse:
                return len(data) // 2
            raise OSError(plan.number, os.strerror(plan.number), path)
        if self.log is not None:
            held = None if data is None else data.hex()
            os.write(self.log, (json.dumps([name, path, *more, *([] if held is None else [held])]) + "\n").encode())
        return None

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def open_file(self, file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
                  newline: Any = None, closefd: bool = True, opener: Any = None) -> Any:  # fmt: skip
        path = self.inside(file)
        if path is None or not set(mode) & set("wax+"):
            return self.real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        self.ask("create" if "w" in mode or not os.path.exists(file) else "open", path)
        raw = _Watched(self, path, file, mode.replace("b", "").replace("t", ""))
        self.handles[raw.fileno()] = path
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    def open_handle(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        here = None if dir_fd is not None else self.inside(path)
        if here is not None and flags & os.O_CREAT:
            self.ask("create", here)
        handle = self.real["open"](path, flags, mode, dir_fd=dir_fd)
        whole = os.path.abspath(path) if isinstance(path, str | os.PathLike) else ""
        self.handles[handle] = "." if whole == self.root else here or ""
        return handle

    def sync(self, handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        path = self.handles.get(number, "")
        if path:
            self.ask("sync folder" if os.path.isdir(os.path.join(self.root, path)) else "sync", path)
        self.real["fsync"](number)

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        here = self.inside(path)
        if here is not None and not os.path.exists(path):
            self.ask("mkdir", here)
        self.real["mkdir"](path, mode, dir_fd=dir_fd)

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        here = None if dir_fd is not None else self.inside(path)
        if here is not None and os.path.lexists(path):
            self.ask("unlink", here)
        self.real["unlink"](path, dir_fd=dir_fd)

    def replace(self, source: Any, target: Any, **more: Any) -> None:
        here, there = self.inside(source), self.inside(target)
        if here is not None and there is not None:
            self.ask("replace", here, there)
        self.real["replace"](source, target, **more)


class _Watched(io.FileIO):
    """A file whose writes are asked for first."""

    def __init__(self, disk: _Disk, path: str, file: Any, mode: str):
        super().__init__(file, mode)
        self._disk, self._path = disk, path

    def write(self, data: Any) -> int:
        held = bytes(data)
        start = os.fstat(self.fileno()).st_size if "a" in self.mode else self.tell()
        half = self._disk.ask("write", self._path, start, data=held)
        if half is None:
            return super().write(held)
        super().write(held[:half])
        if self._disk.plan.kill is not None:
            self._disk.die()
        number = self._disk.plan.number
        raise OSError(number, os.strerror(number), self._path)

    def truncate(self, size: int | None = None) -> int:
        size = self.tell() if size is None else size
        self._disk.ask("truncate", self._path, size)
        return super().truncate(size)
