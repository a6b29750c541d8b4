"""Doctor: what is wrong or notable in the data. Asks no feature what it is: only for findings, fingerprints and columns."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

import numpy as np
import polars as pl
import torch

from deepwright.contracts import Finding
from deepwright.core.wording import percent
from deepwright.data.split import PARTS
from deepwright.preparation import Prepared

__all__ = ["examine", "looks_personal", "masked", "personal_cells"]

LEAK_ROWS = 20_000
MANY_COLUMNS = 30  # of one input, as estimators see it: no single one is looked at
BINS = 64
COMBINATIONS = 10  # times as many as rows: so many that columns could make, or equal rows are to be expected
SURE = 0.99  # of what a single column may explain before it is called a leak
STRICT = ("bad-values", "bad-target", "unreadable", "ragged")  # what --strict makes an error
_SHOWN = ContextVar("personal_cells", default=False)
_PERSONAL = re.compile(
    r"(^|[\s_.-])(first|last|full|sur|user|customer|patient)?[\s_.-]?(name|e-?mail|phone|mobile|address|street|ssn|passport|iban|birth(day|date)?|dob|zip|postcode)([\s_.-]|$)",
    re.IGNORECASE,
)
_MAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_PHONE = r"^\+?[\d\s()/-]{9,20}$"


@contextmanager
def personal_cells(shown: bool) -> Iterator[None]:
    """Whether reports made inside show cells that look personal."""
    token = _SHOWN.set(shown)
    try:
        yield
    finally:
        _SHOWN.reset(token)


def looks_personal(name: str, column: pl.Series) -> bool:
    """Whether cells may point at a person: by the column's name, or e-mail addresses and phone numbers in the cells.

    Never, where the person asked for their cells (`personal_cells`).
    """
    if _SHOWN.get():
        return False
    known = column.drop_nulls().head(1000)
    if _PERSONAL.search(name) and column.dtype != pl.Boolean and not column.dtype.is_nested():
        return known.n_unique() > min(3, 0.5 * len(known))  # "street: paved or gravel" points at nobody
    if column.dtype != pl.String:
        return False
    cells = known.head(200).str.strip_chars()
    if not len(cells):
        return False
    mails, phones = (
        cells.str.contains(_MAIL).mean(),
        (cells.str.contains(_PHONE) & cells.str.contains(r"[\s()+]")).mean(),
    )
    return bool(max(mails or 0.0, phones or 0.0) > 0.5)  # type: ignore[type-var]


def examine(prepared: Prepared) -> list[Finding]:
    """All findings, the gravest first."""
    found: list[Finding] = []
    for name, feature in prepared.features.items():
        column = prepared.data.table.select([name]).to_series()
        own = feature.findings(column)
        if looks_personal(name, column.head(1000)):
            own = [masked(finding) for finding in own]
            text = f"'{name}' looks personal: its cells are masked in reports. To leave it out of training: --ignore '{name}'"
            own.append(Finding("note", "personal", text, name))
        found += own
    found += _leaks(prepared) + _duplicates(prepared) + _few(prepared)
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def stricter(findings: Sequence[Finding]) -> list[Finding]:
    """The same with --strict: cells, rows and pictures that cannot be read are errors."""
    return [replace(one, severity="error") if one.code in STRICT else one for one in findings]


def masked(finding: Finding) -> Finding:
    """Without the cells that findings quote."""
    if "'" not in finding.text.replace(f"'{finding.column}'", ""):
        return finding
    text = f"'{finding.column}': {finding.code.replace('-', ' ')} in {finding.count} rows; the cells are not shown, since they look personal."
    return replace(finding, text=text, values=())


def _leaks(prepared: Prepared) -> list[Finding]:
    """Columns that alone give the target away, judged on training rows that the rule was not made from."""
    task = prepared.task
    if task is None:
        return []
    rows = prepared.rows("train").numpy()
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), LEAK_ROWS)).astype(int)]
    kind, known = task.table(prepared.packed.targets(torch.from_numpy(rows)))
    if known.shape[1] != 1 or len(rows) < 40:
        return []
    target = known[:, 0].numpy().astype(float)
    found = []
    for name, feature in prepared.features.items():
        cells = prepared.data.table.take(rows, [name])[name]
        if feature.baseline_columns(cells.head(1)).width > MANY_COLUMNS:
            continue
        flat = feature.baseline_columns(cells)
        columns = [np.unique(feature.fingerprint(cells), return_inverse=True)[1].astype(float)]  # labels taken together
        columns += [flat[column].to_numpy() for column in flat.columns]
        score = max(
            explained(column, target, kind == "labels", most)
            for column, most in zip(columns, [len(rows), *[BINS] * flat.width], strict=True)
        )
        if score >= SURE:
            text = (
                f"'{name}' alone gives the target {', '.join(task.targets)} away ({percent(score)} explained). If it is not known "
                f"at the time of the prediction, leave it out: --ignore '{name}'"
            )
            found.append(Finding("warning", "leak", text, name))
    return found


def explained(column: np.ndarray, target: np.ndarray, labels: bool, most: int = BINS) -> float:
    """How much of the target one column explains on every second row, learnt from the others: 0 as a constant, 1 fully.

    Args:
        most: distinct values that are looked at one by one; more are put into bins.
    """
    bins = _bins(column, most)
    size = int(bins.max()) + 1
    first, second = slice(0, None, 2), slice(1, None, 2)
    if labels:
        classes = target.astype(int)
        table = np.zeros((size, classes.max() + 1))
        np.add.at(table, (bins[first], classes[first]), 1)
        usual = np.bincount(classes[first]).argmax()
        table[table.sum(1) == 0, usual] = 1
        wrong = (table.argmax(1)[bins[second]] != classes[second]).mean()
        chance = (classes[second] != usual).mean()
        return float(1 - wrong / chance) if chance else 0.0
    known = np.isfinite(column)
    if most == BINS and known.mean() > 0.9 and _monotone(column[known], target[known]):
        return 1.0
    counts = np.bincount(bins[first], minlength=size)
    means = np.bincount(bins[first], target[first], size) / np.maximum(counts, 1)
    means[counts == 0] = target[first].mean()
    error = ((means[bins[second]] - target[second]) ** 2).mean()
    spread = ((target[second] - target[first].mean()) ** 2).mean()
    return float(1 - error / spread) if spread else 0.0


def _monotone(column: np.ndarray, target: np.ndarray) -> bool:
    """Whether one grows (or falls) with the other, nearly without exception."""
    a, b = _ranks(column), _ranks(target)
    return bool(a.std() and b.std() and abs(np.corrcoef(a, b)[0, 1]) > 0.9995)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places in order; equal values share the mean of theirs."""
    _, own, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[own]


