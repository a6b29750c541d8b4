"""Answers as files: CSV, TSV, Parquet, Arrow, JSON lines, by the name's end."""

from pathlib import Path

import polars as pl

from deepwright.core.errors import InputError
from deepwright.core.files import write_atomic

__all__ = ["as_csv", "check_place", "write_frame"]

_EXCEL = {"separator": ";", "decimal_comma": True, "include_bom": True}
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_TEXTS = (".csv", ".tsv", ".jsonl", ".json")
_KNOWN = (*_TEXTS, ".parquet", ".arrow", ".feather")


def check_place(path: Path, form: str = "plain") -> None:
    """Whether answers can be written to a file of this name, before they are made.

    Raises:
        InputError: an ending that is not known, a folder, or a form that the ending does not have.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it, such as {path / 'answers.csv'}.")
    end = path.suffix.lower()
    if end not in _KNOWN:
        raise InputError(f"{path.name}: answers can be written as {', '.join(_KNOWN)}; the name's end says which.")
    if form == "excel" and end != ".csv":
        raise InputError(f"{path.name}: --csv excel writes CSV; let the name end in .csv.")


def write_frame(frame: pl.DataFrame, path: Path, form: str = "plain") -> None:
    """Write whole or not at all. Pictures (bytes, pixels) are left out of texts.

    Args:
        form: "plain" (UTF-8, comma, decimal point) or "excel" (BOM, semicolon, decimal comma).

    Raises:
        InputError: an ending that is not known, or a place that cannot be written to.
    """
    check_place(path, form)
    end = path.suffix.lower()
    plain = _without_pictures(frame) if end in _TEXTS else frame
    writers = {
        ".csv": lambda part: part.write_bytes(as_csv(plain, form).encode()),
        ".tsv": lambda part: _flat(plain).write_csv(part, separator="\t"),
        ".parquet": frame.write_parquet, ".arrow": frame.write_ipc, ".feather": frame.write_ipc,
        ".jsonl": plain.write_ndjson, ".json": plain.write_json,
    }  # fmt: skip
    write_atomic(path, lambda part: writers[end](part) and None)


def as_csv(frame: pl.DataFrame, form: str = "plain") -> str:
    """The frame as CSV; numbers that are none (NaN) are empty cells, lists are joined with bars."""
    plain = _flat(_without_pictures(frame)).with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))
    plain = _with_commas(plain) if form == "excel" else plain
    return plain.write_csv(**(_EXCEL if form == "excel" else {}))  # type: ignore[arg-type]


def _with_commas(frame: pl.DataFrame) -> pl.DataFrame:
    """Text cells that are all numbers (inputs as they were written) get the decimal comma too."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    numbers = [name for name in texts if frame[name].str.contains(_NUMBER).all()]
    return frame.with_columns(pl.col(name).str.replace(".", ",", literal=True) for name in numbers)


def _without_pictures(frame: pl.DataFrame) -> pl.DataFrame:
    """Bytes and pixels have no text."""
    return frame.select(n for n, kind in frame.schema.items() if kind != pl.Binary and not isinstance(kind, pl.Array))


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    others = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Struct)]
    return frame.with_columns(
        *(pl.col(name).list.eval(pl.element().cast(pl.String)).list.join("|") for name in lists),
        *(pl.col(name).struct.json_encode() for name in others),
    )
