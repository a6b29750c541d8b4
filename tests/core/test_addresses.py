"""Passwords in addresses are not passed on."""

import pytest

from deepwright.core.addresses import hidden


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@machine:5432/trials", "postgresql://me:…@machine:5432/trials"),
        ("mysql+pymysql://:secret@machine/trials", "mysql+pymysql://:…@machine/trials"),
        ("tune cars.csv --storage 'postgresql://me:s%40c@a/b' --set x=c:d@e", "tune cars.csv --storage 'postgresql://me:…@a/b' --set x=c:d@e"),
        ("sqlite:////folder/trials.db", "sqlite:////folder/trials.db"),
        ("postgresql://machine:5432/a@b", "postgresql://machine:5432/a@b"),
    ],
)  # fmt: skip
def test_a_password_is_left_out_and_nothing_else(text: str, shown: str) -> None:
    assert hidden(text) == shown
