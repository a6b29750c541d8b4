"""Metrics of one label out of several. Answer: {"probability": (B, K), "decision": (B,)}; truth: {"label": (B,)}."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from deepwright.contracts import Answer
from deepwright.metrics.families import Mean, RowMetric, Share
from deepwright.registries import metrics

__all__ = ["ECE", "F1", "PRAUC", "ROCAUC", "Accuracy", "BalancedAccuracy", "Brier", "LogLoss", "MacroF1"]


def _decision(answer: Answer) -> Tensor:
    return answer["decision"] if "decision" in answer else answer["probability"].argmax(1)


def _pair(answer: Answer, truth: Answer) -> Tensor:
    return torch.stack([_decision(answer), truth["label"]], 1).double()


def _of_truth(answer: Answer, truth: Answer) -> Tensor:
    return answer["probability"].double().gather(1, truth["label"].long()[:, None])[:, 0]


@metrics.register
class Accuracy(Share):
    """Share of right decisions."""

    kind: Literal["accuracy"] = "accuracy"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return (_decision(answer) == truth["label"]).double()[:, None]


@metrics.register
class LogLoss(Mean):
    """Mean of −log p(truth), in nats: how surprised the probabilities are by the truth."""

    kind: Literal["log_loss"] = "log_loss"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return -_of_truth(answer, truth).clamp_min(1e-15).log()[:, None]


@metrics.register
class Brier(Mean):
    """Mean squared distance of the probabilities from the truth: of the second class for two classes, else summed."""

    kind: Literal["brier"] = "brier"
    label: ClassVar[str] = "Brier score"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        probability = answer["probability"].double()
        known = torch.nn.functional.one_hot(truth["label"].long(), probability.shape[1]).double()
        distance = (probability - known).square().sum(1, keepdim=True)
        return distance / 2 if probability.shape[1] == 2 else distance


@metrics.register
class BalancedAccuracy(RowMetric):
    """Mean recall of the classes that occur."""

    kind: Literal["balanced_accuracy"] = "balanced_accuracy"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return _pair(answer, truth)

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        hit, _, actual = _counts(rows, weights)
        return torch.nanmean(hit / actual, 1)  # 0/0 is NaN: a class that does not occur does not count


@metrics.register
class MacroF1(RowMetric):
    """Mean F1 of the classes that occur or are predicted."""

    kind: Literal["macro_f1"] = "macro_f1"
    label: ClassVar[str] = "macro F1"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return _pair(answer, truth)

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        hit, said, actual = _counts(rows, weights)
        return torch.nanmean(2 * hit / (said + actual), 1)


@metrics.register
class F1(RowMetric):
    """F1 of the second of two classes: the harmonic mean of precision and recall."""

    kind: Literal["f1"] = "f1"
    label: ClassVar[str] = "F1"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return _pair(answer, truth)

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        said, actual = (rows == 1).double().unbind(1)
        both = weights @ (said * actual)
        total = weights @ said + weights @ actual
        return torch.where(total > 0, 2 * both / total.clamp_min(1e-300), 0.0)


def _counts(rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(R, K) weights of hits, of decisions and of truths by class."""
    classes = torch.arange(int(rows.max()) + 1 if len(rows) else 1, dtype=rows.dtype)
    said, actual = (rows[:, :1] == classes).double(), (rows[:, 1:] == classes).double()
    return weights @ (said * actual), weights @ said, weights @ actual


@metrics.register
class ROCAUC(RowMetric):
    """Chance that a row of the second class gets a higher probability than one of the first; ties count half.

    More than two classes: the mean over one class against the rest.
    """

    kind: Literal["roc_auc"] = "roc_auc"
    label: ClassVar[str] = "ROC AUC"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return torch.cat([answer["probability"].double(), truth["label"].double()[:, None]], 1)

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        return _over_classes(rows, weights, _auc)


@metrics.register
class PRAUC(RowMetric):
    """Average precision: Σ (Rₙ − Rₙ₋₁) Pₙ over falling thresholds. More than two classes: the mean."""

    kind: Literal["pr_auc"] = "pr_auc"
    label: ClassVar[str] = "PR AUC"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        return torch.cat([answer["probability"].double(), truth["label"].double()[:, None]], 1)

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        return _over_classes(rows, weights, average_precision)


def _over_classes(rows: Tensor, weights: Tensor, figure: object) -> Tensor:
    classes = rows.shape[1] - 1
    chosen = [1] if classes == 2 else range(classes)
    figures = [figure(rows[:, k], (rows[:, -1] == k).double(), weights) for k in chosen]  # type: ignore[operator]
    return torch.nanmean(torch.stack(figures), 0)


def _grouped(score: Tensor, positive: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (R, G) of positives and negatives by distinct score, rising."""
    _, group = torch.unique(score, return_inverse=True)
    count = int(group.max()) + 1
    sums = [
        torch.zeros(len(weights), count, dtype=weights.dtype).index_add_(1, group, weights * part)
        for part in (positive, 1 - positive)
    ]
    return sums[0], sums[1]


def _auc(score: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    pos, neg = _grouped(score, positive, weights)
    below = neg.cumsum(1) - neg
    return (pos * (below + neg / 2)).sum(1) / (pos.sum(1) * neg.sum(1))


def average_precision(score: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    """(R,) average precision of scores (B,) for 0/1 truths (B,) under weights (R, B)."""
    pos, neg = (part.flip(1) for part in _grouped(score, positive, weights))
    hit, total = pos.cumsum(1), (pos + neg).cumsum(1)
    precision = hit / total.clamp_min(1e-300)
    return (pos * precision).sum(1) / pos.sum(1)


@metrics.register
class ECE(RowMetric):
    """Expected calibration error over 15 equal bins of the largest probability (Guo et al. 2017, arXiv 1706.04599)."""

    kind: Literal["ece"] = "ece"
    label: ClassVar[str] = "calibration error"
    better: ClassVar[Literal["higher", "lower"]] = "lower"

    def rows(self, answer: Answer, truth: Answer) -> Tensor:
        confidence, label = answer["probability"].double().max(1)
        return torch.stack([confidence, (label == truth["label"]).double()], 1)

    def values(self, rows: Tensor, weights: Tensor) -> Tensor:
        bins = torch.nn.functional.one_hot((rows[:, 0] * 15).long().clamp(0, 14), 15).double()
        gap = (weights @ (bins * rows[:, :1]) - weights @ (bins * rows[:, 1:])).abs()
        return gap.sum(1) / weights.sum(1)
