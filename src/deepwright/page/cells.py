"""Values as text for people: numbers rounded and grouped, hostile text made harmless."""

import math
import re
import unicodedata
from collections.abc import Sequence

from deepwright.core.report import Cell
from deepwright.core.wording import MISSING, number

__all__ = ["MISSING", "clean", "column", "cut_inside", "is_number", "shorten", "show"]

LONGEST = 160  # characters of a cell that are shown; the rest is in its title
_BIDI = {
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    0x200E,
    0x200F,
    0x061C,
}  # would reorder what stands beside them


def clean(text: str, keep: str = "\n\t") -> str:
    """The text with control characters, lone surrogates and direction overrides replaced by "\ufffd".

    They cannot be stored in XML or UTF-8, steer terminals, or make a text look like another.

    >>> clean("a\\x1b[2Jb")
    'a\ufffd[2Jb'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(sign, keep) for sign in text)


def _visible(sign: str, keep: str) -> str:
    bad = unicodedata.category(sign) in ("Cc", "Cs") or ord(sign) in _BIDI or ord(sign) & 0xFFFE == 0xFFFE
    return "\ufffd" if bad and sign not in keep else sign


def shorten(text: str, longest: int = LONGEST) -> str:
    """The text, cut to `longest` characters with "…" at the end.

    >>> shorten("abcdefgh", 5)
    'abcd…'
    """
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def cut_inside(text: str, longest: int) -> str:
    """The text cut in its middle: names that begin alike are told apart by their ends.

    >>> cut_inside("average price in May", 12)
    'average…May'
    """
    if len(text) <= longest:
        return text
    end = (longest - 1) * 2 // 5
    return f"{text[: longest - 1 - end].rstrip()}…{text[-end:].lstrip() if end else ''}"


def is_number(value: Cell) -> bool:
    """Whether the value is a number (true and false are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def show(value: Cell) -> str:
    """A value for people: 4 significant digits (whole part never rounded away), grouped from five digits on.

    Four-digit whole numbers stay ungrouped because they often are years. Missing values give "–". Text is not
    escaped and not shortened.

    >>> show(0.123456), show(1234567), show(2019), show(12345.6), show(1.5e-7), show(None), show(True)
    ('0.1235', '1,234,567', '2019', '12,346', '1.5e-07', '–', 'yes')
    """
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    return clean(str(value))


def column(values: Sequence[Cell]) -> list[str]:
    """The values of a column as text; decimals are filled up to the same number, within 4 significant digits.

    Where one number is grouped, all are.

    >>> column([0.7267, 0.78, None, 12.5]), column([2019, 2020]), column([4892, 15288])
    (['0.7267', '0.7800', '–', '12.50'], ['2019', '2020'], ['4,892', '15,288'])
    """
    texts = [show(value) for value in values]
    if any("," in text and is_number(value) for text, value in zip(texts, values, strict=True)):
        whole = re.compile(r"-?\d{4}")
        texts = [
            f"{int(text):,}" if is_number(value) and whole.fullmatch(text) else text
            for text, value in zip(texts, values, strict=True)
        ]
    decimals = max((_decimals(text) for text, value in zip(texts, values, strict=True) if is_number(value)), default=0)
    if not decimals:
        return texts
    return [_filled(text, value, decimals) for text, value in zip(texts, values, strict=True)]


def _decimals(text: str) -> int:
    return len(text) - text.index(".") - 1 if "." in text and "e" not in text else 0


def _filled(text: str, value: Cell, decimals: int) -> str:
    """Only rounded values are filled up: a whole number in the column may be a count."""
    if not isinstance(value, float) or not math.isfinite(value) or value == int(value) or "e" in text:
        return text
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    room = 4 - whole if whole else 3 - math.floor(math.log10(abs(value)))
    return f"{value:.{max(_decimals(text), min(decimals, room))}f}"
