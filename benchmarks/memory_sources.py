"""Data of known shapes for the benchmarks of memory: each is written once and kept in the cache."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from benchmarks.harness import CACHE

__all__ = [
    "write_arrow", "write_csv", "write_jsonl", "write_many", "write_parquet", "write_pictures", "write_sentences", "write_wide",
    "write_words",
]  # fmt: skip

FOLDER = CACHE / "memory"
AT_ONCE = 100_000  # rows made at once


@contextmanager
def _new(path: Path) -> Iterator[Path]:
    """The name to write a file under; it is there under its own name only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    yield part
    part.replace(path)


def write_csv(rows: int) -> Path:
    """A table of 40 columns: 30 numbers (some with gaps), 8 categories, a date, and a target that follows from them."""
    path = FOLDER / f"rows-{rows}.csv"
    if path.exists():
        return path
    chance = np.random.default_rng(0)
    numbers = chance.normal(size=(rows, 30)).round(4)
    words = [f"kind {letter}" for letter in "abcdefghijkl"]
    groups = chance.integers(0, len(words), (rows, 8))
    target = numbers[:, :5].sum(1) + np.sin(numbers[:, 5]) + 0.3 * groups[:, 0] + 0.1 * chance.normal(size=rows)
    frame = pl.DataFrame({f"number_{place}": numbers[:, place] for place in range(30)})
    gaps = pl.Series(chance.random(rows) < 0.05)
    frame = frame.with_columns(
        pl.when(gaps).then(None).otherwise(pl.col(f"number_{k}")).alias(f"number_{k}") for k in (3, 9)
    )
    names = pl.Series(words)
    frame = frame.with_columns(
        *(names.gather(groups[:, place]).alias(f"group_{place}") for place in range(8)),
        pl.Series("day", np.datetime64("2015-01-01") + chance.integers(0, 3650, rows)),
        pl.Series("target", target.round(4)),
    )
    with _new(path) as part:
        frame.write_csv(part)
    return path


def _copied(rows: int, ending: str, write: Callable[[pl.LazyFrame, Path], None]) -> Path:
    """The same table in another format, with the types that polars finds."""
    path = FOLDER / f"rows-{rows}.{ending}"
    if not path.exists():
        with _new(path) as part:
            write(pl.scan_csv(write_csv(rows), infer_schema_length=10_000), part)
    return path


def write_parquet(rows: int) -> Path:
    """The table of `write_csv` as Parquet."""
    return _copied(rows, "parquet", lambda table, path: table.sink_parquet(path))


def write_arrow(rows: int) -> Path:
    """The table of `write_csv` as an Arrow file."""
    return _copied(rows, "arrow", lambda table, path: table.sink_ipc(path))


def write_jsonl(rows: int) -> Path:
    """The table of `write_csv` as JSON lines."""
    return _copied(rows, "jsonl", lambda table, path: table.sink_ndjson(path))


def write_words(rows: int) -> Path:
    """A table of 20 columns of 5,000 words each, 19 numbers and a target."""
    return _worded("words", rows, words=5000, columns=20, numbers=19)


def write_many(rows: int) -> Path:
    """A table of two columns of 100,000 words each, six numbers and a target."""
    return _worded("many", rows, words=100_000, columns=2, numbers=6)


def _worded(name: str, rows: int, words: int, columns: int, numbers: int) -> Path:
    chance = np.random.default_rng(1)
    known = pl.Series([f"{place:06x} {chance.integers(16**4):04x}" for place in range(words)])

    def some(count: int) -> pl.DataFrame:
        values = chance.normal(size=(count, numbers)).round(4)
        places = chance.integers(0, words, (count, columns))
        frame = pl.DataFrame({f"number_{place}": values[:, place] for place in range(numbers)})
        return frame.with_columns(
            *(known.gather(places[:, place]).alias(f"word_{place}") for place in range(columns)),
            pl.Series("target", (values[:, 0] + 2 * places[:, 0] / words).round(4)),
        )

    return _written(name, rows, some)


def write_wide(rows: int) -> Path:
    """A table of 2,000 numbers and a target."""
    chance = np.random.default_rng(4)

    def some(count: int) -> pl.DataFrame:
        numbers = chance.normal(size=(count, 2000)).round(3)
        frame = pl.DataFrame({f"number_{place}": numbers[:, place] for place in range(2000)})
        return frame.with_columns(pl.Series("target", numbers[:, :5].sum(1).round(3)))

    return _written("wide", rows, some)


def write_sentences(rows: int) -> Path:
    """A table of a column of sentences (of about 200 letters), ten numbers and a target of two labels."""
    chance = np.random.default_rng(5)
    words = np.array(["".join(chance.choice(list("abcdefghijklmnop"), chance.integers(3, 9))) for _ in range(3000)])

    def some(count: int) -> pl.DataFrame:
        numbers = chance.normal(size=(count, 10)).round(4)
        picked = words[chance.integers(0, len(words), (count, 30))]
        frame = pl.DataFrame({f"number_{place}": numbers[:, place] for place in range(10)})
        sides = np.where(numbers[:, 0] + numbers[:, 1] > 0, "up", "down")
        return frame.with_columns(pl.Series("said", [" ".join(row) for row in picked]), pl.Series("target", sides))

    return _written("sentences", rows, some)


def _written(name: str, rows: int, some: Callable[[int], pl.DataFrame]) -> Path:
    """A CSV of frames that are made one after the other."""
    path = FOLDER / f"{name}-{rows}.csv"
    if path.exists():
        return path
    with _new(path) as part, open(part, "wb") as file:
        for start in range(0, rows, AT_ONCE):
            some(min(AT_ONCE, rows - start)).write_csv(file, include_header=start == 0)
    return path


def write_pictures(count: int, side: int = 48) -> Path:
    """A folder of two classes of noisy pictures."""
    folder = FOLDER / (f"pictures-{count}" if side == 48 else f"pictures-{count}-{side}")
    if (folder / "whole").exists():
        return folder / "pictures"
    chance = np.random.default_rng(2)
    for number in range(count):
        place = folder / "pictures" / ("dark", "light")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = chance.integers(0, 160, (side, side, 3), dtype=np.uint8) + np.uint8(80 * (number % 2))
        Image.fromarray(pixels).save(place / f"{number:06}.png")
    (folder / "whole").touch()
    return folder / "pictures"
