"""Axes: round tick values, their labels, and where a value lies on the drawing."""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Axis", "finite", "linear", "logarithmic", "span", "tick_labels", "ticks"]

_BIGGEST = sys.float_info.max


@dataclass(frozen=True)
class Axis:
    """A stretch of values [low, high] laid on the stretch of the drawing [start, end] (start may lie beyond end)."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Where a finite value lies (a log axis needs a positive one)."""
        if self.log:
            first, last = math.log10(self.low), math.log10(self.high)
            share = (math.log10(value) - first) / (last - first)
        else:
            # halves, because high - low may be larger than the largest float
            share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return self.start + share * (self.end - self.start)


def finite(values: Iterable[float | None]) -> list[float]:
    """The values that can be drawn."""
    return [float(value) for value in values if value is not None and math.isfinite(value)]


def span(values: Sequence[float], zero: bool = False, pad: float = 0.04) -> tuple[float, float]:
    """The stretch an axis should show: all finite values with a little air; a constant gets room on both sides."""
    known = finite(values) + ([0.0] if zero else [])
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    size = max(abs(low), abs(high))
    if high / 2 - low / 2 <= max(size * 1e-10, 1e-290):
        room = size * 0.1 if size > 1e-280 else 1.0
        return max(low - room, -_BIGGEST), min(high + room, _BIGGEST)
    room = high * pad - low * pad
    lower = low if low == 0 else low - room  # counts and shares start at zero, not below
    upper = high if high == 0 else high + room
    return max(lower, -_BIGGEST), min(upper, _BIGGEST)


def ticks(low: float, high: float, count: int = 5) -> tuple[float, ...]:
    """About `count` round values inside [low, high]: multiples of 1, 2 or 5 times a power of ten.

    >>> ticks(0.0, 1.0), ticks(-7.0, 23.0)
    ((0.0, 0.2, 0.4, 0.6, 0.8, 1.0), (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0))
    """
    rough = high / count - low / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(math.log(s / rough)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(_tidy(k * step, step) for k in range(first, last + 1))


def _tidy(value: float, step: float) -> float:
    """0.6000000000000001 → 0.6; never -0."""
    digits = -math.floor(math.log10(step)) + 1
    return (round(value, digits) if -300 < digits < 300 else value) + 0.0


def tick_labels(values: Sequence[float]) -> tuple[str, ...]:
    """One label a tick, all with the same number of decimals; very large and small ones as powers of ten.

    >>> tick_labels((0.0, 0.5, 1.0)), tick_labels((0.0, 20000.0)), tick_labels((0.0, 2e7))
    (('0.0', '0.5', '1.0'), ('0', '20,000'), ('0', '2×10⁷'))
    """
    largest = max((abs(value) for value in values), default=0.0)
    step = min((b - a for a, b in pairwise(values)), default=largest) or 1.0
    if largest and (largest >= 1e7 or largest < 1e-3):
        digits = max(0, math.floor(math.log10(largest)) - math.floor(math.log10(step) + 1e-9))
        return tuple(_power(value, min(digits, 12)) for value in values)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    group = "," if largest >= 10_000 else ""
    return tuple(f"{value:{group}.{min(decimals, 12)}f}" for value in values)


def _power(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if mantissa == "1" else f"{mantissa}×10{raised}"


def linear(low: float, high: float, start: float, end: float, count: int = 5) -> Axis:
    """An axis with evenly spread values."""
    values = ticks(low, high, count)
    return Axis(low, high, start, end, values, tick_labels(values))


def logarithmic(values: Sequence[float], start: float, end: float) -> Axis | None:
    """An axis on which equal ratios lie equally far apart, or None where no value is positive."""
    known = [value for value in finite(values) if value > 0]
    if not known:
        return None
    low, high = min(known), max(known)
    if high / low < 1.001:
        low, high = low / 2, min(high * 2, _BIGGEST)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, -(-(last - first) // 6))
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    marks = [m * 10.0**p for p in range(first, min(last, 308) + 1, every) if p >= -307 for m in factors]
    marks = [mark for mark in marks if low * 0.999 <= mark <= min(high * 1.001, _BIGGEST)]
    if len(marks) < 2:
        marks = [mark for mark in ticks(low, high, 4) if mark > 0]
    low, high = min([low, *marks]), max([high, *marks])
    return Axis(low, high, start, end, tuple(marks), tuple(_plain(mark) for mark in marks), log=True)


def _plain(value: float) -> str:
    return _power(value, 3) if value >= 1e6 or value < 1e-3 else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"
