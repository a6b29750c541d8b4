"""What a person wants to see of a task's answers, as report blocks."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from deepwright.contracts import Answer
from deepwright.core.report import Block, Chart, Grid, Series
from deepwright.core.wording import number, plural

__all__ = ["class_blocks", "number_blocks", "tag_blocks"]

POINTS = 200  # of a curve
CLOUD = 2000  # points of a scatter
MANY = 12  # classes from which the worst come first


def class_blocks(target: str, labels: Sequence[str], answer: Answer, truth: Answer) -> list[Block]:
    """Confusion matrix, figures by class, calibration; ROC and precision-recall curves for two labels."""
    known, said = truth["label"].long(), answer["decision"].long()
    count = torch.bincount(known * len(labels) + said, minlength=len(labels) ** 2).view(len(labels), -1)
    blocks: list[Block] = [_confusion(labels, count)]
    if len(labels) == 2:
        blocks += _curves(labels[1], answer["probability"][:, 1].double(), (known == 1).double())
    return [*blocks, _calibration(answer["probability"], known), _by_class(labels, count)]


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
            _share(precision[k]),
            _share(recall[k]),
            _share(2 * hit[k] / (actual[k] + said[k])),
        )
        for k, label in enumerate(labels)
    ]
    note = ""
    if len(labels) > MANY:
        rows.sort(key=lambda row: (row[4] is None, row[4] or 0.0))
        note = "The classes with the lowest F1 first."
    return Grid("By class", ("class", "rows", "precision", "recall", "F1"), tuple(rows), note)


def _share(value: Tensor) -> float | None:
    """A share with as many digits as counts of rows deserve; None for 0 / 0."""
    return None if bool(value.isnan()) else round(float(value), 3)


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
    """Predicted against true, and the spread of the residuals, for each target; figures of each where there are several."""
    blocks: list[Block] = [_by_target(names, answer, truth)] if len(names) > 1 else []
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


def _by_target(names: Sequence[str], answer: Answer, truth: Answer) -> Block:
    """Figures of each target in its own unit: their means over targets of different units say little."""
    rows = []
    for place, name in enumerate(names):
        known, said = truth["value"][:, place].double(), answer["value"][:, place].double()
        error, spread = said - known, float((known - known.mean()).square().sum())
        explained = 1 - float(error.square().sum()) / spread if spread else None
        size = error.abs()
        rows.append((name, float(error.square().mean().sqrt()), float(size.mean()), float(size.median()), explained))
    head = ("target", "RMSE", "mean absolute error", "median absolute error", "R²")
    return Grid(
        "By target", head, tuple(rows), "Each in the unit of its target; the figures above are means over the targets."
    )


def _residuals(name: str, residual: np.ndarray) -> Block:
    """A histogram whose bins begin at round numbers; what lies far out is counted in the outermost."""
    low, high = (float(q) for q in np.quantile(residual, [0.01, 0.99]))
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = _edges(low, high, min(30, max(5, int(len(residual) ** 0.5))))
    counts, _ = np.histogram(residual.clip(edges[0], edges[-1]), bins=edges)
    centres = tuple((a + b) / 2 for a, b in pairwise(edges))
    middle = number(float(np.median(residual)))
    alt = f"Histogram of the residuals of {name}: median {middle}, 98 % between {number(low)} and {number(high)}."
    bars = (Series("rows", centres, tuple(float(c) for c in counts)),)
    out = int((residual < edges[0]).sum() + (residual > edges[-1]).sum())
    note = (
        f"{plural(out, 'row')} further out {'is' if out == 1 else 'are'} counted in the outermost bars." if out else ""
    )
    return Chart(f"Residuals: {name}", alt, "bar", bars, f"predicted − true {name}", "rows", note=note)


def _edges(low: float, high: float, count: int) -> list[float]:
    """About `count` bins of a round width over [low, high]."""
    rough = (high - low) / count
    power = 10.0 ** np.floor(np.log10(rough))
    width = float(min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda w: abs(np.log(w / rough))))
    first, last = int(np.floor(low / width)), int(np.ceil(high / width))
    return [k * width for k in range(first, last + 1)]


def tag_blocks(labels: Sequence[str], answer: Answer, truth: Answer) -> list[Block]:
    """Figures by label."""
    said, known = answer["decision"].bool(), truth["label"].bool()
    hit, actual, claimed = (part.double().sum(0) for part in (said & known, known, said))
    f1 = 2 * hit / (actual + claimed)
    rows = tuple(
        (label, int(actual[k]), _share(hit[k] / claimed[k]), _share(hit[k] / actual[k]), _share(f1[k]))
        for k, label in enumerate(labels)
    )
    bars = (Series("F1", tuple(labels), tuple(float(x) for x in f1.nan_to_num(0.0))),)
    lowest = labels[int(f1.nan_to_num(2.0).argmin())]
    return [
        Grid("By label", ("label", "rows", "precision", "recall", "F1"), rows),
        Chart("F1 by label", f"F1 of each label; the lowest is '{lowest}'.", "bar", bars, "label", "F1"),
    ]
