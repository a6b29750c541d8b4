"""Creations: what a generative network makes from a seed, as files that carry the record of how they were made."""

import json
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from PIL import Image

from deepwright import __version__
from deepwright.contracts import Network
from deepwright.core.errors import DataError
from deepwright.core.files import file_hash, write_atomic, write_text
from deepwright.draw import Draw
from deepwright.fields import Field, concat_fields
from deepwright.training.frozen import frozen_statistics

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["create", "decode", "read_record", "record_of", "with_record", "write_creations"]

CHUNK = 32  # creations made together, always
KEYWORD = "deepwright"  # of the text chunk in a PNG
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = len(_SIGNATURE) + 25  # the signature and the first chunk, IHDR
_ON_SHEET = 400


def create(network: Network, seed: int, start: int, n: int) -> dict[str, Field]:
    """Creations `start` to `start + n - 1` of a seed, as `z`.

    Creation k is always made in the same company, that of its chunk of 32: how many are asked for changes no bit of it.
    """
    first, last = start // CHUNK, -(-(start + n) // CHUNK)
    parts: dict[str, list[Field]] = {}
    with frozen_statistics(network), torch.inference_mode():
        for chunk in range(first, last):
            numbers = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
            for name, field in network.sample(CHUNK, Draw(seed).of("create").keyed(numbers)).items():
                parts.setdefault(name, []).append(field.to("cpu"))
    wanted = slice(start - first * CHUNK, start - first * CHUNK + n)
    return {name: concat_fields(fields)[wanted] for name, fields in parts.items()}


def decode(run: "Run", z: Mapping[str, Field]) -> pl.DataFrame:
    """Creations as raw values, one column a feature: files as bytes (PNG), everything else as cells."""
    return pl.DataFrame({name: run.features[name].decode(field) for name, field in z.items()})


def record_of(run: "Run", seed: int) -> dict[str, Any]:
    """How the creations of a seed are made again; no paths, no data. The number of the creation is still to be added."""
    assert run.recipe.model is not None
    return {
        "format": 1, "deepwright": __version__, "torch": torch.__version__, "threads": torch.get_num_threads(),
        "chunk": CHUNK, "run": run.name, "model": run.recipe.model.kind,
        "weights": file_hash(run.folder / "weights.safetensors"), "seed": seed,
    }  # fmt: skip


def with_record(png: bytes, record: Mapping[str, Any]) -> bytes:
    """The PNG with the record as UTF-8 JSON in an iTXt chunk (PNG specification, 11.3.3.4), right after the header."""
    text = json.dumps(record, ensure_ascii=False, sort_keys=True).encode()
    body = b"iTXt" + KEYWORD.encode() + b"\0\0\0\0\0" + text  # not compressed, no language, no translated keyword
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_HEADER] + chunk + png[_HEADER:]


def read_record(path: Path) -> dict[str, Any]:
    """The record in a PNG.

    Raises:
        DataError: not a PNG, or one without a record.
    """
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            picture.load()
            text = getattr(picture, "text", {}).get(KEYWORD)
    except OSError as error:
        raise DataError(f"{path} cannot be read as a PNG: {error}.") from error
    if text is None:
        raise DataError(f"{path} carries no record: it was not made by 'deepwright generate'.")
    try:
        record = json.loads(text)
    except ValueError as error:
        raise DataError(f"The record in {path} is damaged: {error}.") from error
    if not isinstance(record, dict):
        raise DataError(f"The record in {path} is damaged: it is no mapping.")
    return record


def write_creations(folder: Path, creations: pl.DataFrame, record: Mapping[str, Any]) -> list[str]:
    """Write creations 0, 1, … and return the names: a file each and a sheet for columns of files, a CSV for cells.

    Raises:
        InputError: the place cannot be written to.
    """
    files = [name for name, kind in creations.schema.items() if kind == pl.Binary]
    written, stem = [], f"seed{record['seed']}"
    for place, name in enumerate(files):
        ending = "" if len(files) == 1 else f"-{place}"  # names of columns may hold any sign
        cells = creations[name].to_list()
        for number, cell in enumerate(cells):
            if cell is not None:
                own = {**record, "number": number, "column": name}
                written.append(_write(folder / f"{stem}-{number:04d}{ending}.png", with_record(cell, own)))
        whole = {**record, "numbers": len(cells), "column": name}
        written.append(_write(folder / f"sheet{ending}.png", with_record(sheet(cells), whole)))
    rest = creations.drop(files)
    if rest.width:
        write_text(folder / "creations.csv", rest.write_csv())
        written.append("creations.csv")
    return written


def _write(path: Path, content: bytes) -> str:
    def write(part: Path) -> None:
        part.write_bytes(content)

    write_atomic(path, write)
    return path.name


def sheet(cells: Sequence[bytes | None]) -> bytes:
    """Pictures side by side in a near-square, in reading order, tiny ones enlarged by whole steps; the first 400."""
    pictures = [None if cell is None else Image.open(BytesIO(cell)) for cell in cells[:_ON_SHEET]]
    known = [picture for picture in pictures if picture is not None]
    width, height = max((p.width for p in known), default=1), max((p.height for p in known), default=1)
    times = max(1, 64 // max(width, height))
    across = math.ceil(math.sqrt(len(pictures)))
    gap = 2
    step = (width * times + gap, height * times + gap)
    mode = "L" if all(picture.mode == "L" for picture in known) else "RGB"
    whole = Image.new(
        mode, (across * step[0] + gap, -(-len(pictures) // across) * step[1] + gap), 128 if mode == "L" else (128,) * 3
    )
    for place, picture in enumerate(pictures):
        if picture is not None:
            large = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
            whole.paste(large, (gap + place % across * step[0], gap + place // across * step[1]))
    out = BytesIO()
    whole.save(out, "PNG")
    return out.getvalue()
