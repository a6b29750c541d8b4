"""What each input column is, found out from its cells; columns that can teach nothing are left out, and said so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from deepwright.contracts import NEAR, Finding, Suits
from deepwright.data.cells import blank_to_null, parse_numbers
from deepwright.registries import features

__all__ = ["Inferred", "infer_features"]

SURE = 0.8  # score of a kind that its cells speak for themselves

_ID_NAME = re.compile(
    r"(?i:(^|[\s_.-])(id|pid|uid|uuid|guid|key|index|idx|nr|no|number|row)$|^(id|pid|uid)[\s_.-])|[a-z]ID$"
    r"|(?i:^(account|case|client|customer|device|item|order|patient|person|product|record|sample|session|student|subject|user)id$)"
)


@dataclass(frozen=True)
class Inferred:
    """Settings a column, columns left out, and what to tell."""

    settings: Mapping[str, Any]
    left_out: tuple[str, ...]
    findings: tuple[Finding, ...]


def infer_features(
    columns: Mapping[str, pl.Series], given: Mapping[str, Any], places: np.ndarray | None = None
) -> Inferred:
    """The feature settings of each column.

    Args:
        columns: the input columns (all rows, or a sample). given: settings the person named; what they leave open is found out.
        places: of the rows in the table; None: they are all of it.
    """
    settings: dict[str, Any] = {}
    left_out: list[str] = []
    findings: list[Finding] = []
    for name, column in columns.items():
        if name in given:
            settings[name] = _filled(given[name], column)
            continue
        useless = _useless(column, places)
        if useless is not None:
            left_out.append(name)
            findings.append(useless)
            continue
        every = [suits for kind in features if (suits := kind.suits(column)) is not None]  # type: ignore[attr-defined]
        found = [suits for suits in every if suits.score > NEAR]
        if not found:
            left_out.append(name)
            text = f"'{name}' ({column.dtype}) is of no known kind and is left out. To name one: --set 'features.\"{name}\".kind=…'"
            findings.append(Finding("warning", "unknown", text, name))
            continue
        best: Suits = max(found, key=lambda suits: suits.score)
        settings[name] = best.settings
        findings += _repeats(column)
        if best.score < SURE:
            findings += [_nearly(name, best, near) for near in every if near.score == NEAR]
        findings += [Finding("note", "choice", note, name) for note in best.notes]
    return Inferred(settings, tuple(left_out), tuple(findings))


def _nearly(name: str, best: Suits, near: Suits) -> Finding:
    """A kind that most cells speak for, but not enough of them."""
    text = (
        f"'{name}' is taken as a {best.settings.kind}, although {near.reason}. "
        f"To count the other cells as missing: --set 'features.\"{name}\".kind={near.settings.kind}'"
    )
    return Finding("warning", "nearly", text, name)


def _filled(given: Any, column: pl.Series) -> Any:
    """What a person named, with what they left open (how numbers and dates are written) as the cells tell it."""
    suits = type(given).suits(column)
    if suits is None:
        return given
    return suits.settings.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})


def _useless(column: pl.Series, places: np.ndarray | None) -> Finding | None:
    name, rows = column.name, len(column)
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object, pl.Time, pl.Duration):
        return None
    text = blank_to_null(column) if column.dtype == pl.String else column
    known = text.drop_nulls().drop_nans() if column.dtype.is_float() else text.drop_nulls()
    if not len(known):
        return Finding("warning", "all-missing", f"'{name}' is empty in every row and is left out.", name, rows)
    distinct = known.n_unique()
    if column.dtype == pl.String and distinct > 0.5 * len(known) and _sentences(known):
        text_ = f"'{name}' holds sentences; free text is not an input kind yet, so it is left out."
        return Finding("warning", "text", text_, name, rows)
    if distinct == 1 and len(known) == rows:
        value = str(known[0])[:40]
        return Finding("note", "constant", f"'{name}' is '{value}' in every row and is left out.", name, rows)
    if distinct == len(known) and rows >= 20 and _identifier(name, known, places):
        every = (kind.suits(known) for kind in features)  # type: ignore[attr-defined]
        near = next((suits for suits in every if suits is not None and suits.score == NEAR), None)
        although = "" if near is None else f", although {near.reason}"
        plain = "number" if parse_numbers(known).share >= 0.9 else "category"
        kind = plain if near is None else near.settings.kind
        text_ = (
            f"'{name}' is different in every row, like an identifier, and is left out{although}. "
            f"To use it: --set 'features.\"{name}\".kind={kind}'"
        )
        return Finding("warning", "identifier", text_, name, rows)
    return None


def _repeats(column: pl.Series) -> list[Finding]:
    """A warning where a column named like an identifier names many things, each in several rows."""
    name, known = column.name, column.drop_nulls()
    if not _ID_NAME.search(name) or column.dtype.is_nested() or len(known) < 50:
        return []
    distinct = known.n_unique()
    if not 0.1 * len(known) < distinct < len(known):
        return []
    text = (
        f"'{name}' looks like an identifier that repeats ({distinct} different in {len(known)} rows). If rows with the "
        f"same one belong together: --group '{name}'. If it means nothing: --ignore '{name}'"
    )
    return [Finding("warning", "group", text, name, distinct)]


def _sentences(known: pl.Series) -> bool:
    """Texts of several words, nearly all of them different."""
    cells = known.head(1000)
    words = cells.str.count_matches(r"\pL{2,}")
    blanks = cells.str.count_matches(r"\s+")
    return len(cells) >= 20 and float(words.median()) >= 5 and float(blanks.median()) >= 4  # type: ignore[arg-type]


def _identifier(name: str, known: pl.Series, places: np.ndarray | None) -> bool:
    """All cells differ: words that are no numbers, dates or pictures; or whole numbers that count rows or are named so."""
    parsed = parse_numbers(known)
    if parsed.share < 0.9:
        kinds = [suits for kind in features if (suits := kind.suits(known)) is not None]  # type: ignore[attr-defined]
        return not kinds or max(suits.score for suits in kinds) < 0.5
    values = parsed.values.drop_nulls()
    if not bool((values == values.round()).all()):
        return False
    return _counts_rows(values, places) or bool(_ID_NAME.search(name))


def _counts_rows(values: pl.Series, places: np.ndarray | None) -> bool:
    """Nearly all whole numbers of a range; or each value is its row's place in the table, from 0 or 1."""
    if len(values) < 50:
        return False
    low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]
    if high - low + 1 <= 1.05 * len(values):
        return True
    if places is None or len(places) != len(values):
        return False
    begins = values.to_numpy() - places
    return bool((begins == begins[0]).all()) and begins[0] in (0, 1)
