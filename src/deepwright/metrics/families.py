"""What all metrics share: figures of many weightings of the same rows at once, so that intervals are cheap."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from deepwright.contracts import Answer
from deepwright.core.config import Config

__all__ = ["Mean", "RowMetric", "Share"]


class RowMetric(Config):
    """A metric in two steps: rows (B, C), then figures of them under weights.

    `label` is its name for people, where the kind with spaces is none; the first line of the docstring says what it means.
    """

    kind: str
    label: ClassVar[str] = ""
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    @property
    def words(self) -> str:
        """Its name for people."""
        return self.label or self.kind.replace("_", " ")

    @property
    def meaning(self) -> str:
        """What it says, in a sentence."""
        return " ".join((type(self).__doc__ or "").split("\n\n")[0].split())

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        """(B, C) float64."""
        raise NotImplementedError

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        """(R,) the figure under each of R weightings (R, B)."""
        raise NotImplementedError

    def value(self, rows: Tensor, weight: Tensor | None = None) -> float:
        """The figure of the rows; NaN where it has no meaning (one class only)."""
        if not len(rows):
            return float("nan")
        weight = torch.ones(len(rows)) if weight is None else weight
        return float(self.values(rows.double(), weight.double()[None])[0])


class Mean(RowMetric):
    """The weighted mean of one number a row."""

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        return (weights @ rows[:, 0]) / weights.sum(1)


class Share(Mean):
    """The share of rows for which something holds: one number a row, 1 or 0."""
