"""Paths in tables and to them: cells that name files are made absolute, files that cannot be read give a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from deepwright.core.errors import DataError

__all__ = ["LOOKED_AT", "PICTURES", "UNREADABLE", "absolute_paths", "path_changes", "reading"]

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
UNREADABLE = {
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".svg": "SVG",
    ".psd": "PSD",
    ".raw": "camera raw",
    ".cr2": "camera raw",
}  # pictures that are known, and not read
LOOKED_AT = 1000  # first rows, among which 20 filled cells tell whether a column holds picture paths
_ABSOLUTE = r"^(/|\\\\|[A-Za-z]:[\\/]|[A-Za-z][A-Za-z0-9+.-]+:)"  # a root, a share, a drive, or a URL


def path_changes(first_rows: pl.DataFrame, base: Path) -> list[pl.Expr]:
    """Expressions that make picture paths relative to `base` absolute, judged by the first rows of a table."""
    changes = []
    for name, dtype in first_rows.schema.items():
        if dtype != pl.String:
            continue
        sample = first_rows[name].head(LOOKED_AT).drop_nulls().head(20).to_list()
        if sample and all(_names_a_picture(cell.strip().lower()) for cell in sample):
            path = pl.col(name).str.strip_chars()
            joined = pl.lit(str(base.resolve()) + "/") + path
            changes.append(pl.when(path.str.contains(_ABSOLUTE)).then(path).otherwise(joined).alias(name))
    return changes


def _names_a_picture(cell: str) -> bool:
    return cell.endswith(PICTURES) and cell not in PICTURES  # ".png" alone is a format


def absolute_paths(frame: pl.DataFrame, base: Path) -> pl.DataFrame:
    """The frame with picture paths relative to `base` made absolute; other columns are as they were."""
    changes = path_changes(frame.head(LOOKED_AT), base)
    return frame.with_columns(changes) if changes else frame


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn a file that is missing, forbidden or a folder into a sentence.

    Raises:
        DataError: the file cannot be opened.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder, not a file.") from error
    except PermissionError as error:
        raise DataError(f"There is no permission to read {path}.") from error
