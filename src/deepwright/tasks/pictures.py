"""What a person wants to see of a task's answers, as report blocks."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from deepwright.contracts import Answer
from deepwright.core.report import Block, Chart, Grid, Series

__all__ = ["class_blocks", "number_blocks", "tag_blocks"]

POINTS = 200  # of a curve
CLOUD = 2000  # points of a scatter


def class_blocks(target: str, labels: Sequence[str], answer: Answer, truth: Answer) -> list[Block]:
    """Confusion matrix, figures by class, calibration; ROC and precision-recall curves for two labels."""
    known, said = truth["label"].long(), answer["decision"].long()
    count = torch.bincount(known * len(labels) + said, minlength=len(labels) ** 2).view(len(labels), -1)
    blocks: list[Block] = [_confusion(labels, count), _by_class(labels, count)]
    if len(labels) == 2:
        blocks += _curves(labels[1], answer["probability"][:, 1].double(), (known == 1).double())
    blocks.append(_calibration(answer["probability"], known))
    return blocks


def _confusion(labels: Sequence[str], count: Tensor) -> Block:
    right = int(count.diagonal().sum())
    mistakes = count.clone().fill_diagonal_(0)
    alt = f"Confusion matrix: {right} of {int(count.sum())} answers are right"
    note = ""
    if int(mistakes.sum()):
        row, column = divmod(int(mistakes.argmax()), len(labels))
        note = f"Most frequent mistake: '{labels[row]}' taken for '{labels[column]}' ({int(mistakes.max())} times)."
        alt += f"; the most frequent mistake is {labels[row]} taken for {labels[column]}"
    if len(labels) > 40:
        return Grid("Confusion", ("truth", "answer", "rows"), _worst_pairs(labels, mistakes), note)
    matrix = tuple(tuple(float(x) for x in row) for row in count.tolist())
    names = tuple(labels)
    return Chart(
        "Confusion matrix",
        alt + ".",
        "heat",
        matrix=matrix,
        x_names=names,
        y_names=names,
        x_label="answer",
        y_label="truth",
        note=note,
    )


def _worst_pairs(labels: Sequence[str], mistakes: Tensor) -> tuple[tuple[str, str, int], ...]:
    values, places = mistakes.flatten().topk(min(30, mistakes.numel()))
    pairs = [
        (*divmod(int(place), len(labels)), int(value)) for value, place in zip(values, places, strict=True) if value > 0
    ]
    return tuple((labels[row], labels[column], value) for row, column, value in pairs)


def _by_class(labels: Sequence[str], count: Tensor) -> Block:
    hit, actual, said = count.diagonal().double(), count.sum(1).double(), count.sum(0).double()
    recall, precision = hit / actual, hit / said
    rows = [
        (
            label,
            int(actual[k]),
            _or_none(precision[k]),
            _or_none(recall[k]),
            _or_none(2 * hit[k] / (actual[k] + said[k])),
        )
        for k, label in enumerate(labels)
    ]
    return Grid("By class", ("class", "rows", "precision", "recall", "F1"), tuple(rows))


def _or_none(value: Tensor) -> float | None:
    return None if bool(value.isnan()) else float(value)


def _curves(label: str, score: Tensor, positive: Tensor) -> list[Block]:
    total, negatives = float(positive.sum()), float((1 - positive).sum())
    if not total or not negatives:
        return []
    order = score.argsort(descending=True)
    last = torch.cat([score[order][1:] != score[order][:-1], torch.ones(1, dtype=torch.bool)])
    hits, false = positive[order].cumsum(0)[last], (1 - positive[order]).cumsum(0)[last]
    recall, alarm, precision = hits / total, false / negatives, hits / (hits + false)
    pick = torch.linspace(0, len(recall) - 1, min(POINTS, len(recall))).round().long().unique()
    zero = torch.zeros(1, dtype=recall.dtype)
    auc = float(torch.trapezoid(torch.cat([zero, recall]), torch.cat([zero, alarm])))
    ap = float((torch.diff(recall, prepend=zero) * precision).sum())
    points = (0.0, *alarm[pick].tolist()), (0.0, *recall[pick].tolist())
    share = total / (total + negatives)
    return [
        Chart("ROC curve", f"ROC curve for '{label}' with an area of {auc:.3f}; chance is 0.5.", "step", (Series("network", *points),),
              "false alarms among all others", f"found among all '{label}'", diagonal=True),
        Chart("Precision and recall", f"Precision against recall for '{label}'; average precision {ap:.3f}, chance {share:.3f}.", "step",
              (Series("network", tuple(recall[pick].tolist()), tuple(precision[pick].tolist())),
               Series("chance", (0.0, 1.0), (share, share))), "recall", "precision"),
    ]  # fmt: skip


def _calibration(probability: Tensor, known: Tensor) -> Block:
    """Ten bins of equal size: mean probability against how often the answer was right, with 95 % Wilson intervals."""
    score, right = (probability[:, 1], known == 1) if probability.shape[1] == 2 else _confident(probability, known)
    order = score.argsort()
    parts = [part for part in order.tensor_split(min(10, max(1, len(order) // 5))) if len(part)]
    x = tuple(float(score[part].mean()) for part in parts)
    y = [float(right[part].double().mean()) for part in parts]
    bounds = [_wilson(share, len(part)) for share, part in zip(y, parts, strict=True)]
    line = Series("network", x, tuple(y), tuple(low for low, _ in bounds), tuple(high for _, high in bounds))
    gap = max(abs(a - b) for a, b in zip(x, y, strict=True))
    alt = f"Calibration curve: the largest gap between probability and frequency is {gap:.2f}."
    return Chart("Calibration", alt, "band", (line,), "probability given", "how often it was so", diagonal=True)


def _confident(probability: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    score, said = probability.max(1)
    return score, said == known


def _wilson(share: float, rows: int) -> tuple[float, float]:
    z = 1.96
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * (share * (1 - share) / rows + z * z / (4 * rows * rows)) ** 0.5 / (1 + z * z / rows)
    return centre - half, centre + half


def number_blocks(names: Sequence[str], answer: Answer, truth: Answer) -> list[Block]:
    """Predicted against true, and the spread of the residuals, for each target."""
    blocks: list[Block] = []
    for place, name in enumerate(names):
        known, said = truth["value"][:, place].numpy(), answer["value"][:, place].numpy()
        pick = np.unique(np.linspace(0, len(known) - 1, min(CLOUD, len(known))).round().astype(int))
        correlation = float(np.corrcoef(known, said)[0, 1]) if known.std() > 0 and said.std() > 0 else 0.0
        note = f"{len(pick)} of {len(known)} rows are drawn." if len(pick) < len(known) else ""
        blocks.append(
            Chart(
                f"Predicted against true: {name}", f"Predicted against true {name}; their correlation is {correlation:.3f}.", "scatter",
                (Series("rows", tuple(known[pick].tolist()), tuple(said[pick].tolist())),), f"true {name}", f"predicted {name}", diagonal=True, note=note,
            )
        )  # fmt: skip
        blocks.append(_residuals(name, said - known))
    return blocks


def _residuals(name: str, residual: np.ndarray) -> Block:
    low, high = np.quantile(residual, [0.01, 0.99])
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(
        residual.clip(low, high), bins=min(30, max(5, int(len(residual) ** 0.5))), range=(low, high)
    )
    centres = tuple(f"{(a + b) / 2:.4g}" for a, b in pairwise(edges))
    alt = f"Histogram of the residuals of {name}: median {np.median(residual):.4g}, 98 % between {low:.4g} and {high:.4g}."
    bars = (Series("rows", centres, tuple(float(c) for c in counts)),)
    return Chart(f"Residuals: {name}", alt, "bar", bars, f"predicted − true {name}", "rows")


def tag_blocks(labels: Sequence[str], answer: Answer, truth: Answer) -> list[Block]:
    """Figures by label."""
    said, known = answer["decision"].bool(), truth["label"].bool()
    hit, actual, claimed = (part.double().sum(0) for part in (said & known, known, said))
    f1 = 2 * hit / (actual + claimed)
    rows = tuple(
        (label, int(actual[k]), _or_none(hit[k] / claimed[k]), _or_none(hit[k] / actual[k]), _or_none(f1[k]))
        for k, label in enumerate(labels)
    )
    bars = (Series("F1", tuple(labels), tuple(float(x) for x in f1.nan_to_num(0.0))),)
    lowest = labels[int(f1.nan_to_num(2.0).argmin())]
    return [
        Grid("By label", ("label", "rows", "precision", "recall", "F1"), rows),
        Chart("F1 by label", f"F1 of each label; the lowest is '{lowest}'.", "bar", bars, "label", "F1"),
    ]
