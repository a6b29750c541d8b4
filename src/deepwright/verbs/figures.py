"""Figures with intervals: a bootstrap over rows that all competitors share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deepwright.contracts import Answer
from deepwright.core.seeds import derive
from deepwright.core.wording import decimals_of, in_words, interval
from deepwright.metrics.families import RowMetric, Share
from deepwright.verbs.validation import metric

__all__ = ["Figure", "Judged", "figure_of", "judge", "named", "unanimous"]

DRAWS = 1000
VALUES = 2**19  # weights drawn at once; figures make several copies of them


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % bootstrap interval (None where it has no meaning)."""

    value: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}

    @property
    def text(self) -> str:
        """ "0.735 [0.712, 0.757]"."""
        return interval(self.value, self.low, self.high)

    @property
    def words(self) -> tuple[str, str]:
        """ "0.735" and "0.712 to 0.757"."""
        return in_words(self.value, self.low, self.high)

    @property
    def decimals(self) -> int | None:
        """As many as the interval allows."""
        return decimals_of(self.low, self.high)


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
    # in place: small results kept from between large buffers would let the process grow with every weighting
    found = {who: {name: np.empty(draws) for name in own} for who, own in tables.items()}
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
                found[who][name][done : done + count] = measure.values(table, weights).numpy()
        done += count
    judged = {}
    for who, own in tables.items():
        judged[who] = Judged({name: figure_of(*own[name], found[who][name]) for name in own}, found[who])
    return judged


def figure_of(measure: RowMetric, table: Tensor, draws: np.ndarray) -> Figure:
    """The figure of rows (B, C) with its interval from draws (R,)."""
    value = measure.value(table)
    known = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(known) < 0.5 * len(draws):
        return Figure(value if np.isfinite(value) else None, None, None)
    if isinstance(measure, Share) and value in (0.0, 1.0):
        return Figure(value, *unanimous(value, len(table)))
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(value, float(low), float(high))


def unanimous(share: float, rows: int) -> tuple[float, float]:
    """The exact interval of a share where all rows agree, which no bootstrap can give (Clopper & Pearson 1934)."""
    other = 0.025 ** (1 / rows)
    return (other, 1.0) if share else (0.0, 1 - other)


def named(name: str) -> str:
    """A metric's name for people."""
    return metric(name).words
