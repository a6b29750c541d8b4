"""What each column is: kinds, identifiers, constants, and what nobody can use."""

from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from deepwright.features import Category, infer_features
from deepwright.features.infer import Inferred

ROWS = 200
CHANCE = np.random.default_rng(0)
PLACES = np.flatnonzero(CHANCE.random(2 * ROWS) < 0.65)  # training rows of a table
SENTENCES = [
    f"The customer called on day {n} and said that parcel {n * 7} was late again, which is a shame."
    for n in range(ROWS)
]


def infer(cells: Any, name: str = "x", dtype: Any = None) -> Inferred:
    return infer_features({name: pl.Series(name, cells, dtype=dtype)}, {})


def code(cells: Any, name: str = "x", dtype: Any = None) -> str:
    found = infer(cells, name, dtype)
    assert found.left_out == (name,)
    assert found.settings == {}
    (finding,) = found.findings
    assert finding.column == name
    return finding.code


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([f"{v:.2f}" for v in CHANCE.normal(size=ROWS)], "number"),
        (CHANCE.integers(0, 1000, ROWS), "number"),
        ([Decimal(n % 90) for n in range(ROWS)], "number"),
        (["1", "2", "3", "?"] * 3 + ["4"] * ROWS, "number"),
        (["red", "green"] * 100, "category"),
        (["yes", "no"] * 100, "flag"),
        ([0, 1] * 100, "flag"),
        ([True, False, None] * 60, "flag"),
        ([f"2024-01-{1 + n % 28:02d}" for n in range(ROWS)], "date"),
        ([date(2000, 1, 1) + timedelta(days=n) for n in range(ROWS)], "date"),
        ([f"2024-01-01 {n // 60:02d}:{n % 60:02d}" for n in range(ROWS)], "date"),
        ([f"{n % 30} {['apples', 'pears'][n % 2]}" for n in range(ROWS)], "category"),
    ],
)
def test_kinds_follow_from_the_cells(cells: Any, kind: str) -> None:
    assert infer(cells).settings["x"].kind == kind


def test_what_a_person_named_is_taken_as_it_is() -> None:
    given = Category(rare=9)
    column = pl.Series("x", range(ROWS))
    assert infer_features({"x": column}, {"x": given}).settings == {"x": given}


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        ([f"C-{n:05d}-{n * 7919 % 10007}" for n in range(ROWS)], "customer"),
        (range(1, ROWS + 1), "x"),
        ([str(n) for n in range(ROWS)], "row"),
        (CHANCE.permutation(10_000_000)[:ROWS], "customer_id"),
        (CHANCE.permutation(10_000_000)[:ROWS], "CustomerID"),
        ([f"u{n * 7919:x}z" for n in range(ROWS)], "x"),
    ],
)  # fmt: skip
def test_identifiers_are_left_out_and_can_be_asked_for(cells: Any, name: str) -> None:
    assert code(cells, name) == "identifier"
    (finding,) = infer(cells, name).findings
    kind = "number" if str(cells[-1]).isdigit() else "category"
    assert f'--set \'features."{name}".kind={kind}' in finding.text


def test_a_counter_is_known_by_the_places_of_its_training_rows() -> None:
    def left_out(cells: Any, places: np.ndarray | None = PLACES) -> bool:
        return bool(infer_features({"x": pl.Series("x", cells)}, {}, places).left_out)

    assert left_out(PLACES)
    assert left_out([str(n + 1) for n in PLACES])
    assert not left_out(PLACES, None)
    assert not left_out(PLACES + 1900)  # years
    assert not left_out(CHANCE.permutation(PLACES))  # ranks
    assert not left_out([d for d in range(2 * ROWS) if d % 7 < 5][: len(PLACES)])  # days of trade
    assert not left_out(3 * PLACES)


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        (CHANCE.normal(size=ROWS), "id"),
        (CHANCE.permutation(10_000_000)[:ROWS], "price"),
        ([f"{v:.4f}" for v in CHANCE.normal(size=ROWS)], "number"),
        ([date(2000, 1, 1) + timedelta(days=3 * n) for n in range(ROWS)], "day_id"),
        (["a", "b", "c"], "id"),
    ],
)
def test_quantities_and_dates_are_no_identifiers(cells: Any, name: str) -> None:
    assert infer(cells, name).left_out == ()


