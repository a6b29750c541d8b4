"""Samples: small columns and targets as people have them, with gaps and bad cells, for the contract suites."""

from io import BytesIO

import numpy as np
import polars as pl
from PIL import Image

__all__ = ["ROWS", "columns", "foreign", "frame", "pictures", "targets"]

ROWS = 48


def _gaps(cells: list[str | None], seed: int, share: float = 0.1) -> list[str | None]:
    lost = np.random.default_rng(seed).random(len(cells)) < share
    return [None if gone else cell for cell, gone in zip(cells, lost, strict=True)]


def _numbers(rows: int, seed: int) -> dict[str, pl.Series]:
    draw = np.random.default_rng(seed)
    plain = draw.normal(50, 20, rows).round(2)
    cells = _gaps([f"{value:.2f}" for value in plain], seed)
    cells[3], cells[7], cells[8] = "n/a", "<0,1", ""
    comma = [f"{value:,.2f} €".translate(str.maketrans(",.", ".,")) for value in draw.lognormal(7, 1, rows)]
    floats = [*draw.normal(0, 1e-3, rows - 3), float("nan"), float("inf"), 1e6]
    return {
        "Blood. Pressure": pl.Series(cells, dtype=pl.String),
        "Betrag": pl.Series(comma, dtype=pl.String),
        "doors": pl.Series(draw.integers(0, 30, rows), dtype=pl.Int64),
        "reading": pl.Series(floats, dtype=pl.Float64),
    }


def _labels(rows: int, seed: int) -> dict[str, pl.Series]:
    draw = np.random.default_rng(seed + 1)
    words = ["Red", "red ", "RED", "blue", "sea-green", "Sea Green", "größer als"]
    cells = _gaps([words[place] for place in draw.integers(0, len(words), rows)], seed + 1)
    cells[5] = "once only"
    codes = [f"{value}" for value in draw.choice([10, 20, 30, 40], rows)]
    yes = _gaps(["yes" if value else "No" for value in draw.integers(0, 2, rows)], seed + 2)
    return {
        "colour": pl.Series(cells, dtype=pl.String),
        "code": pl.Series(codes, dtype=pl.Categorical),
        "sunny": pl.Series(yes, dtype=pl.String),
        "paid": pl.Series(draw.integers(0, 2, rows).astype(bool), dtype=pl.Boolean),
    }


def _dates(rows: int, seed: int) -> dict[str, pl.Series]:
    draw = np.random.default_rng(seed + 3)
    days = pl.Series(draw.integers(15_000, 19_000, rows), dtype=pl.Int32).cast(pl.Date)
    seconds = pl.Series(draw.integers(1_300_000_000, 1_600_000_000, rows) * 1_000_000).cast(pl.Datetime("us"))
    cells = _gaps(days.dt.to_string("%Y-%m-%d").to_list(), seed + 3)
    cells[2] = "soon"
    return {
        "sold on": pl.Series(cells, dtype=pl.String),
        "seen": seconds.dt.to_string("%d.%m.%Y %H:%M"),
        "born": days,
        "at": seconds,
    }


def pictures(rows: int = ROWS, seed: int = 0, height: int = 12, width: int = 10, channels: int = 1) -> np.ndarray:
    """(rows, H, W, C) uint8: a bright bar on noise, so that there is something to see."""
    draw = np.random.default_rng(seed + 4)
    pixels = draw.integers(0, 90, (rows, height, width, channels))
    for picture in pixels:
        top, left = draw.integers(0, height - 3), draw.integers(0, width - 3)
        picture[top : top + 3, left : left + 3] += 150
    return pixels.astype(np.uint8)


def _pixels(rows: int, seed: int) -> dict[str, pl.Series]:
    grey, colour = pictures(rows, seed)[..., 0], pictures(rows, seed + 1, 9, 9, 3)
    files: list[bytes | None] = []
    for pixels in colour:
        out = BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        files.append(out.getvalue())
    files[1], files[4] = None, files[4][:40] if files[4] else None
    return {
        "scan": pl.Series(grey, dtype=pl.Array(pl.UInt8, grey.shape[1:])),
        "photo": pl.Series(files, dtype=pl.Binary),
    }