def _bins(column: np.ndarray, most: int) -> np.ndarray:
    """Each distinct value a bin, or quantile bins where there are many; missing ones last."""
    missing = np.isnan(column)
    known = np.unique(column[~missing])
    if len(known) > most:
        known = np.unique(np.quantile(column[~missing], np.linspace(0, 1, BINS + 1)[:-1]))
    places = np.searchsorted(known, column, side="right")
    places[missing] = len(known) + 1
    return places


def _duplicates(prepared: Prepared) -> list[Finding]:
    """Rows of the test or validation part whose inputs are also among the training rows."""
    table, parts = prepared.data.table, prepared.parts
    whole, possible = np.zeros(table.height, np.uint64), 1.0
    many = COMBINATIONS * int((parts == PARTS["train"]).sum())
    for name, feature in prepared.features.items():
        prints = feature.fingerprint(table.select([name]).to_series()).astype(np.uint64)
        whole = (whole * np.uint64(0x9E3779B97F4A7C15)) ^ prints
        if possible < many:
            possible *= pl.Series(prints).n_unique()
    train = whole[parts == PARTS["train"]]
    if pl.Series(train).n_unique() < 0.5 * len(train) and possible < many:
        return []  # a table of few combinations: equal rows are nothing special
    shares, twins, grave = [], [], False
    for part in ("test", "validation"):
        own = np.flatnonzero(parts == PARTS[part])
        same = own[np.isin(whole[own], train)]
        if len(same):
            shares.append(f"{len(same)} of {len(own)} {part} rows")
            twins.append(same)
            grave |= len(same) > 0.02 * len(own)
    if not shares:
        return []
    rows = np.concatenate(twins)
    verb = "is" if len(rows) == 1 else "are"
    text = (
        f"{' and '.join(shares)} {verb} (nearly) the same as training rows, the first in row {rows[0] + 1}; figures on "
        f"them are too good. If rows belong together, name the column that says so with --group."
    )
    return [Finding("warning" if grave else "note", "duplicates", text, None, len(rows), int(rows[0]))]


def _few(prepared: Prepared) -> list[Finding]:
    rows = len(prepared.rows("train"))
    if rows >= 100:
        return []
    text = f"{rows} training rows are very few: figures will be uncertain"
    if prepared.recipe.creates and rows < 20:
        text += ", and what is created can hardly be anything but near copies of them, or noise"
    return [Finding("warning", "few-rows", f"{text}.", None, rows)]
