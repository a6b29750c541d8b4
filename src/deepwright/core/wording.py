"""Figures in words for people: few digits, grouped; an interval and its figure with the same decimals; lists, plurals."""

import math
from collections.abc import Sequence

__all__ = [
    "MISSING",
    "capital",
    "decimals_of",
    "grouped",
    "in_words",
    "interval",
    "listed",
    "number",
    "percent",
    "plural",
]

MISSING = "–"
_MOST = 12  # decimals


def number(value: float | int | None) -> str:
    """Four significant digits (the whole part is never rounded away), grouped from five digits on.

    Four-digit whole numbers stay ungrouped because they often are years.

    >>> number(0.123456), number(1234567), number(2019), number(12345.6), number(1.5e-7), number(None)
    ('0.1235', '1,234,567', '2019', '12,346', '1.5e-07', '–')
    """
    if value is None:
        return MISSING
    return _whole(value) if isinstance(value, int) else _real(value)


def _whole(value: int) -> str:
    if abs(value) >= 10**15:
        return f"{value:.3e}" if abs(value) < 10**300 else f"about 10^{len(str(abs(value))) - 1}"
    return f"{value:,}" if abs(value) >= 10_000 else str(value)


def _real(value: float) -> str:
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size and (size >= 1e15 or size < 1e-4):
        return f"{value:.4g}"
    if size >= 999.95:
        return _whole(round(value))
    text = f"{value:.4g}"
    return "0" if text in ("-0", "0") else text


def decimals_of(low: float | None, high: float | None) -> int | None:
    """Decimals that an interval lends its figure: half its width keeps two digits; None without a width.

    More would be noise. Below zero: tens, hundreds … are rounded.

    >>> decimals_of(0.7119, 0.7573), decimals_of(18960.0, 30900.0), decimals_of(1.0, 1.0)
    (3, -2, None)
    """
    if low is None or high is None or not math.isfinite(low) or not math.isfinite(high) or high <= low:
        return None
    half = high / 2 - low / 2
    return 1 - math.floor(math.log10(half)) if half > 0 else None


def grouped(value: float | None, decimals: int | None) -> str:
    """The value with so many decimals; without a number of decimals as `number` writes it.

    >>> grouped(0.82331, 3), grouped(24196.3, -2), grouped(0.8, None), grouped(None, 3)
    ('0.823', '24,200', '0.8', '–')
    """
    if value is None or decimals is None or not math.isfinite(value):
        return number(value)
    if abs(value) >= 1e15 or decimals > _MOST:
        return f"{value:.4g}"
    rounded = round(value, decimals) + 0.0
    return f"{rounded:,.{max(0, decimals)}f}"


def interval(value: float | None, low: float | None, high: float | None, decimals: int | None = None) -> str:
    """A figure with its interval in brackets, all with `decimals` or those the interval allows; it breaks only before "[".

    >>> interval(0.7346, 0.7119, 0.7573), interval(24196.0, 18960.0, 30900.0), interval(0.5, None, None)
    ('0.735 [0.712,\\xa00.757]', '24,200 [19,000,\\xa030,900]', '0.5')
    """
    if low is None or high is None:
        return grouped(value, decimals)
    decimals = decimals_of(low, high) if decimals is None else decimals
    return f"{grouped(value, decimals)} [{grouped(low, decimals)},\u00a0{grouped(high, decimals)}]"


def in_words(
    value: float | None, low: float | None, high: float | None, decimals: int | None = None
) -> tuple[str, str]:
    """A figure, and its interval as "0.712 to 0.757" ("" where there is none); decimals as `interval` has them.

    >>> in_words(0.7346, 0.7119, 0.7573)
    ('0.735', '0.712 to 0.757')
    """
    if low is None or high is None:
        return grouped(value, decimals), ""
    decimals = decimals_of(low, high) if decimals is None else decimals
    return grouped(value, decimals), f"{grouped(low, decimals)} to {grouped(high, decimals)}"


def capital(text: str) -> str:
    """The text with its first letter large, as headings have it.

    >>> capital("accuracy"), capital("ROC AUC")
    ('Accuracy', 'ROC AUC')
    """
    return text[:1].upper() + text[1:]


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def percent(share: float) -> str:
    """A share as a percentage with one decimal where it has one; never rounded to none or to all.

    >>> percent(0.005), percent(0.02), percent(0.9999), percent(0.0001), percent(1.0)
    ('0.5\xa0%', '2\xa0%', '>\xa099.9\xa0%', '<\xa00.1\xa0%', '100\xa0%')
    """
    text = f"{100 * share:.1f}".removesuffix(".0")
    if (text, share == 1) == ("100", False):
        return ">\u00a099.9\u00a0%"
    return "<\u00a00.1\u00a0%" if text == "0" and share > 0 else f"{text}\u00a0%"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its word.

    >>> plural(1, "step"), plural(12345, "row")
    ('1 step', '12,345 rows')
    """
    return f"{number(count)} {one if count == 1 else many or one + 's'}"
