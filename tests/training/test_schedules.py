"""Schedules are pure functions of the fraction of the budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepwright.registries import schedules
from deepwright.training.schedules import Cosine, Linear, OneCycle, Step

fractions = st.floats(0.0, 1.0)


@pytest.mark.parametrize("kind", schedules.kinds)
@given(fraction=fractions, warmup=st.sampled_from([0.0, 0.1, 0.5]))
def test_factors_stay_between_nothing_and_one(kind, fraction, warmup):
    assert 0.0 <= schedules.get(kind)(warmup=warmup).factor(fraction) <= 1.0 + 1e-12


@pytest.mark.parametrize("kind", schedules.kinds)
def test_warm_up_rises(kind):
    schedule = schedules.get(kind)(warmup=0.2)
    assert 0 < schedule.factor(0.0) < schedule.factor(0.1) < schedule.factor(0.19) <= 1.0


def test_golden_values():
    assert [Cosine().factor(f) for f in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert [Linear(floor=0.2).factor(f) for f in (0, 0.5, 1)] == pytest.approx([1, 0.6, 0.2])
    assert [Step().factor(f) for f in (0.4, 0.5, 0.8, 0.95)] == pytest.approx([1, 0.1, 0.01, 0.001])
    assert [OneCycle().factor(f) for f in (0, 0.3, 1)] == pytest.approx([0.04, 1, 4e-6])
