"""Files that are whole or absent: temporary name, fsync, rename, fsync of the folder; hashes."""

import contextlib
import errno
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from deepwright.core.errors import DiskError, OutputExists
from deepwright.core.processes import alive

__all__ = [
    "file_hash", "make_folder", "place_errors", "read_json", "refuse_existing", "sweep", "sync_file", "sync_folder",
    "write_atomic", "write_bytes", "write_json", "write_text",
]  # fmt: skip

_ELSEWHERE = "choose another place with --out"
_REFUSALS = {  # why, and what to do
    errno.ENOSPC: ("the disk is full", f"Free some space, or {_ELSEWHERE}."),
    errno.EDQUOT: ("your disk quota is used up", f"Free some space, or {_ELSEWHERE}."),
    errno.EROFS: ("the disk is read-only", f"{_ELSEWHERE.capitalize()}."),
    errno.EACCES: ("there is no permission to write there", f"{_ELSEWHERE.capitalize()}."),
    errno.EPERM: ("there is no permission to write there", f"{_ELSEWHERE.capitalize()}."),
    errno.EFBIG: ("the file would be larger than this system allows", ""),
    errno.ENOENT: ("the folder is not there and cannot be made", f"{_ELSEWHERE.capitalize()}."),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", ""),
    errno.EEXIST: ("a part of the path is a file, not a folder", ""),
    errno.EBUSY: ("another program holds it", ""),
    errno.EIO: ("the disk reported a fault", ""),
    errno.EISDIR: ("there is a folder with that name", ""),
    errno.ENAMETOOLONG: ("the name is too long for this file system", ""),
}
_NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)  # some network file systems cannot sync folders


@contextlib.contextmanager
def place_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, a missing permission or a wrong path into a sentence.

    Raises:
        DiskError: the file system refused.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _REFUSALS:
            why, help = _REFUSALS[error.errno]
            raise DiskError(f"Cannot write {path}: {why}", help) from error
        raise


def sync_file(path: Path) -> None:
    """Wait until a file's bytes are on the disk, so that a power cut cannot take them."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if os.name == "nt":  # folders cannot be opened for fsync there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each of them there to stay."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then put it in place in one move that survives a power cut.

    Raises:
        DiskError: the disk is full, read-only or not permitted; the old file, if any, is untouched.
    """
    with place_errors(path):
        make_folder(path.parent)
        part = path.parent / f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part"
        part.touch(exist_ok=False)  # with the permissions that the person's umask gives, unlike mkstemp
        try:
            write(part)
            sync_file(part)
            os.replace(part, path)
            sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files that processes left in a folder when they were killed while writing."""
    for part in folder.glob(".*.part"):
        owner = part.name.split(".")[-2].partition("-")[0]
        if owner.isdecimal() and alive(int(owner)):
            continue
        with contextlib.suppress(OSError):
            part.unlink()


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all."""
    write_atomic(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by these bytes, atomically; its folder is made where it is not there."""
    write_atomic(path, lambda part: part.write_bytes(content))


def write_json(path: Path, value: Any) -> None:
    """Write JSON (UTF-8, readable) whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The JSON value in a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_existing(path: Path, force: bool) -> None:
    """Raises OutputExists: something is there, and --force was not given."""
    if path.exists() and not force:
        raise OutputExists(
            f"{path} exists already; nothing was written. Use --force to replace it, or another name with -o."
        )
