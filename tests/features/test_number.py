"""Numbers: read as they are written, scaled robustly, bent smoothly, and the same in whatever order chunks come."""

from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.contracts import NEAR
from deepwright.features.number import Number
from deepwright.fields import Field
from tests.features.plain import codes, fitted, inferred

COUNT = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-5, 5).map(float)), min_size=1, max_size=60)


def column(cells: Any, dtype: Any = None) -> pl.Series:
    return pl.Series("x", cells, dtype=dtype)


def values(cells: Any, train: Any = None) -> list[float]:
    feature = inferred(Number, column(train if train is not None else cells))
    return feature.encode(column(cells)).values[:, 0].tolist()


@pytest.mark.parametrize(
    ("cells", "known"),
    [
        (["1.5", "2", " 3 ", "-4e1"], [1.5, 2, 3, -40]),
        (["1,5", "2,0", "3,25"], [1.5, 2, 3.25]),
        (["1,234.5", "12", "1,000,000"], [1234.5, 12, 1e6]),
        (["1.234,5", "12", "1.000.000"], [1234.5, 12, 1e6]),
        (["$5", "$6.50", "-$7"], [5, 6.5, -7]),
        (["12 kg", "13 kg", "7.5 kg"], [12, 13, 7.5]),
        ([1, 2, 3], [1, 2, 3]),
        ([2**62, 5], [2.0**62, 5]),
    ],
)
def test_numbers_are_read_as_written_and_written_back(cells: list[Any], known: list[float]) -> None:
    feature = inferred(Number, column(cells))
    back = feature.decode(feature.encode(column(cells))).to_list()
    assert back == pytest.approx(known, rel=1e-5)


def test_few_wrong_cells_count_as_missing_and_are_listed_once() -> None:
    cells = column([*(str(n) for n in range(95)), "n/a", "<0,1", "n/a", "?", None])
    feature = inferred(Number, cells)
    assert feature.encode(cells).values[-5:, 1].tolist() == [1.0] * 5
    found = {finding.code: finding for finding in feature.findings(cells)}
    assert found["bad-values"].values == ("n/a", "<0,1", "?")
    assert (found["bad-values"].count, found["bad-values"].row) == (4, 95)
    assert "'n/a' (2×, first in row 96)" in found["bad-values"].text
    assert found["missing"].count == 1


def test_a_column_of_more_than_a_tenth_words_is_no_number() -> None:
    assert Number.suits(column(["1"] * 89 + ["x"] * 11)).score == NEAR  # type: ignore[union-attr]
    assert Number.suits(column(["1"] * 49 + ["x"] * 51)) is None
    assert Number.suits(column(["1", "2"] * 45 + ["x"] * 10)) is not None


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["1,5", "2,25"], "decimal comma"),
        (["1,234", "12,500"], "',' between thousands"),
        (["5 kg", "7 kg"], "carries 'kg', which was taken off"),
        (["01234", "99999", "00501"], "leading zeros"),
        (["9007199254740993", "9007199254740994"], "too large to be told apart"),
        (["0.5", "0", "10"], ""),
        ([9007199254740993.5, 1e300, 0.5], ""),
    ],
)
def test_how_numbers_are_written_is_told(cells: list[Any], told: str) -> None:
    suits = Number.suits(column(cells))
    assert suits is not None
    assert [told in note for note in suits.notes] == [True] * bool(told)


@pytest.mark.parametrize(
    ("cells", "hidden"),
    [
        ([*range(20)] * 5 + [999] * 5, (999.0,)),
        ([0, 1, 2, 3] * 20 + [-9] * 5, (-9.0,)),
        ([*range(990, 1010)] * 3, ()),
        ([*range(2000)] + [999] * 5, ()),
        ([*range(20)] * 5 + [999], ()),
        ([-3, 0, 3] * 20 + [-9] * 5, ()),
        ([*range(18, 80)] * 5 + [99] * 5, ()),
    ],
)
def test_codes_for_not_known_lie_far_away_and_repeat(cells: list[int], hidden: tuple[float, ...]) -> None:
    suits = Number.suits(column(cells))
    assert suits is not None
    assert suits.settings.missing == hidden
    found = inferred(Number, column(cells)).findings(column(cells))
    told = [text for text in (*suits.notes, *(finding.text for finding in found)) if "as missing" in text]
    assert len(told) == bool(hidden)
    assert not hidden or f"{hidden[0]:g}" in told[0]


@settings(max_examples=60, deadline=None)
@given(COUNT, st.randoms())
def test_chunks_in_any_order_make_the_same_feature(cells: list[float | None], chance: Any) -> None:
    whole = fitted(Number(), column(cells, pl.Float64))
    cuts = sorted(chance.choices(range(len(cells) + 1), k=3))
    chunks = [cells[a:b] for a, b in zip([0, *cuts], [*cuts, len(cells)], strict=True)]
    chance.shuffle(chunks)
    parts = fitted(Number(), *(column(chunk, pl.Float64) for chunk in chunks))
    assert parts == whole


def test_a_long_column_is_sampled_the_same_in_any_order_of_chunks() -> None:
    cells = np.random.default_rng(0).lognormal(size=150_000)
    chunks = [column(part) for part in np.array_split(cells, 4)]
    one, other = fitted(Number(), *chunks), fitted(Number(), *reversed(chunks))
    assert one == other
    assert one.centre == pytest.approx(np.median(cells), rel=0.02)
    assert (one.low, one.high) == (cells.min(), cells.max())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30, unique=True))
