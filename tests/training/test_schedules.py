"""Schedules are pure functions of the fraction of the budget."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deepwright.registries import schedules
from deepwright.training.schedules import Constant, Cosine, Linear, OneCycle, Step

fractions = st.floats(0.0, 1.0)
warmups = st.floats(0.0, 0.5)


@pytest.mark.parametrize("kind", schedules.kinds)
@given(fraction=fractions, warmup=warmups)
def test_factors_stay_between_nothing_and_one(kind, fraction, warmup):
    assert 0.0 <= schedules.get(kind)(warmup=warmup).factor(fraction) <= 1.0 + 1e-12


@pytest.mark.parametrize("kind", schedules.kinds)
def test_warm_up_rises_and_the_rest_never_does(kind):
    schedule = schedules.get(kind)(warmup=0.2)
    factors = [schedule.factor(step / 100) for step in range(101)]
    assert 0 < factors[0] < 0.1
    assert all(a < b for a, b in pairwise(factors[:21]))
    assert factors[20] == pytest.approx(1.0)
    assert all(a >= b for a, b in pairwise(factors[20:]))


@pytest.mark.parametrize("kind", schedules.kinds)
@given(warmup=st.floats(0.01, 0.5))
def test_no_jump_where_the_warm_up_ends(kind, warmup):
    schedule = schedules.get(kind)(warmup=warmup)
    if kind == "step":
        schedule = Step(warmup=warmup, at=(0.9,))
    assert schedule.factor(warmup) == pytest.approx(1.0)
    assert schedule.factor(warmup * (1 - 1e-9)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", schedules.kinds)
def test_beyond_the_budget_the_last_factor_stays(kind):
    schedule = schedules.get(kind)()
    assert schedule.factor(1.0 + 1e-9) == schedule.factor(1.0)


def test_golden_values():
    assert [Constant().factor(f) for f in (0, 0.5, 1)] == [1, 1, 1]
    assert [Cosine().factor(f) for f in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert [Linear(floor=0.2).factor(f) for f in (0, 0.5, 1)] == pytest.approx([1, 0.6, 0.2])
    assert [Step().factor(f) for f in (0.4, 0.5, 0.8, 0.95)] == pytest.approx([1, 0.1, 0.01, 0.001])
    assert [OneCycle().factor(f) for f in (0, 0.3, 1)] == pytest.approx([0.04, 1, 4e-6])
    assert Cosine(warmup=0.2).factor(0.6) == pytest.approx(0.5)
    assert Cosine().factor(1.0) == 0.0


def _torch_factors(make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = make(optimizer)
    factors = []
    for step in range(steps):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < steps - 1:
            schedule.step()
    return factors


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (Cosine(floor=0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 100, eta_min=0.1)),
        (Linear(floor=0.1), lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.1, 100)),
        (Step(at=(0.3, 0.6), gamma=0.5), lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [30, 60], 0.5)),
        (OneCycle(warmup=0.3), lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 1.0, 101, pct_start=31 / 101)),
    ],
    ids=["cosine", "linear", "step", "one_cycle"],
)
def test_the_same_as_torch(schedule, make):
    theirs = _torch_factors(make, 101)
    assert [schedule.factor(step / 100) for step in range(101)] == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("wrong", [{"at": (0.7, 0.5)}, {"at": (0.0,)}, {"at": (0.5, 1.0)}, {"gamma": 0.0}])
def test_impossible_drops_are_refused(wrong):
    with pytest.raises(ValidationError):
        Step(**wrong)


@pytest.mark.parametrize("kind", schedules.kinds)
def test_warm_up_is_at_most_half(kind):
    with pytest.raises(ValidationError):
        schedules.get(kind)(warmup=0.6)
