"""How validation is fitted into a budget."""

import pytest

from deepwright.verbs.probe import Probed


def choices(budget, seconds, rows=6000, wanted=40, longest=None):
    return Probed(1, "float32", 0.1, seconds).choices(budget, rows, wanted, longest)


def test_cheap_validation_asks_all_rows_as_often_as_wanted():
    made = choices(300, 0.1)
    assert (made["validations"], made["validation_rows"]) == (40, 6000)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 6.0, 30.0])
@pytest.mark.parametrize("budget", [60, 300])
def test_costly_validation_comes_less_often_then_asks_fewer_rows(seconds, budget):
    made = choices(budget, seconds)
    assert 1 <= made["validations"] <= 40
    least = 200 if seconds / 6 > 0.03 * budget else 1000  # a sixth of the rows is a thousand
    assert least <= made["validation_rows"] <= 6000
    if made["validation_rows"] > least:
        assert made["validations"] * made["validation_seconds"] <= 0.06 * budget + 1e-9
    if made["validation_rows"] < 6000:
        assert made["validations"] <= 4


def test_few_rows_are_all_asked():
    assert choices(10, 5.0, rows=40)["validation_rows"] == 40