def test_scaling_keeps_the_order_and_the_limits(cells: list[float]) -> None:
    ordered = sorted(cells)
    x = values(ordered)
    assert all(np.isfinite(x))
    assert all(a <= b for a, b in pairwise(x))
    assert max(map(abs, x)) <= 4.0
    feature = inferred(Number, column(ordered))
    back = feature.decode(feature.encode(column(ordered))).to_numpy()
    assert ordered[0] <= back.min()
    assert back.max() <= ordered[-1]


@given(st.lists(st.floats(-1e3, 1e3), min_size=5, max_size=50))
def test_what_is_decoded_is_what_was_encoded(cells: list[float]) -> None:
    feature = inferred(Number, column(cells))
    spread = feature.scale
    near = np.abs(np.array(cells) - feature.centre) < 10 * spread  # farther out float32 bends too much together
    back = feature.decode(feature.encode(column(cells))).to_numpy()
    assert np.allclose(back[near], np.array(cells)[near], atol=1e-3 * spread, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-300, 1e-19, 1e-6, 1.0, 1e9, 1e300])
def test_the_unit_makes_no_difference(size: float) -> None:
    """Coulombs and metres of atoms used to be taken for a constant."""
    cells = [1.0, 2.0, 3.0, 5.0, 8.0]
    assert values([size * cell for cell in cells]) == pytest.approx(values(cells), rel=1e-4)


@pytest.mark.parametrize("cells", [[5.0] * 5, [7], [0], [1e300] * 3, [0.1 + 0.2, 0.3, 0.3, 0.3], [1e9, 1e9]])
def test_a_constant_is_zero(cells: list[float]) -> None:
    assert values(cells) == pytest.approx([0.0] * len(cells), abs=1e-6)


@pytest.mark.parametrize("share", [0.02, 0.06, 0.2, 0.4])
def test_where_most_are_zero_the_others_stay_apart(share: float) -> None:
    """Their scale used to come from between the zeros and the first other value, so that all of them met at the limit."""
    others = np.arange(1, 101, dtype=float)
    x = values([*others, *[0.0] * round(100 / share - 100)])
    low, middle, high = x[9], x[49], x[89]
    assert middle - low > 0.2
    assert high - middle > 0.2
    assert x[-1] == pytest.approx(0.0, abs=0.01)


def test_infinities_and_nothings_are_missing() -> None:
    cells = column([float("inf"), 1.0, float("nan"), 2.0, None, -float("inf")])
    feature = inferred(Number, cells)
    assert feature.encode(cells).values[:, 1].tolist() == [1, 0, 1, 0, 1, 1]
    assert feature.decode(feature.encode(cells)).to_list() == [None, 1, None, 2, None, None]


def test_missing_only_in_new_data_is_the_middle() -> None:
    assert values([None, 2.0, 1e300, -1e300], train=[1.0, 2.0, 3.0]) == [0.0, 0.0, 4.0, -4.0]


def test_a_column_without_any_number_is_only_missing() -> None:
    feature = fitted(Number(), column(["", None], pl.String))
    assert feature.encode(column(["1", ""])).values[:, 1].tolist() == [0.0, 1.0]
    assert Number.suits(column([None, None], pl.Float64)) is None


def test_whole_numbers_stay_whole_as_long_as_they_are_exact() -> None:
    feature = inferred(Number, column([1, 2, 3, None]))
    assert feature.decode(feature.encode(column([2, None]))).dtype == pl.Int64
    feature = inferred(Number, column([2**63 - 1, 1, 2]))
    assert feature.decode(feature.encode(column([1, 2]))).dtype == pl.Float64
    chunks = [column([float(n) for n in range(70_000)]), column([0.5])]
    assert not fitted(Number(), *chunks).whole


def test_decoded_numbers_have_no_more_digits_than_those_that_were_learnt() -> None:
    feature = fitted(Number(), column([f"{k / 4:.2f}" for k in range(40)]))
    between = Field(torch.tensor([[0.123456], [-0.4567]]))
    assert feature.decode(between).to_list() == [round(cell, 2) for cell in feature.decode(between).to_list()]
    free = fitted(Number(), column([k / 7 for k in range(40)]))
    assert free.decode(between)[0] != round(free.decode(between)[0], 6)


def test_far_values_are_told_of_but_kept() -> None:
    cells = column([*np.linspace(0, 1, 100), 500.0])
    feature = inferred(Number, cells)
    assert codes(feature, cells) == {"outliers": 1}
    assert feature.encode(cells).values[-1, 0].item() == pytest.approx(4.0, abs=1e-3)


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt64, pl.Float32, pl.Decimal(10, 2), pl.Int128])
def test_every_type_of_number(dtype: Any) -> None:
    cells = column([1, 2, 3, 4]).cast(dtype)
    feature = inferred(Number, cells)
    assert feature.decode(feature.encode(cells)).to_list() == [1, 2, 3, 4]


def test_nearly_equal_numbers_have_one_fingerprint() -> None:
    feature = inferred(Number, column(np.linspace(0, 1, 50)))
    near, same, far, gone = feature.fingerprint(column([0.5, 0.5 + 1e-9, 0.6, None]))
    assert near == same != far
    assert gone not in (near, far)


def test_baselines_see_the_raw_number() -> None:
    feature = inferred(Number, column(["1,5", "2,5", "3,5"]))
    flat = feature.baseline_columns(column(["2,5", "", "x"]))
    assert flat.columns == ["x"]
    assert flat["x"][0] == 2.5
    assert flat["x"].is_nan().to_list() == [False, True, True]


def test_digits_that_say_nothing_are_not_shown() -> None:
    column = pl.Series("x", ["354.98799999803305", "21535", "0.1", "0123456789012345", None])
    fitted = Number().fit(Number().summarise(column), "x")
    assert fitted.show(column) == ["354.988", "21535", "0.1", "0123456789012345", "–"]
