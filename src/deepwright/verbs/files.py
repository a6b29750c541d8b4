"""Answers as files: CSV, TSV, Parquet, Arrow, JSON lines, by the name's end."""

from pathlib import Path

import polars as pl

from deepwright.core.errors import InputError
from deepwright.core.files import write_atomic

__all__ = ["write_frame"]

_KNOWN = (".csv", ".tsv", ".parquet", ".arrow", ".feather", ".jsonl", ".json")


def write_frame(frame: pl.DataFrame, path: Path | None, form: str = "plain") -> str:
    """Write whole or not at all; without a path, give CSV as text.

    Args:
        form: "plain" (UTF-8, comma, decimal point) or "excel" (BOM, semicolon, decimal comma).

    Raises:
        InputError: an ending that is not known, or a place that cannot be written to.
    """
    excel = {"separator": ";", "decimal_comma": True, "include_bom": True} if form == "excel" else {}
    if path is None:
        return frame.write_csv(**excel)  # type: ignore[arg-type, call-overload]
    end = path.suffix.lower()
    if end not in _KNOWN:
        raise InputError(f"{path.name}: answers can be written as {', '.join(_KNOWN)}; the name's end says which.")
    plain = frame.with_columns(
        pl.col(name).cast(pl.String)
        for name, dtype in frame.schema.items()
        if dtype.is_nested() and end in (".csv", ".tsv")
    )
    writers = {
        ".csv": lambda part: plain.write_csv(part, **excel), ".tsv": lambda part: plain.write_csv(part, separator="\t"),
        ".parquet": frame.write_parquet, ".arrow": frame.write_ipc, ".feather": frame.write_ipc,
        ".jsonl": frame.write_ndjson, ".json": frame.write_json,
    }  # fmt: skip
    write_atomic(path, lambda part: writers[end](part) and None)
    return ""
