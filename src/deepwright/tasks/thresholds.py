"""Decision thresholds chosen on validation rows."""

import torch
from torch import Tensor

__all__ = ["best_threshold"]


def best_threshold(probability: Tensor, positive: Tensor) -> float:
    """The probability (B,) from which on answering "yes" gives the best F1 for truths (B,); 0.5 without any positive.

    The threshold lies in the middle between two rows' probabilities, so that it does not hang on one row.
    """
    if not bool(positive.any()):
        return 0.5
    score, order = probability.double().sort(descending=True)
    hits = positive[order].double().cumsum(0)
    f1 = 2 * hits / (torch.arange(1, len(score) + 1) + positive.sum())
    distinct = torch.cat([score[1:] != score[:-1], torch.ones(1, dtype=torch.bool)])
    best = int(torch.where(distinct, f1, -1.0).argmax())
    lower = float(score[best + 1]) if best + 1 < len(score) else 0.0
    return (float(score[best]) + lower) / 2
