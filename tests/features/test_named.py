"""A column whose kind a person names: what they leave open is found out from its cells."""

import polars as pl
import pytest

from deepwright.features import Date, Number, infer_features


def fitted(settings, column):
    return settings.fit(settings.summarise(column), column.name)


@pytest.mark.parametrize(
    ("named", "cells", "wanted"),
    [
        (Number(), ["1,5", "2,25", "1.003,75"], {"decimal": ",", "thousands": "."}),
        (Date(), ["24.12.2020", "01.02.2021", "03.04.2021"], {"form": "%d.%m.%Y"}),
        (Number(clip=2.0), ["5 mg", "7 mg", "9 mg"], {"affix": ("", "mg"), "clip": 2.0}),
        (Number(decimal="."), ["1,5", "2,25", "1.5"], {"decimal": "."}),
    ],
)
def test_what_a_person_leaves_open_is_found_out(named, cells, wanted):
    column = pl.Series("x", cells)
    settings = infer_features({"x": column}, {"x": named}).settings["x"]
    assert {name: getattr(settings, name) for name in wanted} == wanted


def test_a_number_alone_is_read_as_those_it_was_learnt_with():
    column = pl.Series("x", ["1,5", "2,25", "3,75", "1.003,5"])
    feature = fitted(Number(), column)
    assert feature.settings.decimal == ","
    alone = feature.encode(pl.Series("x", ["1.003"])).values
    assert alone.tolist() == feature.encode(pl.Series("x", ["1003,0"])).values.tolist()


def test_dates_that_nobody_described_are_read():
    column = pl.Series("x", ["2020-01-05", "2020-02-06", "later", "2021-03-04"])
    feature = fitted(Date(), column)
    assert feature.decode(feature.encode(column)).cast(pl.String).to_list() == [
        "2020-01-05",
        "2020-02-06",
        None,
        "2021-03-04",
    ]
