"""Which columns are learnt from: found out from some of the rows, claimed only of what is true of all."""

import numpy as np
import polars as pl
import pytest

from deepwright import inputs
from deepwright.draft import Draft
from deepwright.preparation import Prepared, prepare

ROWS = 1000


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "ROWS", 200)
    monkeypatch.setattr(inputs, "_BLOCKS", 5)


def prepared(columns: dict[str, object]) -> Prepared:
    draft = Draft()
    draft.put(("target",), ["y"], "test")
    chance = np.random.default_rng(0)
    return prepare(
        draft, source=pl.DataFrame({**columns, "x": chance.normal(size=ROWS), "y": chance.normal(size=ROWS)})
    )


def test_a_column_that_seldom_changes_is_not_said_to_be_the_same_in_every_row() -> None:
    seldom = ["no"] * ROWS
    for row in range(100, 190):  # between the blocks that are looked at
        seldom[row] = "yes"
    found = prepared({"seldom": seldom, "never": ["no"] * ROWS})
    assert "seldom" in found.features
    assert [finding.column for finding in found.findings if finding.code == "constant"] == ["never"]


def test_a_word_that_comes_twice_in_all_rows_is_no_identifier() -> None:
    words = [f"w{row % (ROWS // 2)}" for row in range(ROWS)]
    found = prepared({"word": words, "code": [f"{chr(97 + row % 26)}-{row}" for row in range(ROWS)]})
    left = [finding.column for finding in found.findings if finding.code == "identifier"]
    assert left == ["code"]
    assert "word" in found.features


def test_kinds_are_found_in_the_whole_table_and_not_at_its_beginning() -> None:
    """A table sorted by when a column came into use: its first tenth is empty."""
    late: list[str | None] = [None] * (ROWS // 10) + [f"{row}.5" for row in range(ROWS - ROWS // 10)]
    assert prepared({"late": late}).features["late"].kind == "number"


def test_a_row_counter_of_which_a_part_is_set_aside_is_left_out() -> None:
    found = prepared({"n": list(range(1, ROWS + 1)), "year": list(range(1900, 1900 + ROWS))})
    assert [finding.column for finding in found.findings if finding.code == "identifier"] == ["n"]
    assert "year" in found.features


def test_pictures_that_are_to_be_created_are_not_said_to_be_mirrored() -> None:
    """They are learnt as they are; where something is answered from them, they are changed."""
    chance = np.random.default_rng(0)
    pixels = pl.Series(list(chance.integers(0, 256, (200, 8, 8), dtype=np.uint8)), dtype=pl.Array(pl.UInt8, (8, 8)))
    table = pl.DataFrame({"p": pixels, "y": chance.normal(size=200)})
    said = []
    for words in ({"task": "generate"}, {"target": ["y"]}):
        draft = Draft()
        for name, value in words.items():
            draft.put((name,), value, "test")
        said.append(any("mirrored" in one.text for one in prepare(draft, source=table).findings))
    assert said == [False, True]
