"""A small table, and entrants whose figures are made up."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from deepwright.draft import Draft
from deepwright.verbs.arena.folder import Entrant
from deepwright.verbs.arena.report import About


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path)


def write_rows(folder: Path) -> Path:
    """300 cars."""
    chance = np.random.default_rng(0)
    path = folder / "cars.csv"
    age = chance.integers(0, 20, 300)
    price = 30_000 - 900 * age + chance.normal(0, 500, 300)
    pl.DataFrame({"age": age, "price": price, "colour": chance.choice(["red", "blue"], 300)}).write_csv(path)
    return path


def draft(source: Path, *settings: str) -> Draft:
    made = Draft()
    made.put(("data", "source"), str(source), "test")
    for setting in settings:
        made.set(setting)
    return made


def figure(value: float, reach: float = 0.05) -> dict[str, float]:
    return {"value": value, "low": value - reach, "high": value + reach}


def entrant(kind: str, distance: float | None, processor: float = 100.0, **changes: Any) -> Entrant:
    """A trained family of rows; None: nothing could be measured."""
    sets = {name: {"columns": 0.9, "pairs": 0.8, "told_apart": 0.6, "useful": 0.5, "closer": 0.5}
            for name in ("made", "real", "copula", "mixed")}  # fmt: skip
    controls = {"real": figure(0.0), "copula": figure(0.5), "mixed": figure(0.2)}
    figures = {
        "n": 60, "seed": 0, "target": "price", "measure": "R²", "constant": 0.0, "sets": sets, "columns": {"age": 0.9},
        "distance": {"made": figure(distance or 0.0), **controls},
    }  # fmt: skip
    found = {
        "figures": None if distance is None else {"rows": figures}, "notes": [] if distance is not None else ["Too few rows."],
        "all": True, "weights": 1234, "shown": {"pictures": {}, "cells": {"age": ["3", "4"]}}, "seconds": {"making": 1.0, "all": 2.0},
    }  # fmt: skip
    return Entrant(
        kind,
        f"runs/cars-{kind}",
        **{"state": "trained", "seconds": 101.0, "processor": processor, "compared": found, **changes},
    )


def about(**ended: str) -> About:
    return About("10min", 100.0, 2, 1, 0, ended, {"pictures": {}, "cells": {"age": ["7"]}})
