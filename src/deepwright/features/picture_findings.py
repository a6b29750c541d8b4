"""What the doctor says about a column of pictures."""

import os
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from deepwright.contracts import Finding
from deepwright.features.picture_statistics import blank_pictures
from deepwright.features.survey import surveys

__all__ = ["picture_findings"]

_EXAMPLES = 5
_LISTED = 8  # of them, in the sentence
_UNLIKE = 4.0  # times as large: worth telling
_CUT = 1 / 3  # of a picture lost by cropping: worth telling


@dataclass
class _Facts:
    """Rows of a column by what is to be told about them; `sizes` (n, 2) belong to the readable `rows`."""

    name: str
    height: int
    missing: list[int] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    deep: list[int] = field(default_factory=list)
    clear: list[int] = field(default_factory=list)
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    sizes: np.ndarray = field(default_factory=lambda: np.ones((0, 2)))


def _facts(column: pl.Series) -> _Facts:
    facts = _Facts(column.name, len(column))
    rows, sizes = [facts.rows], [facts.sizes]
    for survey in surveys(column):
        facts.missing += survey.missing
        facts.faults += survey.faults
        for group in survey.groups:
            rows.append(group.rows)
            sizes.append(group.sizes)
            facts.blank += group.rows[blank_pictures(group)].tolist()
            facts.clear += group.rows[group.clear].tolist()
            facts.deep += group.rows.tolist() if group.pixels.dtype != np.uint8 else []
    facts.rows = np.concatenate(rows)
    order = np.argsort(facts.rows)
    facts.rows, facts.sizes = facts.rows[order], np.concatenate(sizes)[order]
    return facts


def picture_findings(column: pl.Series, size: tuple[int, int], resize: str, alpha: bool = False) -> list[Finding]:
    """Missing, unreadable and blank pictures, very different sizes, shapes that lose much, more than 8 bits.

    Args:
        size: (H, W) that all become. resize: how. alpha: transparent places are learnt.
    """
    facts = _facts(column)
    found = [
        _missing(facts),
        _unreadable(facts),
        _blank(facts),
        _deep(facts),
        _clear(facts, alpha),
        _sizes(facts, size),
    ]
    found.append(_cut(facts, size) if resize == "crop" else None)
    return [finding for finding in found if finding is not None]


def _count(number: int, noun: str = "picture") -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _missing(facts: _Facts) -> Finding | None:
    if not facts.missing:
        return None
    number = len(facts.missing)
    text = f"'{facts.name}' is empty in {_count(number, 'row')} of {facts.height:,}."
    return Finding("note", "missing", text, facts.name, number, facts.missing[0])


def _unreadable(facts: _Facts) -> Finding | None:
    if not facts.faults:
        return None
    number = len(facts.faults)
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in Counter(f[1] for f in facts.faults).most_common())
    row = facts.faults[0][0]
    listed = [
        f"{os.path.basename(file)} in row {row + 1}" if file else f"row {row + 1}"
        for row, _, file in facts.faults[:_LISTED]
    ]
    more = f" and {number - _LISTED:,} more" if number > _LISTED else ""
    text = (
        f"{_count(number)} of '{facts.name}' cannot be read and {'counts' if number == 1 else 'count'} as missing "
        f"({reasons}): {', '.join(listed)}{more}."
    )
    values = tuple(os.path.basename(file) or f"row {row + 1}" for row, _, file in facts.faults[:_EXAMPLES])
    return Finding("warning", "unreadable", text, facts.name, number, row, values)


def _blank(facts: _Facts) -> Finding | None:
    if not facts.blank:
        return None
    number, first = len(facts.blank), min(facts.blank)
    verb = "is" if number == 1 else "are"
    text = f"{_count(number)} of '{facts.name}' {verb} one colour all over, the first in row {first + 1}."
    return Finding("warning", "blank", text, facts.name, number, first)


def _deep(facts: _Facts) -> Finding | None:
    if not facts.deep:
        return None
    number, first = len(facts.deep), min(facts.deep)
    verb = "has" if number == 1 else "have"
    text = f"{_count(number)} of '{facts.name}' {verb} more than 8 bits; the values are scaled to 0 to 255."
    return Finding("note", "deep", text, facts.name, number, first)


def _clear(facts: _Facts, alpha: bool) -> Finding | None:
    if not facts.clear:
        return None
    number, first = len(facts.clear), min(facts.clear)
    verb = "has" if number == 1 else "have"
    what = "these are learnt" if alpha else f"these become white (--set features.{facts.name}.alpha=keep learns them)"
    text = f"{_count(number)} of '{facts.name}' {verb} transparent places; {what}."
    return Finding("note", "transparent", text, facts.name, number, first)


def _sizes(facts: _Facts, size: tuple[int, int]) -> Finding | None:
    if not len(facts.rows):
        return None
    shorter = facts.sizes.min(1)
    small, large = int(shorter.argmin()), int(shorter.argmax())
    if shorter[large] < _UNLIKE * shorter[small]:
        return None
    (h0, w0), (h1, w1) = facts.sizes[small].astype(int), facts.sizes[large].astype(int)
    text = (
        f"The pictures of '{facts.name}' run from {w0} × {h0} to {w1} × {h1} pixels; all become {size[1]} × {size[0]}."
    )
    return Finding("note", "sizes", text, facts.name, len(facts.rows), int(facts.rows[small]))


def _cut(facts: _Facts, size: tuple[int, int]) -> Finding | None:
    shape = (facts.sizes[:, 0] / facts.sizes[:, 1]) / (size[0] / size[1])
    much = facts.rows[1 - np.minimum(shape, 1 / shape) > _CUT]
    if not len(much):
        return None
    text = (
        f"{_count(len(much))} of '{facts.name}' {'loses' if len(much) == 1 else 'lose'} more than a third when cut to "
        f"{size[1]} × {size[0]}; --set features.{facts.name}.resize=pad shows them whole."
    )
    return Finding("note", "cropped", text, facts.name, len(much), int(much[0]))
