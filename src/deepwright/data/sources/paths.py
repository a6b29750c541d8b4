"""Paths in tables: cells that name files next to the table are made absolute."""

from pathlib import Path

import polars as pl

__all__ = ["PICTURES", "absolute_paths"]

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def absolute_paths(frame: pl.DataFrame, base: Path) -> pl.DataFrame:
    """The frame with picture paths relative to `base` made absolute; other columns are as they were."""
    changes = []
    for name, dtype in frame.schema.items():
        if dtype != pl.String:
            continue
        sample = frame[name].drop_nulls().head(20).to_list()
        if sample and all(cell.lower().endswith(PICTURES) for cell in sample):
            relative = ~(pl.col(name).str.starts_with("/") | pl.col(name).str.contains(r"^[A-Za-z]:[\\/]"))
            joined = pl.lit(str(base.resolve()) + "/") + pl.col(name)
            changes.append(pl.when(relative).then(joined).otherwise(pl.col(name)).alias(name))
    return frame.with_columns(changes) if changes else frame
