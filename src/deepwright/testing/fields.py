"""Comparing fields, frames and states, with sentences for what differs."""

import math
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from deepwright.fields import Field

__all__ = ["check_frames", "check_same", "check_states", "expect"]


def expect(holds: object, sentence: str) -> None:
    """Raises AssertionError with the sentence unless `holds`."""
    if not holds:
        raise AssertionError(sentence)


def check_same(ours: Field, theirs: Field, sentence: str, tolerance: float = 0.0) -> None:
    """The same values (up to a tolerance), masks and presence; no mask is a mask that is true everywhere."""
    expect(ours.values.shape == theirs.values.shape, f"{sentence} Shapes: {ours.values.shape}, {theirs.values.shape}.")
    expect(ours.values.dtype == theirs.values.dtype, f"{sentence} Types: {ours.values.dtype}, {theirs.values.dtype}.")
    _check_close(ours.values, theirs.values, sentence, tolerance)
    for name in ("mask", "present"):
        a, b = getattr(ours, name), getattr(theirs, name)
        if a is None and b is None:
            continue
        a = torch.ones_like(b) if a is None else a
        b = torch.ones_like(a) if b is None else b
        expect(torch.equal(a, b), f"{sentence} They differ in '{name}'.")


def _check_close(a: Tensor, b: Tensor, sentence: str, tolerance: float) -> None:
    if torch.equal(a, b) or not a.numel():
        return
    gap = (a.double() - b.double()).abs()
    worst = float(gap.max())
    row = int(gap.reshape(len(gap), -1).amax(1).argmax())
    expect(worst <= tolerance, f"{sentence} Row {row} differs most, by {worst:.3g}: {a[row]} and {b[row]}."[:500])


def check_states(ours: Any, theirs: Any, sentence: str, place: str = "") -> None:
    """Nested JSON values that agree; floats up to 1e-6 of their size."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        expect(ours.keys() == theirs.keys(), f"{sentence} Keys at '{place}': {sorted(ours)}, {sorted(theirs)}.")
        for key in ours:
            check_states(ours[key], theirs[key], sentence, f"{place}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        expect(len(ours) == len(theirs), f"{sentence} Lengths at '{place}': {len(ours)}, {len(theirs)}.")
        for number, pair in enumerate(zip(ours, theirs, strict=True)):
            check_states(*pair, sentence, f"{place}[{number}]")
    elif isinstance(ours, float) and isinstance(theirs, float | int) and not isinstance(theirs, bool):
        near = math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-9)
        expect(near, f"{sentence} At '{place}': {ours}, {theirs}.")
    else:
        expect(ours == theirs, f"{sentence} At '{place}': {ours!r}, {theirs!r}."[:500])


def check_frames(ours: pl.DataFrame, theirs: pl.DataFrame, sentence: str) -> None:
    """The same float columns up to rounding; NaN equals NaN."""
    expect(ours.schema == theirs.schema, f"{sentence} Columns: {ours.schema}, {theirs.schema}."[:500])
    same = np.allclose(ours.to_numpy(), theirs.to_numpy(), rtol=1e-5, atol=1e-6, equal_nan=True)
    expect(same, f"{sentence} Cells differ.")
