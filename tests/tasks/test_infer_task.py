"""Which task suits a target."""

from datetime import date

import polars as pl
import pytest

from deepwright.core.errors import DataError
from deepwright.tasks import infer_task

WORDS = ["red", "green", "blue"] * 10


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"t": WORDS}, "classify"),
        ({"t": pl.Series(WORDS, dtype=pl.Categorical)}, "classify"),
        ({"t": pl.Series(WORDS, dtype=pl.Enum(["red", "green", "blue"]))}, "classify"),
        ({"t": [True, False, None]}, "classify"),
        ({"t": [0, 1] * 20}, "classify"),
        ({"t": [0.0, 1.0] * 20}, "classify"),
        ({"t": ["1", "2", "3"] * 20}, "classify"),
        ({"t": [k / 7 for k in range(50)]}, "regress"),
        ({"t": [f"{k},5" for k in range(50)]}, "regress"),
        ({"t": [f"{k} €" for k in range(50)]}, "regress"),
        ({"t": list(range(50))}, "regress"),
        ({"t": [str(k) for k in range(49)] + ["n/a"]}, "regress"),
        ({"t": [1.5, 2.5, 3.5, 4.5], "u": [1, 2, 3, 4]}, "regress"),
        ({"t": [["a", "b"], ["a"], []]}, "tag"),
        ({"t": ["a|b", "b", "a|c", "c|b", "a"] * 5}, "tag"),
        ({"t": ["a;b", "b", "a;c", "c;b", "a"] * 5}, "tag"),
        ({"t": ["yes", "no"] * 5, "u": [0, 1] * 5}, "tag"),
        ({"t": ["Lee, Ann", "Day, Bo"] * 5}, "classify"),
        ({"t": [None, None]}, "classify"),
    ],
)
def test_the_natural_task(columns, kind):
    suits = infer_task(pl.DataFrame(columns))
    assert suits.settings.kind == kind, suits
    assert suits.reason


def test_few_whole_numbers_are_labels_and_the_flag_is_told():
    (note,) = infer_task(pl.DataFrame({"t": [1, 2, 3, 4, 5] * 10})).notes
    assert "--task regress" in note
    (note,) = infer_task(pl.DataFrame({"t": ["a|b", "b", "a"] * 5})).notes
    assert "--task classify" in note


@pytest.mark.parametrize(
    "columns",
    [
        {"t": [date(2020, 1, 1)]},
        {"t": [b"x"]},
        {"t": [{"a": 1}]},
        {"t": ["a", "b"], "u": [1, 2]},
        {"t": [["a"], ["b"]], "u": [1, 2]},
        {"t": pl.Series([[1, 2]], dtype=pl.Array(pl.UInt8, 2))},
    ],
)
def test_what_no_task_learns_gives_a_sentence(columns):
    with pytest.raises(DataError, match="No task fits the target 't'"):
        infer_task(pl.DataFrame(columns))
