"""Comparison: paired differences from each baseline, and the sentences that follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deepwright.core.wording import capital, decimals_of, grouped, listed
from deepwright.verbs.figures import Judged, named
from deepwright.verbs.validation import metric

__all__ = ["LABELS", "SURE", "Difference", "compare", "difference", "verdict"]

SURE = 0.05  # chance of a difference this large where there is none
LABELS = {"network": "network", "constant": "constant", "linear": "linear model", "boosting": "boosting"}
_WORDS = {"constant": "the constant answer", "linear": "the linear model", "boosting": "boosting"}


@dataclass(frozen=True)
class Difference:
    """Ours minus theirs, signed so that more is better for us, with its 95 % interval; p: two-sided bootstrap."""

    value: float
    low: float
    high: float
    p: float

    @property
    def better(self) -> bool:
        return self.p < SURE and self.value > 0

    @property
    def worse(self) -> bool:
        return self.p < SURE and self.value < 0

    @property
    def text(self) -> str:
        """ "+0.012 [-0.004, +0.028]"."""
        decimals = decimals_of(self.low, self.high)
        value, low, high = (_signed(one, decimals) for one in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def to_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high, "p": self.p}


def _signed(value: float, decimals: int | None) -> str:
    text = grouped(value, decimals)
    return f"+{text}" if value > 0 and text.strip("0.,") else text


def difference(name: str, ours: Judged, theirs: Judged) -> Difference | None:
    """The paired difference in a metric; None where one of the two has no figure.

    p counts the draws on the other side of nothing, and one more: never 0 (Davison & Hinkley 1997, eq. 4.11).
    """
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
    p = 2 * (min((gaps <= 0).sum(), (gaps >= 0).sum()) + 1) / (len(gaps) + 1)
    low, high = np.quantile(gaps, [0.025, 0.975])
    return Difference(sign * (a - b), float(low), float(high), float(min(1.0, p)))


def compare(name: str, judged: Mapping[str, Judged], ours: str = "network") -> dict[str, Difference]:
    """The difference from every competitor that has one."""
    gaps = {who: difference(name, judged[ours], judged[who]) for who in judged if who != ours}
    return {who: gap for who, gap in gaps.items() if gap is not None}


def verdict(name: str, judged: Mapping[str, Judged], gaps: Mapping[str, Difference], ours: str = "network") -> str:
    """Plain sentences on the metric: what the network is worse than, not better than, and better than."""
    if judged[ours].figures[name].value is None:
        return f"{capital(named(name))} has no meaning on these rows, so nothing can be compared."
    groups = {
        "worse than {}": [who for who, gap in gaps.items() if gap.worse],
        "not better than {}: the difference could be chance": [
            who for who, gap in gaps.items() if not gap.worse and not gap.better
        ],
        "better than {}": [who for who, gap in gaps.items() if gap.better],
    }
    subject, sentences = f"Judged by {named(name)}, the network", []
    for form, group in groups.items():
        if group:
            sentences.append(f"{subject} is {form.format(listed([_WORDS.get(who, who) for who in group]))}.")
            subject = "It"
    return " ".join(sentences) or "There is no baseline to compare with."
