"""Metrics of numbers in raw units. Answer: {"value": (B, T)}; truth: {"value": (B, T)}. Several targets: the mean."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from deepwright.contracts import Answer
from deepwright.metrics.families import Mean, RowMetric
from deepwright.registries import metrics

__all__ = ["MAE", "R2", "RMSE", "MedianAE", "Pinball"]


def _error(answer: Answer, truth: Answer) -> Tensor:
    return answer["value"].double() - truth["value"].double()


@metrics.register
class RMSE(RowMetric):
    """Root of the mean squared error, in the unit of the target: large errors weigh most."""

    kind: Literal["rmse"] = "rmse"
    label: ClassVar[str] = "RMSE"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return _error(answer, truth).square()

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        return ((weights @ rows) / weights.sum(1, keepdim=True)).sqrt().mean(1)


@metrics.register
class MAE(Mean):
    """Mean size of the error, in the unit of the target."""

    kind: Literal["mae"] = "mae"
    label: ClassVar[str] = "mean absolute error"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return _error(answer, truth).abs().mean(1, keepdim=True)


@metrics.register
class MedianAE(RowMetric):
    """Size of the error that half of the rows stay below, in the unit of the target."""

    kind: Literal["median_ae"] = "median_ae"
    label: ClassVar[str] = "median absolute error"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return _error(answer, truth).abs().mean(1, keepdim=True)

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        error, order = rows[:, 0].sort()
        below = weights[:, order].cumsum(1)
        half = below[:, -1:] / 2
        first = torch.searchsorted(below, half).clamp_max(len(error) - 1)
        beyond = torch.searchsorted(below, half, right=True).clamp_max(len(error) - 1)
        return ((error[first] + error[beyond]) / 2)[:, 0]


@metrics.register
class R2(RowMetric):
    """Share of the variance explained, 1 − Σ(y − ŷ)² / Σ(y − mean)²: 1 is perfect, 0 no better than the mean."""

    kind: Literal["r2"] = "r2"
    label: ClassVar[str] = "R²"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return torch.cat([_error(answer, truth).square(), truth["value"].double()], 1)

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        targets = rows.shape[1] // 2
        total = weights.sum(1, keepdim=True)
        squared, known = weights @ rows[:, :targets], rows[:, targets:]
        centre = known.mean(0)  # shifts cancel; small numbers keep the digits
        first, second = weights @ (known - centre), weights @ (known - centre).square()
        spread = second - first.square() / total
        return (1 - squared / spread).mean(1)


@metrics.register
class Pinball(Mean):
    """Mean quantile loss over the predicted quantiles. Answer: {"quantile": (B, T, Q), "level": (Q,)}."""

    kind: Literal["pinball"] = "pinball"
    label: ClassVar[str] = "quantile loss"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        level = answer["level"].double()
        error = truth["value"].double()[..., None] - answer["quantile"].double()
        return torch.maximum(level * error, (level - 1) * error).flatten(1).mean(1, keepdim=True)
