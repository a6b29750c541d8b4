"""Axes with round ticks, for any numbers at all."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwright.page.axes import linear, logarithmic, span, tick_labels, ticks

numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(numbers, max_size=10), st.booleans())
def test_every_finite_value_lies_on_the_axis(values, zero):
    low, high = span(values, zero)
    axis = linear(low, high, 10, 200)
    known = [value for value in values if math.isfinite(value)]
    assert all(10 <= axis.at(value) <= 200 for value in known)
    assert all(10 - 1e-6 <= axis.at(tick) <= 200 + 1e-6 for tick in axis.ticks)
    assert 1 <= len(axis.ticks) <= 12
    assert list(axis.ticks) == sorted(set(axis.ticks))
    if zero:
        assert 10 <= axis.at(0.0) <= 200


@given(st.lists(numbers, max_size=10))
def test_a_logarithmic_axis_holds_every_positive_value(values):
    axis = logarithmic(values, 0, 100)
    known = [value for value in values if math.isfinite(value) and value > 0]
    assert (axis is None) == (not known)
    if axis is not None:
        assert all(-1e-6 <= axis.at(value) <= 100 + 1e-6 for value in known)
        assert all(tick > 0 for tick in axis.ticks)
        assert len(axis.ticks) <= 12


@given(st.floats(-1e12, 1e12), st.floats(1e-3, 1e12))
def test_labels_of_different_ticks_differ(low, size):
    values = ticks(low, low + size) if low + size > low else ()
    labels = tick_labels(values)
    if abs(low) < size * 1e6:
        assert len(set(labels)) == len(values)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0")),
        (-3, 9, ("-2", "0", "2", "4", "6", "8")),
        (0, 51_000, ("0", "10,000", "20,000", "30,000", "40,000", "50,000")),
        (0, 2.4e8, ("0", "5×10⁷", "10⁸", "1.5×10⁸", "2×10⁸")),
    ],
)
def test_ticks_are_round(low, high, labels):
    assert linear(low, high, 0, 1).labels == labels


def test_powers_of_ten_on_a_logarithmic_axis():
    assert logarithmic([1e-5, 1e-1], 0, 1).labels == ("10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1")
