"""What the contestants of synthetic_tables.py share: arguments, and columns as numbers and labels.

Imports nothing of Deepwright.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

STARTED = time.perf_counter()


@dataclass
class Given:
    """One cell: the rows to be imitated, how many are wanted, where to, limits."""

    train: pd.DataFrame
    rows: int
    out: Path
    seconds: float
    seed: int

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self.seconds - (time.perf_counter() - STARTED)


def given() -> Given:
    """From --train, --rows, --out, --seconds, --seed."""
    parser = argparse.ArgumentParser()
    for name, kind in (("train", Path), ("rows", int), ("out", Path), ("seconds", float), ("seed", int)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    values = vars(parser.parse_args())
    return Given(**{**values, "train": pd.read_csv(values["train"], keep_default_na=False, na_values=[""])})


def is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def rounded(values: np.ndarray, column: pd.Series) -> np.ndarray:
    """Inside the range of the known column, with as many digits."""
    known = column.dropna().to_numpy(float)
    digits = next((d for d in range(7) if np.array_equal(np.round(known, d), known)), 15)
    return np.round(np.clip(values, known.min(), known.max()), digits)


def finish(one: Given, made: pd.DataFrame, **more: object) -> None:
    """Write the rows; the closing line."""
    made.to_csv(one.out, index=False)
    print(json.dumps({"seconds": time.perf_counter() - STARTED, **more}))