@pytest.mark.parametrize(
    ("cells", "dtype", "expected"),
    [
        (["same"] * ROWS, None, "constant"),
        ([5.0] * ROWS, None, "constant"),
        ([None] * ROWS, pl.String, "all-missing"),
        ([None] * ROWS, pl.Null, "all-missing"),
        (["", " "] * 100, None, "all-missing"),
        ([float("nan")] * ROWS, None, "all-missing"),
        ([[1, 2], [3]] * 100, None, "unknown"),
        ([{"a": 1}, {"a": 2}] * 100, None, "unknown"),
        ([time(1, n % 60) for n in range(ROWS)], None, "unknown"),
        ([timedelta(minutes=n) for n in range(ROWS)], None, "unknown"),
        ([object(), "x"] * 100, pl.Object, "unknown"),
        (SENTENCES, None, "text"),
        ([*SENTENCES[:150], *SENTENCES[:50]], None, "text"),
        ([*SENTENCES[:150], *[None] * 50], None, "text"),
    ],
)
def test_what_cannot_be_learnt_from_is_left_out_and_said(cells: list[Any], dtype: Any, expected: str) -> None:
    assert code(cells, dtype=dtype) == expected


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([f"{n % 90}.5" if n % 4 else "many" for n in range(ROWS)], "number"),
        ([f"2024-01-{1 + n % 28:02d}" if n % 4 else "soon" for n in range(ROWS)], "date"),
        (["13/01/2020", "01/14/2020", "2020-01-15", "16.1.2020"] * 50, "date"),
        (["a.png", "b.png"] * 100, "image"),
    ],
)
def test_a_column_that_is_nearly_something_else_is_told(cells: list[str], kind: str) -> None:
    found = infer(cells)
    assert found.settings["x"].kind == "category"
    (finding,) = [one for one in found.findings if one.code == "nearly"]
    assert finding.severity == "warning"
    assert finding.text.endswith(f"--set 'features.\"x\".kind={kind}'")


def test_gaps_in_words_leave_a_number_a_number() -> None:
    found = infer([f"{n}.5" if n % 3 else "NA" for n in range(ROWS)])
    assert found.settings["x"].kind == "number"


def test_an_identifier_that_is_nearly_something_else_says_so() -> None:
    found = infer([f"{n}.5" if n % 4 else f"about {n}" for n in range(ROWS)])
    assert found.left_out == ("x",)
    assert "although 75\u00a0% of the cells are numbers" in found.findings[0].text
    assert found.findings[0].text.endswith("kind=number'")


def test_a_constant_with_gaps_says_something() -> None:
    assert infer(["x"] * 150 + [None] * 50).left_out == ()


def test_free_text_is_named_as_such() -> None:
    (finding,) = infer(SENTENCES, "remarks").findings
    assert finding.severity == "warning"
    assert "free text is not an input kind yet" in finding.text


def test_labels_of_several_words_are_no_free_text() -> None:
    cells = [
        f"{a} of the {b} in {c}" for a in ("House", "Garden") for b in ("red", "old", "new") for c in ("Bonn", "Rome")
    ]
    assert infer(cells * 20).settings["x"].kind == "category"


def test_choices_are_told_with_the_flag_that_changes_them() -> None:
    (finding,) = infer(["1/2/2024", "3/4/2024"] * 100).findings
    assert (finding.severity, finding.code) == ("note", "choice")
    assert '--set \'features."x".form=' in finding.text
