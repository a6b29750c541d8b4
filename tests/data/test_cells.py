"""Numbers as people write them."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.data.cells import BadCells, blank_to_null, decimal_sign, parse_numbers


def parsed(*cells, **ways):
    return parse_numbers(pl.Series("c", cells, dtype=pl.String), **ways)


@pytest.mark.parametrize(
    ("cells", "values", "decimal", "thousands"),
    [
        (("1", "-2.5", "+.5", "3.", "1e3", " 4 "), [1, -2.5, 0.5, 3, 1000, 4], ".", ""),
        (("1,234.50", "12", "1,000,000"), [1234.5, 12, 1e6], ".", ","),
        (("1.234,50", "12", "1.000.000"), [1234.5, 12, 1e6], ",", "."),
        (("1 234", "12,5", "3"), [1234, 12.5, 3], ",", " "),
        (("1\u202f234,5", "12\u00a0000"), [1234.5, 12000], ",", " "),
        (("1'234.5", "12’000"), [1234.5, 12000], ".", "'"),
        (("1'234,5", "12"), [1234.5, 12], ",", "'"),
        (("1,5", "2,25"), [1.5, 2.25], ",", ""),
        (("1,234", "999", "12,345"), [1234, 999, 12345], ".", ","),
        (("0,234", "1,250"), [0.234, 1.25], ",", ""),
        (("1,234", "2,5"), [1.234, 2.5], ",", ""),
        (("12,34,567", "1,00,000", "999"), [1234567, 100000, 999], ".", ","),
        (("(12.50)", "3", "(4)"), [-12.5, 3, -4], ".", ""),
        (("12.50-", "3", "4 -"), [-12.5, 3, -4], ".", ""),
        (("1.234", "2.500"), [1.234, 2.5], ".", ""),
        (("\u22125", "–3"), [-5, -3], ".", ""),
    ],
)
def test_conventions_are_found(cells, values, decimal, thousands):
    found = parsed(*cells)
    assert found.values.to_list() == pytest.approx(values)
    assert (found.decimal, found.thousands, found.bad, found.share) == (decimal, thousands, (), 1.0)


@pytest.mark.parametrize(
    ("cells", "values", "affix"),
    [
        (("$5", "-$7.50", "$ 1,000"), [5, -7.5, 1000], ("$", "")),
        (("12 mg", "3.5mg"), [12, 3.5], ("", "mg")),
        (("EUR 12", "EUR 7"), [12, 7], ("EUR", "")),
        (("12 %", "3%"), [12, 3], ("", "%")),
        (("1.000 €", "2.500,5 €"), [1000, 2500.5], ("", "€")),
    ],
)
def test_units_all_cells_carry(cells, values, affix):
    found = parsed(*cells)
    assert (found.values.to_list(), found.affix) == (values, affix)


def test_the_sign_of_the_rest_of_the_file_decides_what_could_be_read_both_ways():
    """1.234 beside decimal commas is more than a thousand, and 1,250 is a little more than one."""
    with decimal_sign(","):
        assert parsed("1.234", "567", "12.345").values.to_list() == [1234, 567, 12345]
        assert parsed("1,250", "2,375").values.to_list() == [1.25, 2.375]
        assert parsed("1.5", "2.25").values.to_list() == [1.5, 2.25]  # in one way only
        assert parsed("5", "7").values.to_list() == [5, 7]
        assert parsed("1.234", decimal=".").values.to_list() == [1.234]  # what is given is not doubted
    assert parsed("1.234", "567").values.to_list() == [1.234, 567]


def test_words_for_nothing_do_not_speak_against_numbers():
    found = parsed("1.5", "NA", "n/a", "?", "-", "null", "None", "#N/A", "2.5 ")
    assert (found.values.drop_nulls().to_list(), found.share) == ([1.5, 2.5], 1.0)
    assert {cell.value for cell in found.bad} == {"NA", "n/a", "?", "-", "null", "None", "#N/A"}
    assert parsed(*["5 mg"] * 3, *["NA"] * 3).affix == ("", "mg")
    assert parsed("?", "-").share == 0


@pytest.mark.parametrize(
    "cells", [("Q1", "Q2", "Q3"), ("A-17", "A-18"), ("ID001", "ID002"), ("2020-01-01", "2021-02-03")]
)
def test_names_with_digits_are_no_numbers(cells):
    assert parsed(*cells).share == 0


def test_bad_cells_are_listed_once_with_count_and_first_row():
    found = parsed("1", "<0,1", None, "2", "", "<0,1", "12,5 mg", "1e999", "nan")
    assert found.values.to_list() == [1, None, None, 2, None, None, None, None, None]
    assert found.bad == (
        BadCells("<0,1", 2, 1), BadCells("12,5 mg", 1, 6), BadCells("1e999", 1, 7), BadCells("nan", 1, 8),
    )  # fmt: skip
    assert found.share == pytest.approx(2 / 6)  # "nan" says nothing


def test_what_is_given_is_kept():
    assert parsed("1,234", decimal=",").values.to_list() == [1.234]
    assert parsed("1.234", thousands=".").values.to_list() == [1234]
    assert parsed("1,5", "2.5", decimal=".", thousands="", affix=("", "")).values.to_list() == [None, 2.5]
    assert parsed("5 kg", affix=("", "")).share == 0


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("c", [True, False, None]),
        pl.Series("c", [1, 0, None], dtype=pl.Int8),
        pl.Series("c", [1.0, 0.0, float("nan")]),
        pl.Series("c", ["1", "0", None]).cast(pl.Categorical),
        pl.Series("c", ["1", "0", None]).cast(pl.Decimal(10, 2)),
    ],
)
def test_types_that_know_numbers(column):
    found = parse_numbers(column)
    assert (found.values.dtype, found.values.to_list(), found.share) == (pl.Float64, [1, 0, None], 1.0)


@pytest.mark.parametrize(
    ("column", "bad"),
    [
        (pl.Series("c", [["a"], None]), 1),
        (pl.Series("c", [b"x", b"y"]), 2),
        (pl.Series("c", [[[1, 2]]], dtype=pl.Array(pl.UInt8, (1, 2))), 1),
        (pl.Series("c", [None, {"a": 1}]), 1),
        (pl.Series("c", [date(2020, 1, 1)]), 1),
        (pl.Series("c", [None, None]), 0),
        (pl.Series("c", [], dtype=pl.String), 0),
    ],
)
def test_types_without_numbers(column, bad):
    found = parse_numbers(column)
    assert found.values.null_count() == len(column) == len(found.values)
    assert (sum(cell.count for cell in found.bad), found.share) == (bad, 0.0)


def test_blank_cells_are_missing():
    assert blank_to_null(pl.Series("c", [" a ", "", "  ", None])).to_list() == ["a", None, None, None]


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.floats(-1e7, 1e7).map(lambda x: round(x, 2)), min_size=1, max_size=20),
    way=st.sampled_from([(".", ","), (",", "."), (".", "'"), (",", " "), (".", "")]),
)
def test_written_and_read_again(values, way):
    """With the decimal sign in every cell, whatever the thousands sign is, the numbers come back."""
    decimal, thousands = way
    cells = [f"{v:,.2f}".replace(",", "T").replace(".", decimal).replace("T", thousands) for v in values]
    assert parsed(*cells).values.to_list() == pytest.approx(values)
