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

from deepwright.core.errors import InputError, OutputExists

__all__ = ["file_hash", "place_errors", "read_json", "refuse_existing", "write_atomic", "write_json", "write_text"]


@contextlib.contextmanager
def place_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, a missing permission or a wrong path into a sentence.

    Raises:
        InputError: the file system refused.
    """
    reasons = {
        errno.ENOSPC: "the disk is full. Free some space, or choose another place with --out",
        errno.EDQUOT: "your disk quota is used up. Free some space, or choose another place with --out",
        errno.EROFS: "the disk is read-only. Choose another place with --out",
        errno.EACCES: "there is no permission to write there. Choose another place with --out",
        errno.EPERM: "there is no permission to write there. Choose another place with --out",
        errno.EFBIG: "the file would be larger than this system allows",
        errno.ENOENT: "the folder is not there and cannot be made. Choose another place with --out",
        errno.ENOTDIR: "a part of the path is a file, not a folder",
        errno.EEXIST: "a part of the path is a file, not a folder",
        errno.EBUSY: "another program holds it",
        errno.EIO: "the disk reported a fault",
        errno.EISDIR: "there is a folder with that name",
        errno.ENAMETOOLONG: "the name is too long for this file system",
    }
    try:
        yield
    except OSError as error:
        if error.errno in reasons:
            raise InputError(f"Cannot write {path}: {reasons[error.errno]}.") from error
        raise


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened for fsync there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, then put it in place in one move that survives a power cut.

    Raises:
        InputError: the disk is full, read-only or not permitted; the old file, if any, is untouched.
    """
    with place_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.parent / f".{path.name}.{secrets.token_hex(4)}.part"
        part.touch(exist_ok=False)  # with the permissions that the person's umask gives, unlike mkstemp
        try:
            write(part)
            with open(part, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(part, path)
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all."""
    write_atomic(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


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
