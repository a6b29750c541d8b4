"""The contract of features: raw columns into fields, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import polars as pl
from torch import Tensor, nn

from deepwright.contracts.told import Finding, Suits, Summary
from deepwright.draw import Draw
from deepwright.fields import Field
from deepwright.spaces import Space

__all__ = ["Creatable", "Feature", "FittedFeature", "Warp"]


@dataclass(frozen=True)
class Warp:
    """How an augmentation moved the units of a field: (B, 2, 3) affine in [-1, 1] coordinates, output to input."""

    matrix: Tensor


class FittedFeature(Protocol):
    """A feature that knows its training rows. Encodes raw columns into fields, and back."""

    @property
    def kind(self) -> str: ...

    @property
    def space(self) -> Space:
        """The space of this column's `z` (after `embedder`, in encoded units; Tokens for ids)."""
        ...

    def encode(self, column: pl.Series) -> Field:
        """(B, units…, D), compact for storage (uint8 images, float32 numbers, int32 ids). Deterministic."""
        ...

    def embedder(self) -> nn.Module | None:
        """Stored values → float `z` values (image: scale and shift); None where they are `z` already, or ids."""
        ...

    def augment(self, field: Field, draw: Draw) -> tuple[Field, Warp | None]:
        """A random change that keeps the meaning; the stored form in and out. Identity when nothing is configured."""
        ...

    def decode(self, z: Field) -> pl.Series:
        """Raw values from `z` (or ids), one a row."""
        ...

    def per_unit(self, attribution: Tensor) -> Tensor:
        """(B, units…, D) attributions folded to (B, units…): pixels, words, or (B,) for plain columns."""
        ...

    def baseline(self, z: Field) -> Field:
        """The uninformative input for explainers, in `z` units (the mean row, a grey picture)."""
        ...

    def baseline_columns(self, column: pl.Series) -> pl.DataFrame:
        """A cheap flat float encoding for baselines (NaN for missing), one or more columns, B rows."""
        ...

    def findings(self, column: pl.Series) -> list[Finding]:
        """What is wrong or notable in raw values, seen against the training rows."""
        ...

    def fingerprint(self, column: pl.Series) -> np.ndarray:
        """(B,) uint64: equal for near-duplicates."""
        ...

    def show(self, column: pl.Series) -> list[str]:
        """Raw values for a person: short text, or a `data:image/png;base64,…` URI where it is a picture."""
        ...

    def to_state(self) -> dict[str, Any]: ...
    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FittedFeature": ...


@runtime_checkable
class Creatable(Protocol):
    """Settings of a feature that are others where the column is to be created."""

    def creating(self, seconds: float | None, wanted: Mapping[str, Any]) -> "Creatable":
        """The settings where the person left them open.

        Args:
            seconds: the budget, where it is one of time. wanted: values of settings that the model's family wants (`Particular`).
        """
        ...


class Feature(Protocol):
    """What an input column *is*: settings."""

    kind: str
    fitted: ClassVar[type]

    @classmethod
    def suits(cls, column: pl.Series) -> Suits | None:
        """Whether this kind suits raw values (a sample of the column), or None."""
        ...

    def summarise(self, column: pl.Series) -> Summary:
        """The mergeable statistics of one chunk of training rows."""
        ...

    def fit(self, summary: Any, name: str) -> FittedFeature:
        """The feature of the column `name`. Raises DataError: nothing can be learnt from it."""
        ...