def columns(rows: int = ROWS, seed: int = 0) -> dict[str, pl.Series]:
    """Input columns by name: numbers, labels, flags, dates and pictures, written in several ways. At least 12 rows."""
    found = _numbers(rows, seed) | _labels(rows, seed) | _dates(rows, seed) | _pixels(rows, seed)
    return {name: column.alias(name) for name, column in found.items()}


def targets(rows: int = ROWS, seed: int = 0) -> dict[str, pl.DataFrame]:
    """Target columns by what they are; each has a few empty cells where its type can hold them."""
    draw = np.random.default_rng(seed + 5)
    two = _gaps(["ill" if value < 0.3 else "well" for value in draw.random(rows)], seed + 5)
    many = _gaps([("cat", "dog", "hen", "4")[value] for value in draw.integers(0, 4, rows)], seed + 6)
    rare = ["1" if place % 10 == 3 else "0" for place in range(rows)]
    tags = [["a", "b", "c", "d e"][: value + 1][draw.integers(0, 2) :] for value in draw.integers(0, 4, rows)]
    price = draw.normal(200, 30, rows).round(1)
    long = _gaps([f"{value:.2f}" for value in draw.lognormal(3, 1.2, rows)], seed + 7)
    day = pl.Series(_gaps([f"{value:.1f}" for value in draw.normal(10, 3, rows)], seed + 8), dtype=pl.String)
    return {
        "two labels": pl.DataFrame({"health": pl.Series(two, dtype=pl.String)}),
        "many labels": pl.DataFrame({"animal": pl.Series(many, dtype=pl.String)}),
        "rare label": pl.DataFrame({"fault": rare}),
        "lists": pl.DataFrame({"topics": ["|".join(row) or None for row in tags]}),
        "yes and no": pl.DataFrame({n: draw.integers(0, 2, rows) for n in ("wet", "cold")}).cast(pl.String),
        "number": pl.DataFrame({"price": price}),
        "long tail": pl.DataFrame({"income": pl.Series(long, dtype=pl.String)}),
        "two numbers": pl.DataFrame({"price": price, "days": day}),
    }


def frame(names: list[str], target: str | None, rows: int = ROWS, seed: int = 0) -> pl.DataFrame:
    """A table of some of the `columns` and one of the `targets`."""
    known = columns(rows, seed)
    inputs = pl.DataFrame([known[name] for name in names])
    return inputs if target is None else pl.concat([inputs, targets(rows, seed)[target]], how="horizontal")


def foreign(rows: int = 6) -> dict[str, pl.Series]:
    """Columns of every type a file may hold where another was expected."""
    days = pl.Series(range(rows), dtype=pl.Int32).cast(pl.Date)
    found = {
        "nothing": pl.Series([None] * rows, dtype=pl.Null),
        "empty text": pl.Series([None, "", " "] * (rows // 3), dtype=pl.String),
        "text": pl.Series(["x", "1e999", "\x00", "-", "9" * 400, "🙂"] * (rows // 6), dtype=pl.String),
        "whole": pl.Series([0, -1, 2**63 - 1, -(2**63), None, 7] * (rows // 6), dtype=pl.Int64),
        "float": pl.Series([0.0, 1e308, -1e308, float("nan"), float("inf"), None] * (rows // 6), dtype=pl.Float64),
        "truth": pl.Series([True, None] * (rows // 2), dtype=pl.Boolean),
        "date": days,
        "moment": days.cast(pl.Datetime("ms", "Europe/Berlin")),
        "time": pl.Series([0, 1] * (rows // 2), dtype=pl.Int64).cast(pl.Time),
        "list": pl.Series([[1, 2], [], None] * (rows // 3), dtype=pl.List(pl.Int64)),
        "struct": pl.Series([{"a": 1}] * rows),
        "bytes": pl.Series([b"", b"abc", None] * (rows // 3), dtype=pl.Binary),
        "pixels": pl.Series(np.zeros((rows, 3, 2), np.uint8), dtype=pl.Array(pl.UInt8, (3, 2))),
        "label": pl.Series(["a", None] * (rows // 2), dtype=pl.Categorical),
    }
    return {name: column.alias(name) for name, column in found.items()}
