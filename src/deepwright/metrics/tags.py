"""Metrics of several labels at once. Answer: {"probability": (B, L), "decision": (B, L)}; truth: {"label": (B, L)}."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from deepwright.contracts import Answer
from deepwright.metrics.classes import average_precision
from deepwright.metrics.families import Mean, RowMetric, Share
from deepwright.registries import metrics

__all__ = ["Hamming", "MeanAveragePrecision", "SubsetAccuracy", "TagF1", "TagMacroF1"]


def _decision(answer: Answer) -> Tensor:
    return answer["decision"] if "decision" in answer else answer["probability"] >= 0.5


class _Pairs(RowMetric):
    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return torch.cat([_decision(answer).double(), truth["label"].double()], 1)


def _counts(rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    said, actual = rows.chunk(2, 1)
    return weights @ (said * actual), weights @ said + weights @ actual


@metrics.register
class TagF1(_Pairs):
    """F1 over all labels together: the harmonic mean of precision and recall."""

    kind: Literal["tag_f1"] = "tag_f1"
    label: ClassVar[str] = "F1"

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        hit, total = (part.sum(1) for part in _counts(rows, weights))
        return torch.where(total > 0, 2 * hit / total.clamp_min(1e-300), 0.0)


@metrics.register
class TagMacroF1(_Pairs):
    """Mean of the labels' F1; a label that neither occurs nor is predicted does not count."""

    kind: Literal["tag_macro_f1"] = "tag_macro_f1"
    label: ClassVar[str] = "macro F1"

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        hit, total = _counts(rows, weights)
        return torch.nanmean(2 * hit / total, 1)


@metrics.register
class MeanAveragePrecision(RowMetric):
    """Mean of the labels' average precision."""

    kind: Literal["mean_average_precision"] = "mean_average_precision"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return torch.cat([answer["probability"].double(), truth["label"].double()], 1)

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        score, actual = rows.chunk(2, 1)
        figures = [average_precision(score[:, k], actual[:, k], weights) for k in range(score.shape[1])]
        return torch.nanmean(torch.stack(figures), 0)


@metrics.register
class Hamming(Mean):
    """Share of wrong labels."""

    kind: Literal["hamming"] = "hamming"
    label: ClassVar[str] = "wrong labels"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return (_decision(answer).bool() != truth["label"].bool()).double().mean(1, keepdim=True)


@metrics.register
class SubsetAccuracy(Share):
    """Share of rows with every label right."""

    kind: Literal["subset_accuracy"] = "subset_accuracy"
    label: ClassVar[str] = "all labels right"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return (_decision(answer).bool() == truth["label"].bool()).all(1).double()[:, None]
