"""Whether the data is as it was, before any work: the file and the row that is not."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from deepwright.core.wording import number, plural
from deepwright.data.row_hashes import changed_rows
from deepwright.verbs.reproduce.differences import Difference

__all__ = ["in_data"]


def in_data(then: Mapping[str, Any], now: Mapping[str, Any]) -> Difference | None:
    """Rows that are not as they were; None where all rows that count are, or nothing can be told before training.

    Args:
        then, now: "data" of the two records, with "origin", "rows", "files" (path → hash), "targets" and, where they are
            known, "hashes" (of rows) and "tests" (how many of the rows, the last ones, are those of a test file). now also
            has "test" (the name of that file; None), "row" (what a row is called) and, with "hashes", "missing" (columns).
    """
    if "hashes" not in now:
        return None
    if now["missing"]:
        return _without_column(now)
    before, after = list(then["files"].values()), list(now["files"].values())
    if then["rows"] != now["rows"]:
        return _other_number(then, now)
    if "hashes" not in then or bool(before) != bool(after):  # cells in memory may be written otherwise than in a file
        if then.get("targets") is None or then["targets"] == now.get("targets"):
            return None
        where = _changed_file(then["files"], now["files"]) or now["origin"]
        return Difference("data", f"{where} holds other rows than then", *_hashes(before, after))
    rows = _changed_rows(then, now)
    if rows is None:
        return None
    return Difference("data", f"{_among(rows, then, now)} is not as it was", *_hashes(before, after))


def _without_column(now: Mapping[str, Any]) -> Difference:
    """A column that the run learnt from is not there."""
    name, *others = now["missing"]
    more = f", nor {plural(len(others), 'other')}" if others else ""
    text = f"{now['origin']} does not have the column '{name}' that the run uses{more}"
    return Difference("data", text, "there", "not there")


def _other_number(then: Mapping[str, Any], now: Mapping[str, Any]) -> Difference:
    """One of the two files has more rows than then, or fewer."""
    where = _changed_file(then["files"], now["files"]) or now["origin"]
    had, has, before = then["rows"], now["rows"], 0  # before: rows of the file that lies before it
    if then.get("tests") is not None:
        first = had - then["tests"], has - now["tests"]
        if first[0] == first[1]:
            where, had, has, before = now["test"] or where, then["tests"], now["tests"], first[0]
        else:
            where, (had, has) = now["origin"], first
    rows = _changed_rows(then, now)
    told = ""
    if rows is not None and rows[1] < before + min(had, has):  # not merely where it ends now, which the numbers tell
        told = f"; the first that is not as it was is {_among(rows, then, now)}"
    counts = (plural(had, now["row"]), plural(has, now["row"]))
    return Difference("data", f"{where} had {counts[0]} and has {number(has)}{told}", *counts)


def _changed_rows(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[int, int] | None:
    """The first rows that are not as they were; None where that cannot be told, or all are."""
    if "hashes" not in then or then["hashes"]["size"] != now["hashes"]["size"]:
        return None
    return changed_rows(then["hashes"], now["hashes"], now["rows"])


def _among(rows: tuple[int, int], then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The rows as the file in which they lie counts them."""
    first, last = rows
    changed = _changed_file(then["files"], now["files"])
    place, training = now["origin"], now["rows"] - (now["tests"] or 0)
    if now["test"] is not None and (first > training or changed == now["test"] != now["origin"]):
        first, last, place = max(1, first - training), last - training, now["test"]
    elif now["test"] is not None:
        last = min(last, training)
    row = now["row"]
    which = f"{row} {number(first)}" if first == last else f"one of the {row}s {number(first)} to {number(last)}"
    if changed is None or changed in (now["origin"], now["test"]):
        return f"{which} of {place}"
    return f"{changed} ({which} of {place})"


def _changed_file(then: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """The first file with another content, by its present name."""
    known = [*then.values(), *[None] * len(now)]
    return next(
        (Path(path).name for before, (path, digest) in zip(known, now.items(), strict=False) if before != digest), None
    )


def _hashes(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    """The hashes of the first two files that differ, shortened."""
    first = next(((a, b) for a, b in zip_longest(before, after, fillvalue="") if a != b), ("", ""))
    return first[0][:12], first[1][:12]
