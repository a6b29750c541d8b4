"""Sizes of memory as people write them ("512MB", "2GB", "1.5GiB"), and as they are told."""

import math
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from deepwright.core.written import Written

__all__ = ["Size", "enough", "told"]

_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_WRITTEN = {"kb": "kB", "mb": "MB", "gb": "GB", "tb": "TB", "kib": "KiB", "mib": "MiB", "gib": "GiB", "tib": "TiB"}
_LETTERS = {"k": "kb", "m": "mb", "g": "gb", "t": "tb"}  # as other programs take them: 2G
_WORDS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)")


@dataclass(frozen=True)
class Size(Written):
    """An amount of memory.

    >>> Size.parse("1.5GiB").bytes, str(Size.parse("2 gb")), str(Size.parse("512M"))
    (1610612736, '2GB', '512MB')
    """

    examples: ClassVar[tuple[str, ...]] = ("512MB", "2GB", "1.5GiB")

    bytes: int
    words: str

    @classmethod
    def parse(cls, text: Any) -> "Size":
        """Raises ValueError with a sentence for anything else: a number alone could be bytes or gigabytes."""
        words = str(text).strip().lower().replace("_", "")
        found = None if isinstance(text, bool) else _WORDS.fullmatch(words)
        if found is None:
            raise ValueError(f"'{text}' is not an amount of memory; write for example 512MB, 2GB or 1.5GiB")
        amount, unit = found.groups()
        unit = _LETTERS.get(unit, unit)
        if unit not in _UNITS:
            why = f"the unit '{unit}' is none of memory" if unit else f"{text} of what"
            raise ValueError(f"{why}? Write for example {amount}GB, or {amount}MB" if not unit else f"{why}; write for example 512MB, 2GB or 1.5GiB")  # fmt: skip
        size = round(float(amount) * _UNITS[unit])
        if size < 1 or size > 2**60:
            raise ValueError(f"'{text}' cannot be an amount of memory to train in; write for example 512MB or 2GB")
        return cls(size, f"{float(amount):g}{_WRITTEN[unit]}")

    def __str__(self) -> str:
        return self.words


def told(size: float) -> str:
    """Bytes for people, with two digits that count.

    >>> told(1_340_000_000), told(87_600_000), told(2_100), told(12_000_000_000)
    ('1.3 GB', '88 MB', '2.1 kB', '12 GB')
    """
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= 0.9995 * one:
            amount = size / one
            return f"{amount:.1f} {unit}".replace(".0 ", " ") if amount < 9.95 else f"{amount:.0f} {unit}"
    return f"{size:.0f} bytes"


def enough(size: int) -> str:
    """An amount that is enough, as it can be given.

    >>> enough(590_000_000), enough(1_340_000_000)
    ('700MB', '1.5GB')
    """
    tenths = math.ceil(size * 1.05 / 1e8)
    return f"{tenths / 10:g}GB" if tenths >= 10 else f"{100 * tenths}MB"
