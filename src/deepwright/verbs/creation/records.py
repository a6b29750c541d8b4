"""Records inside files: how a creation was made, as JSON where each format keeps words of its own.

PNG: an iTXt chunk (PNG specification, 11.3.3.4). WebP: the EXIF tag ImageDescription. GIF: a comment. MP4: a box `uuid` at
the end (ISO/IEC 14496-12, 11.1). HTML: a `meta` of its head. Parquet: its metadata. Texts (CSV and their like) have no such place: a file beside them,
`NAME.record.json`, which also holds the hash of the text, so that it is not taken for another's
(docs/decisions/0006-creations.md).
"""

import html
import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from deepwright.core.errors import DataError
from deepwright.core.files import file_hash, read_json, write_json

__all__ = ["KEYWORD", "beside", "exif_of", "in_mp4", "in_page", "in_png", "read_record", "text_of", "write_beside"]

KEYWORD = "deepwright"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = len(_SIGNATURE) + 25  # the signature and the first chunk, IHDR
_BOX = bytes.fromhex("5d9a3e3b6c3c4f0f9b1e64656570777200"[:32])  # of our box in an MP4, made up once
_DESCRIPTION = 0x010E
_TEXTS = (".csv", ".tsv", ".json", ".jsonl", ".arrow", ".feather")
_LONGEST = 1 << 20  # characters of a record; ours have some hundreds


def text_of(record: Mapping[str, Any]) -> str:
    """The record as ASCII."""
    return json.dumps({KEYWORD: record}, sort_keys=True, separators=(",", ":"))


def in_png(png: bytes, record: Mapping[str, Any]) -> bytes:
    """The PNG with the record right after its header."""
    text = json.dumps(record, ensure_ascii=False, sort_keys=True).encode()
    body = b"iTXt" + KEYWORD.encode() + b"\0\0\0\0\0" + text  # not compressed, no language, no translated keyword
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_HEADER] + chunk + png[_HEADER:]


def exif_of(record: Mapping[str, Any]) -> bytes:
    """EXIF data that holds the record, for Pillow's WebP writer."""
    exif = Image.Exif()
    exif[_DESCRIPTION] = text_of(record)
    return exif.tobytes()


def in_mp4(video: bytes, record: Mapping[str, Any]) -> bytes:
    """The MP4 with the record in a box that players pass over."""
    text = text_of(record).encode()
    return video + struct.pack(">I", 24 + len(text)) + b"uuid" + _BOX + text


def in_page(record: Mapping[str, Any]) -> str:
    """The line of an HTML page that holds the record."""
    return f'<meta name="{KEYWORD}" content="{html.escape(text_of(record))}">\n'


def beside(path: Path) -> Path:
    """Where the record of a file lies whose format has no place for it."""
    return path.with_name(f"{path.name}.record.json")


def write_beside(path: Path, record: Mapping[str, Any]) -> Path:
    """Write the record of a file that is there; returns where."""
    write_json(beside(path), {**record, "sha256": file_hash(path)})
    return beside(path)


def read_record(path: Path) -> dict[str, Any]:
    """The record in, or beside, a file.

    Raises:
        DataError: no file, one that cannot be read, or one without a record.
    """
    if not path.is_file():
        what = f"{path} is a folder; name a file in it." if path.is_dir() else f"There is no file {path}."
        raise DataError(what)
    end = path.suffix.lower()
    read = _READERS.get(end) or (_beside if end in _TEXTS or path.name.endswith(".record.json") else _in_picture)
    try:
        text = read(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    if text is None:
        raise DataError(
            f"{path} carries no record: it was not made by 'deepwright generate', made with --no-record, or a program that "
            "wrote it again has dropped the record."
        )
    try:
        if len(text) > _LONGEST:
            raise ValueError("it is too long")
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"The record in {path} is damaged: {error}.") from error
    if isinstance(record, dict) and isinstance(
        record.get(KEYWORD), dict
    ):  # where a format's place says nothing of whose it is
        record = record[KEYWORD]
    if not isinstance(record, dict):
        raise DataError(f"The record in {path} is damaged: it is no mapping.")
    return record


def _in_picture(path: Path) -> str | None:
    """PNG, WebP and GIF, by what they are and not by their names."""
    try:
        with Image.open(path, formats=["PNG", "WEBP", "GIF"]) as picture:
            if picture.format == "PNG":
                picture.load()  # chunks may follow the pixels
                found = getattr(picture, "text", {}).get(KEYWORD)
            elif picture.format == "WEBP":
                found = picture.getexif().get(_DESCRIPTION)
            else:
                found = picture.info.get("comment")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} is no creation that can be opened again: expected a whole PNG, WebP, GIF, MP4, HTML, CSV or Parquet file."
        ) from error
    found = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
    return found if picture.format == "PNG" or (found or "").startswith(f'{{"{KEYWORD}"') else None


def _in_boxes(path: Path) -> str | None:
    """The boxes of an MP4, from the first to the last; ours among them."""
    size, place = path.stat().st_size, 0
    with open(path, "rb") as file:
        while place + 8 <= size:
            file.seek(place)
            length, kind = struct.unpack(">I4s", file.read(8))
            start = 8
            if length == 1:
                length, start = struct.unpack(">Q", file.read(8))[0], 16
            length = size - place if length == 0 else length
            if length < start:
                return None
            if kind == b"uuid" and file.read(16) == _BOX:
                return file.read(min(length - start - 16, _LONGEST + 1)).decode("utf-8", "replace")
            place += length
    return None


def _in_html(path: Path) -> str | None:
    with open(path, encoding="utf-8", errors="replace") as file:
        found = re.search(rf'<meta name="{KEYWORD}" content="([^"]*)">', file.read(2 * _LONGEST))
    return None if found is None else html.unescape(found[1])


def _in_parquet(path: Path) -> str | None:
    import polars as pl

    try:
        return pl.read_parquet_metadata(path).get(KEYWORD)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}.") from error


def _beside(path: Path) -> str | None:
    """The record beside a text, if it is about this text."""
    own = path.name.endswith(".record.json")
    place = path if own else beside(path)
    if not place.is_file():
        return None
    try:
        record = read_json(place)
        known = record.pop("sha256", None)
    except (ValueError, AttributeError) as error:
        raise DataError(f"The record {place} is damaged: {error}.") from error
    if not own and known != file_hash(path):
        raise DataError(f"The record {place} is about another file: {path.name} was changed since it was made.")
    return json.dumps(record)


_READERS: Mapping[str, Callable[[Path], str | None]] = {
    ".mp4": _in_boxes,
    ".parquet": _in_parquet,
    ".html": _in_html,
}
