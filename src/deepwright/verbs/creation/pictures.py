"""Pictures of creations put together: sheets and moving pictures."""

import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from deepwright.core.errors import need
from deepwright.verbs.creation.records import exif_of, in_mp4, in_png, text_of

__all__ = ["MOVING", "larger", "moving", "sheet", "still"]

MOVING = (".webp", ".gif", ".mp4")
_ON_SHEET = 400
_SQUARE = 8  # pixels of the chequered ground
_SIDE = 256  # moving pictures are enlarged by whole steps as long as they stay below


def sheet(cells: Sequence[bytes | None]) -> bytes:
    """Pictures side by side in a near-square, in reading order, tiny ones enlarged by whole steps; the first 400.

    Transparent ones lie on a chequered ground.
    """
    pictures = [None if cell is None else Image.open(BytesIO(cell)) for cell in cells[:_ON_SHEET]]
    known = [picture for picture in pictures if picture is not None]
    width, height = max((p.width for p in known), default=1), max((p.height for p in known), default=1)
    times = max(1, 64 // max(width, height))
    across = math.ceil(math.sqrt(len(pictures)))
    gap = 2
    step = (width * times + gap, height * times + gap)
    mode = _mode(known)
    whole = Image.new(
        "L" if mode == "L" else "RGB",
        (across * step[0] + gap, -(-len(pictures) // across) * step[1] + gap),
        128 if mode == "L" else (128,) * 3,
    )
    for place, picture in enumerate(pictures):
        if picture is not None:
            large = _enlarged(picture, times, mode)
            large = large if mode != "RGBA" else _on(_chequered(large.size), large)
            whole.paste(large, (gap + place % across * step[0], gap + place // across * step[1]))
    out = BytesIO()
    whole.save(out, "PNG")
    return out.getvalue()


def larger(frame: pl.DataFrame, times: int) -> pl.DataFrame:
    """The frame with its pictures (PNG) so many times as wide and high, by Lanczos resampling; transparent edges get no fringe."""
    if times == 1:
        return frame
    files = [name for name, kind in frame.schema.items() if kind == pl.Binary]
    return frame.with_columns(
        pl.Series(name, [None if cell is None else _smooth(cell, times) for cell in frame[name]], dtype=pl.Binary)
        for name in files
    )


def _smooth(png: bytes, times: int) -> bytes:
    out = BytesIO()
    with Image.open(BytesIO(png)) as picture:
        transparent = picture.mode == "RGBA"
        drawn = picture.convert("RGBa") if transparent else picture  # colours weighted by how much is seen of them
        drawn = drawn.resize((picture.width * times, picture.height * times), Image.Resampling.LANCZOS)
        (drawn.convert("RGBA") if transparent else drawn).save(out, "PNG")
    return out.getvalue()


def still(png: bytes, end: str, record: Mapping[str, Any] | None) -> bytes:
    """One picture as ".png" or ".webp" (lossless), with its record."""
    if end == ".png":
        return png if record is None else in_png(png, record)
    out, more = BytesIO(), {} if record is None else {"exif": exif_of(record)}
    with Image.open(BytesIO(png)) as picture:
        picture.save(out, "WEBP", lossless=True, **more)
    return out.getvalue()


def moving(cells: Sequence[bytes], end: str, per_second: float, record: Mapping[str, Any] | None) -> bytes:
    """A walk as ".webp" (lossless, for ever), ".gif" (for ever) or ".mp4"; only the first is transparent, the others white.

    Raises:
        MissingExtra: MP4 needs the extra `video`.
    """
    pictures = [Image.open(BytesIO(cell)) for cell in cells]
    mode = _mode(pictures)
    frames = [_enlarged(picture, max(1, _SIDE // max(picture.size)), mode) for picture in pictures]
    if mode == "RGBA" and end != ".webp":
        frames = [_on(Image.new("RGB", frame.size, (255, 255, 255)), frame) for frame in frames]
    if end == ".mp4":
        video = _mp4(frames, per_second)
        return video if record is None else in_mp4(video, record)
    more: dict[str, Any] = {}
    if end == ".webp":
        more = {"lossless": True, **({} if record is None else {"exif": exif_of(record)})}
    elif record is not None:
        more = {"comment": text_of(record).encode()}
    out = BytesIO()
    frames[0].save(
        out, "WEBP" if end == ".webp" else "GIF", save_all=True, append_images=frames[1:], loop=0,
        duration=max(10, round(1000 / per_second)), **more,
    )  # fmt: skip
    return out.getvalue()


def _mp4(frames: Sequence[Image.Image], per_second: float) -> bytes:
    """MPEG-4 Part 2 or H.264, whichever the installed library has."""
    from fractions import Fraction

    av = need("av", "video")
    out = BytesIO()
    width, height = (side + side % 2 for side in frames[0].size)  # the colour planes have half the sides
    with av.open(out, "w", format="mp4") as container:
        codec = next((name for name in ("libx264", "libopenh264", "mpeg4") if name in av.codecs_available), "mpeg4")
        stream = container.add_stream(codec, rate=Fraction(per_second).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate, stream.thread_count = 4_000_000, 1  # the same bytes whatever else the processor does
        for frame in frames:
            full = frame.convert("RGB").resize((width, height), Image.Resampling.NEAREST)
            container.mux(stream.encode(av.VideoFrame.from_image(full)))
        container.mux(stream.encode())
    return out.getvalue()


def _mode(pictures: Sequence[Image.Image]) -> str:
    modes = {picture.mode for picture in pictures}
    return "L" if modes <= {"L"} else "RGBA" if "RGBA" in modes else "RGB"


def _chequered(size: tuple[int, int]) -> Image.Image:
    """Squares of two light greys."""
    down, across = (np.arange(side) // _SQUARE for side in size[::-1])
    shade = np.where((down[:, None] + across) % 2, 204, 242).astype(np.uint8)
    return Image.fromarray(shade).convert("RGB")


def _on(ground: Image.Image, picture: Image.Image) -> Image.Image:
    """A transparent picture on a ground of its size."""
    ground.paste(picture, (0, 0), picture)
    return ground


def _enlarged(picture: Image.Image, times: int, mode: str) -> Image.Image:
    size = (picture.width * times, picture.height * times)
    return picture.convert(mode).resize(size, Image.Resampling.NEAREST)
