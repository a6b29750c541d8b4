"""Figures with intervals: bootstrap over rows, paired differences, and the sentence that follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepwright.contracts import Answer
from deepwright.core.seeds import derive
from deepwright.metrics.families import RowMetric
from deepwright.verbs.validation import metric

__all__ = ["Figure", "Judged", "judge", "shown", "verdict"]

DRAWS = 1000
VALUES = 2**22  # weights drawn at once


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % bootstrap interval (None where it has no meaning)."""

    value: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Judged:
    """One competitor's figures.

    Args:
        draws: metric → (R,) its figures under the shared bootstrap weightings.
    """

    figures: Mapping[str, Figure]
    draws: Mapping[str, np.ndarray]


def judge(names: Sequence[str], answers: Mapping[str, Answer], truth: Answer, seed: int = 0) -> dict[str, Judged]:
    """Figures of several competitors on the same rows, all under the same weightings, so that differences are paired.

    Efron 1979, percentile intervals of the multinomial bootstrap.
    """
    rows = len(next(iter(truth.values())))
    draws = max(200, min(DRAWS, 40_000_000 // max(1, rows)))
    tables: dict[str, dict[str, tuple[RowMetric, Tensor]]] = {}
    for who, answer in answers.items():
        tables[who] = {}
        for name in names:
            tables[who][name] = (metric(name), metric(name).rows(answer, truth).double())
    found: dict[str, dict[str, list[Tensor]]] = {who: {name: [] for name in own} for who, own in tables.items()}
    generator = torch.Generator().manual_seed(derive(seed, "bootstrap"))
    done, at_once = 0, max(1, VALUES // max(1, rows))
    while done < draws:
        count = min(at_once, draws - done)
        picks = torch.randint(rows, (count, rows), generator=generator)
        weights = torch.zeros(count, rows, dtype=torch.float64).scatter_add_(
            1, picks, torch.ones(1, 1, dtype=torch.float64).expand_as(picks)
        )
        for who, own in tables.items():
            for name, (measure, table) in own.items():
                found[who][name].append(measure.values(table, weights))
        done += count
    judged = {}
    for who, own in tables.items():
        all_draws = {name: torch.cat(found[who][name]).numpy() for name in own}
        judged[who] = Judged({name: _figure(*own[name], all_draws[name]) for name in own}, all_draws)
    return judged


def _figure(measure: RowMetric, table: Tensor, draws: np.ndarray) -> Figure:
    value = measure.value(table)
    known = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(known) < 0.5 * len(draws):
        return Figure(value if np.isfinite(value) else None, None, None)
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(value, float(low), float(high))


@dataclass(frozen=True)
class Difference:
    """Ours minus theirs, signed so that more is better for us; p: two-sided bootstrap."""

    value: float
    low: float
    high: float
    p: float


def difference(name: str, ours: Judged, theirs: Judged) -> Difference | None:
    """The paired difference in a metric."""
    if name not in theirs.draws:
        return None
    a, b = ours.figures[name].value, theirs.figures[name].value
    if a is None or b is None:
        return None
    sign = 1.0 if metric(name).better == "higher" else -1.0
    gaps = sign * (ours.draws[name] - theirs.draws[name])
    gaps = gaps[np.isfinite(gaps)]
    if not len(gaps):
        return None
    p = 2 * min((gaps <= 0).mean(), (gaps >= 0).mean())
    low, high = np.quantile(gaps, [0.025, 0.975])
    return Difference(sign * (a - b), float(low), float(high), float(min(1.0, max(p, 1 / len(gaps)))))


_WORDS = {"constant": "the constant answer", "linear": "the linear model", "boosting": "boosting"}


def verdict(name: str, judged: Mapping[str, Judged], ours: str = "network") -> str:
    """A plain sentence on the metric: better, not better, or worse than each baseline."""
    if judged[ours].figures[name].value is None:
        return f"The figure {name} has no meaning on these rows, so nothing can be compared."
    sentences = []
    for who in judged:
        gap = None if who == ours else difference(name, judged[ours], judged[who])
        if gap is None:
            continue
        words = _WORDS.get(who, who)
        detail = f"{name} {shown(judged[ours].figures[name].value)} against {shown(judged[who].figures[name].value)}, p = {gap.p:.2g}"
        if gap.p < 0.05:
            sentences.append(f"The network is {'better' if gap.value > 0 else 'worse'} than {words} here ({detail}).")
        else:
            sentences.append(f"The network is not better than {words} here: the difference could be chance ({detail}).")
    return " ".join(sentences) or "There is no baseline to compare with."


def shown(value: float | None) -> str:
    """A figure for people: four significant digits."""
    return "–" if value is None else f"{value:.4g}"
