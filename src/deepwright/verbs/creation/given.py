"""A row of a person's own: a JSON object, or the first row of a table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from deepwright.core.errors import DataError
from deepwright.data.sources import open_source
from deepwright.data.sources.paths import reading

__all__ = ["row_of_file", "row_of_mapping"]


def row_of_file(path: Path) -> pl.DataFrame:
    """One row.

    Raises:
        DataError: the file is not there, cannot be read or holds no row.
    """
    if path.suffix.lower() != ".json":
        table = open_source(str(path))[1]
        return table.take([0], table.columns)
    with reading(path):
        data = path.read_bytes()
    try:
        found = json.loads(data)
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}.") from error
    return row_of_mapping(found[0] if isinstance(found, list) and found else found, path.name)


def row_of_mapping(found: Any, name: str) -> pl.DataFrame:
    """One row of plain values by column. Raises DataError: it is something else."""
    plain = str | int | float | bool | None
    if not isinstance(found, Mapping) or not all(isinstance(cell, plain) for cell in found.values()):
        raise DataError(
            f'{name}: expected one row as a JSON object of plain values, such as {{"age": 41, "plan": "gold"}}.'
        )
    return pl.DataFrame({str(key): [cell] for key, cell in found.items()})
