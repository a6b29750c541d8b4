"""Bytes and text of files, plain or compressed (.gz, .zst), decompressed on the way."""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from deepwright.core.errors import DataError, need
from deepwright.data.sources.paths import reading

__all__ = ["blocks", "broken_utf8", "byte_stream", "is_packed", "lone_returns", "read_bytes", "text_lines"]

_BLOCK = 1 << 24
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def is_packed(path: Path) -> bool:
    """Whether the file is compressed: by its first bytes, since downloads are unpacked or packed without a new name."""
    with reading(path), open(path, "rb") as file:
        return file.read(4).startswith((_GZIP, _ZSTD))


@contextmanager
def byte_stream(path: Path) -> Iterator[IO[bytes]]:
    """The decompressed bytes of a file.

    Raises:
        DataError: no such file, no permission, or an archive that is cut short or damaged.
        MissingExtra: .zst without the package that reads it.
    """
    broken: tuple[type[Exception], ...] = (EOFError, zlib.error, gzip.BadGzipFile)
    with ExitStack() as stack:
        with reading(path):
            file: IO[bytes] = stack.enter_context(open(path, "rb"))
            first = file.read(4)
            file.seek(0)
        if first.startswith(_GZIP):
            file = stack.enter_context(gzip.open(file))
        elif first == _ZSTD:
            zstandard = need("zstandard", "zst")
            broken = (*broken, zstandard.ZstdError)
            file = stack.enter_context(io.BufferedReader(_Whole(zstandard, file)))
        try:
            yield file
        except broken as error:
            raise DataError(f"{path.name} is cut short or damaged ({error}). Copy or download it again.") from error


class _Whole(io.RawIOBase):
    """A zstd stream that may hold several frames and complains when the last one is not whole."""

    def __init__(self, zstandard, raw):  # type: ignore[no-untyped-def]
        self._zstandard, self._raw, self._left = zstandard, raw, b""
        self._decoder = zstandard.ZstdDecompressor().decompressobj()
        self._fresh = True  # nothing of this frame was read yet

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        while not self._left:
            packed = self._decoder.unused_data or self._raw.read(1 << 17)
            if self._decoder.eof:
                self._decoder, self._fresh = self._zstandard.ZstdDecompressor().decompressobj(), True
            if not packed:
                if not self._fresh:
                    raise EOFError("the archive ends before its end-of-stream marker was reached")
                return 0
            self._left, self._fresh = self._decoder.decompress(packed), False
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def read_bytes(path: Path, size: int | None = None) -> bytes:
    """The first `size` decompressed bytes of a file, or all."""
    with byte_stream(path) as file:
        parts, left = [], size
        while left != 0 and (part := file.read(_BLOCK if left is None else min(left, _BLOCK))):
            parts.append(part)
            left = None if left is None else left - len(part)
        return b"".join(parts)


def blocks(path: Path) -> Iterator[bytes]:
    """The decompressed bytes, piece by piece."""
    with byte_stream(path) as file:
        while part := file.read(_BLOCK):
            yield part


def lone_returns(parts: Iterable[bytes]) -> bool:
    """Whether a carriage return without a line feed is in a text, as old Macs end lines."""
    returns = pairs = 0
    last = b""
    for part in parts:
        returns += part.count(b"\r")
        pairs += part.count(b"\r\n") + (last == b"\r" and part[:1] == b"\n")
        last = part[-1:]
    return returns != pairs


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines with their ends as they are, without a byte order mark; what cannot be decoded becomes U+FFFD."""
    with byte_stream(path) as file, io.TextIOWrapper(file, encoding, errors="replace", newline="") as text:
        for place, line in enumerate(text):
            yield line if place else line.removeprefix("\ufeff")


def broken_utf8(path: Path) -> bool:
    """Whether a text begins as UTF-8 but is not: more signs cannot be decoded than are beyond ASCII."""
    wrong = other = 0
    for line in text_lines(path, "utf-8"):
        if not line.isascii():
            missing = line.count("\ufffd")
            wrong, other = wrong + missing, other + len(line) - len(line.encode("ascii", "ignore")) - missing
    return wrong > 0 and other <= 2 * wrong
