"""Values as text for people."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwright.page.cells import MISSING, clean, column, cut_inside, shorten, show

texts = st.text(alphabet=st.characters(codec=None), max_size=60)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, MISSING), (float("nan"), MISSING), (float("inf"), "∞"), (-float("inf"), "-∞"), (True, "yes"),
        (0, "0"), (-0.0, "0"), (7, "7"), (2019, "2019"), (10_000, "10,000"), (-1_234_567, "-1,234,567"),
        (10**18, "1.000e+18"),
        (10**400, "about 10^400"), (0.5, "0.5"), (0.123456, "0.1235"), (12.3456, "12.35"), (999.96, "1000"),
        (12345.6, "12,346"), (1e-7, "1e-07"), (1.23456e20, "1.235e+20"), ("a", "a"), ("", ""),
    ],
)  # fmt: skip
def test_shows_four_digits_and_groups(value, text):
    assert show(value) == text


@given(st.floats(-1.79e308, 1.79e308))
def test_what_is_shown_is_near_the_value(value):
    assert math.isclose(float(show(value).replace(",", "")), value, rel_tol=5.1e-4)


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(-(10**6), 10**6)), max_size=8))
def test_a_column_shows_the_same_values_with_even_decimals(values):
    for value, text in zip(values, column(values), strict=True):
        plain = show(value)
        assert text == plain or math.isclose(float(text.replace(",", "")), float(plain.replace(",", "")), rel_tol=1e-3)
        assert text.count(".") <= 1


def test_whole_numbers_in_a_column_get_no_decimals():
    assert column([700, 0.25, 3.0]) == ["700", "0.25", "3"]


@given(texts)
def test_clean_text_can_be_stored_and_steers_nothing(text):
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert len(cleaned) == len(text)
    assert not any(ord(sign) < 32 and sign not in "\n\t" for sign in cleaned)
    assert not set(cleaned) & set("\x7f\x9b\u202e\u2066\ud800\uffff")


@given(texts, st.integers(2, 20))
def test_cut_texts_keep_to_their_length(text, longest):
    assert len(shorten(text, longest)) <= longest
    assert len(cut_inside(text, longest)) <= longest
    assert shorten(text, 60) == cut_inside(text, 60) == text


def test_names_that_begin_alike_differ_after_cutting():
    assert len({cut_inside(f"a very long common beginning {k}", 16) for k in range(90)}) == 90
