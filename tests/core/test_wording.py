"""Figures in words: digits that an interval allows, and no more."""

import math

import pytest

from deepwright.core.wording import decimals_of, grouped, in_words, interval, number, plural


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        ((0.734564, 0.711853, 0.757275), "0.735 [0.712,\u00a00.757]"),
        ((0.0008497, 0.0000113, 0.0024961), "0.0008 [0.0000,\u00a00.0025]"),
        ((24203.1, 18964.2, 30902.9), "24,200 [19,000,\u00a030,900]"),
        ((9322.0, 8688.0, 10810.0), "9,300 [8,700,\u00a010,800]"),
        ((-0.0000136, -0.008633, -0.0000018), "0.0000 [-0.0086,\u00a00.0000]"),
        ((1.0, 1.0, 1.0), "1 [1,\u00a01]"),
        ((0.5, None, None), "0.5"),
        ((None, None, None), "–"),
    ],
)
def test_a_figure_has_the_digits_of_its_interval(figure: tuple[float | None, ...], text: str) -> None:
    assert interval(*figure) == text  # type: ignore[arg-type]


def test_half_the_width_keeps_two_digits() -> None:
    for power in range(-8, 9):
        low, high = 3 * 10.0**power, 7 * 10.0**power
        decimals = decimals_of(low, high)
        assert decimals is not None
        assert round((high - low) / 2 * 10**decimals) == 20


def test_figures_without_a_use_of_decimals() -> None:
    assert decimals_of(math.nan, 1.0) is None
    assert decimals_of(1.0, math.inf) is None
    assert (grouped(1e20, 2), grouped(math.inf, 2), grouped(math.nan, 2)) == ("1e+20", "∞", "–")
    assert in_words(3.0, None, 2.0) == ("3", "")


def test_numbers_and_counts() -> None:
    assert [number(value) for value in (None, 0.123456, 123456.0, 0.0, -0.0)] == ["–", "0.1235", "123,456", "0", "0"]
    assert [plural(1, "row"), plural(0, "row"), plural(2, "index", "indices")] == ["1 row", "0 rows", "2 indices"]
