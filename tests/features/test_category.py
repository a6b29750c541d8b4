"""Categories: one place a label however it is spelt; rare and unseen ones share one."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwright.features.category import Category, spelling
from tests.features.plain import codes, fitted, inferred


def column(cells: Any, dtype: Any = None) -> pl.Series:
    return pl.Series("c", cells, dtype=dtype)


def ids(train: Any, new: Any = None, dtype: Any = None, **settings: Any) -> list[int]:
    feature = fitted(Category(**{"rare": 1, **settings}), column(train, dtype))
    return feature.encode(column(train if new is None else new, dtype)).values[:, 0].tolist()


@pytest.mark.parametrize(
    "group",
    [["New York", "new york ", "NEW-YORK", "New  York", "new_york"], ["Straße", "STRASSE"], ["café", "cafe\u0301"],
     ["1", "1.0", "1.00"], ["True", "true", "TRUE"]],
)  # fmt: skip
def test_spellings_of_one_label_are_one(group: list[str]) -> None:
    assert len({spelling(label) for label in group}) == 1
    assert len(set(ids([*group, "other"]))) == 2
    assert len(set(ids([*group, "other"], merge_spellings=False))) == len({cell.strip() for cell in group}) + 1


@pytest.mark.parametrize("pair", [("A+", "A-"), ("1-2", "12"), ("-1", "1"), ("+", "-"), ("<5", ">5"), ("01", "1"), ("1.5", "15"),
                                  ("a b", "ab"), ("C", "C++"), ("10.0.1", "10.1"), ("1.05", "1.5"), ("1 2", "1-2")])  # fmt: skip
def test_different_labels_stay_apart(pair: tuple[str, str]) -> None:
    assert spelling(pair[0]) != spelling(pair[1])
    assert len(set(ids([*pair]))) == 2


def test_the_usual_spelling_is_shown_and_the_others_are_told_of() -> None:
    cells = column(["red", "red", "Red ", "RED", "blue", "blue"])
    feature = inferred(Category, cells)
    assert feature.labels == ("red", "blue")
    assert feature.decode(feature.encode(cells)).to_list() == ["red"] * 4 + ["blue"] * 2
    (finding,) = feature.findings(cells)
    assert finding.code == "spellings"
    assert "'c' spells 1 category in several ways, taken as one: 'RED' = 'Red' = 'red'." in finding.text


def test_unseen_spellings_of_known_labels_are_known() -> None:
    assert ids(["new york", "rome"], ["NEW YORK", "Rome", "Oslo", "", None]) == [2, 3, 1, 0, 0]


def test_rare_labels_share_a_place_with_unseen_ones() -> None:
    cells = ["a"] * 5 + ["b"] * 2 + ["c", "d"]
    feature = fitted(Category(), column(cells))
    assert feature.labels == ("a", "b")
    assert feature.encode(column(["c", "never", "b"])).values[:, 0].tolist() == [1, 1, 3]
    assert codes(feature, column(cells)) == {"rare": 2}
    assert feature.decode(feature.encode(column(["c", "a", None]))).to_list() == ["(other)", "a", None]


def test_only_the_most_frequent_labels_are_kept() -> None:
    cells = [f"label {n}" for n in range(6000) for _ in range(2)] + ["label 5999"] * 3
    feature = fitted(Category(), column(cells))
    assert len(feature.labels) == 5000
    assert feature.labels[0] == "label 5999"
    assert feature.space.size == 5002
    assert len(fitted(Category(most=3), column(cells)).labels) == 3


@pytest.mark.parametrize(
    ("cells", "dtype", "labels"),
    [
        ([3, 1, 3, 1], None, {"1", "3"}),
        ([1.0, 2.0, None, float("nan"), float("inf")], None, {"1", "2"}),
        ([1.0, 2.5, 1.0], None, {"1", "2.5"}),
        ([1e18, 1e300], None, {"1e+18", "1e+300"}),
        ([True, False, None], None, {"true", "false"}),
        (["x", "y"], pl.Categorical, {"x", "y"}),
        (["x", "y"], pl.Enum(["x", "y"]), {"x", "y"}),
    ],
)
def test_any_plain_column_can_hold_labels(cells: list[Any], dtype: Any, labels: set[str]) -> None:
    feature = fitted(Category(rare=1), column(cells, dtype))
    assert set(feature.labels) == labels
    assert feature.encode(column(cells, dtype)).values[:, 0].min() >= (0 if None in cells else 2)


def test_the_same_number_is_the_same_label_whatever_stands_beside_it() -> None:
    """Whole floats used to lose their point only where all cells of a chunk were whole."""
    feature = fitted(Category(rare=1), column([1.0, 2.0]), column([1.0, 2.5]))
    assert feature.labels == ("1", "2", "2.5")
    assert feature.encode(column([1, 2])).values.tolist() == feature.encode(column([1.0, 2.0])).values.tolist()
    assert feature.encode(column(["1.0", "2"])).values.tolist() == feature.encode(column([1.0, 2.0])).values.tolist()


WORDS = st.lists(
    st.one_of(st.none(), st.sampled_from(["a", "A", "b", " b", "c-d", "c d", "", "e+", "e-", "1", "2"])), max_size=40
)


@given(WORDS, st.integers(0, 40), st.booleans())
def test_chunks_in_any_order_make_the_same_feature(cells: list[str | None], cut: int, merge: bool) -> None:
    settings = Category(merge_spellings=merge)
    whole = fitted(settings, column(cells, pl.String))
    assert fitted(settings, column(cells[cut:], pl.String), column(cells[:cut], pl.String)) == whole


@given(WORDS)
def test_every_cell_has_a_place_and_comes_back(cells: list[str | None]) -> None:
    feature = fitted(Category(rare=1), column(cells, pl.String))
    places = feature.encode(column(cells, pl.String)).values[:, 0]
    assert places.shape == (len(cells),)
    back = feature.decode(feature.encode(column(cells, pl.String))).to_list()
    for cell, place, label in zip(cells, places.tolist(), back, strict=True):
        if cell is None or not cell.strip():
            assert (place, label) == (0, None)
        else:
            assert place >= 2
            assert spelling(label) == spelling(cell)


def test_an_empty_column_is_only_missing() -> None:
    feature = fitted(Category(), column([None, ""], pl.String))
    assert feature.space.size == 2
    assert feature.encode(column(["x", None])).values[:, 0].tolist() == [1, 0]
    assert feature.baseline_columns(column(["x", None])).shape == (2, 1)
    assert Category.suits(column([None, ""], pl.String)) is None


def test_baselines_see_the_frequent_labels() -> None:
    cells = [f"label {n:02d}" for n in range(30) for _ in range(30 - n)]
    feature = fitted(Category(rare=1), column(cells))
    flat = feature.baseline_columns(column(["label 00", "label 25", "new", None]))
    assert flat.width == 21
    assert flat["c: label 00"].to_list() == [1, 0, 0, 0]
    assert flat["c: share"].to_list()[:3] == pytest.approx([30 / len(cells), 5 / len(cells), 0])
    assert flat["c: share"].is_nan().to_list() == [False, False, False, True]


def test_fingerprints_see_the_label_and_not_the_spelling() -> None:
    feature = fitted(Category(rare=1), column(["a b", "c"]))
    one, other, apart, gone = feature.fingerprint(column(["A-B", "a b ", "c", None]))
    assert one == other != apart
    assert gone not in (one, apart)


def test_a_column_that_is_mostly_rare_labels_is_warned_of() -> None:
    mixed = pl.Series("note", [f"word {n}" for n in range(30)] + ["yes"] * 20)
    (finding,) = (one for one in fitted(Category(), mixed).findings(mixed) if one.code == "rare")
    assert finding.severity == "warning"
    assert "60% of its cells" in finding.text
    assert "--ignore 'note'" in finding.text
    few = pl.Series("note", ["word"] + ["yes"] * 40)
    assert [one.severity for one in fitted(Category(), few).findings(few) if one.code == "rare"] == ["note"]
