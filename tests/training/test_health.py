"""The rule that tells a loss that has left from one that is merely wild."""

import json
import math
import random

import pytest
import torch

from deepwright.training.health import LOOKS, Health, all_finite, causes
from deepwright.training.optimizers import AdamW
from deepwright.training.settings import Train


def first_fall(values, first=None, name="loss"):
    """The place at which the rule speaks up, or None."""
    health = Health()
    health.begin({name: values[0] if first is None else first})
    return next((place for place, value in enumerate(values) if health.look({name: value}) is not None), None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_told_at_once(value):
    assert first_fall([1.0, 0.9, value]) == 2


def test_a_jump_to_a_high_level_is_told_after_some_looks():
    calm = [2.3 * 0.97**k + 0.01 * (k % 3) for k in range(50)]
    assert first_fall([*calm, *[1e4] * 20]) == 49 + LOOKS


def test_growth_without_end_is_told():
    assert first_fall([*[1.0 + 0.1 * (k % 5) for k in range(40)], *[3.0**k for k in range(60)]]) < 40 + 8 + LOOKS


def test_an_explosion_from_the_first_step_on_is_told():
    assert first_fall([1e5] * 20, first=2.3) == LOOKS - 1


def test_one_good_look_starts_the_count_anew():
    calm = [1.0 + 0.1 * (k % 5) for k in range(40)]
    assert first_fall([*calm, *([1e4] * (LOOKS - 1) + [1.2]) * 5]) is None


@pytest.mark.parametrize("tail", [0.75, 1.1, 2.0])  # 0.75: squared errors of targets whose own mean hardly exists
def test_blows_of_heavy_tails_are_healthy(tail):
    for seed in range(100):
        chance = random.Random(seed)
        assert first_fall([chance.paretovariate(tail) - 0.9 for _ in range(200)]) is None


def test_players_that_win_and_lose_are_healthy():
    chance = random.Random(0)
    won = [0.7 + 40 / (1 + math.exp(-(k - 100) / 8)) + chance.gauss(0, 0.1) for k in range(200)]
    sudden = [0.7 + chance.gauss(0, 0.02) + (25.0 if k > 60 else 0.0) for k in range(200)]
    critic = [2.5 * k * math.sin(k / 40) + chance.gauss(0, 1) for k in range(400)]  # scores without a unit
    risen = [0.01 + 3.0 * k + chance.gauss(0, 1) for k in range(400)]
    assert [first_fall(values, name="generator_loss") for values in (won, sudden, critic, risen)] == [None] * 4


def test_a_small_smooth_loss_may_step_back():
    assert first_fall([2.3 * 0.9**k for k in range(150)] + [2.0] * 50) is None


def test_a_negative_loss_that_comes_up_far_is_told():
    chance = random.Random(1)
    density = [-300 - k + chance.gauss(0, 5) for k in range(100)]
    assert first_fall([*density, *[-200.0] * 20]) is None
    assert first_fall([*density, *[4e4] * 20]) == 99 + LOOKS


def test_it_goes_on_counting_after_json():
    health = Health()
    health.begin({"loss": 1.0})
    for _ in range(LOOKS - 1):
        assert health.look({"loss": 1e6}) is None
    assert not health.calm
    again = Health()
    again.load(json.loads(json.dumps(health.state())))
    assert "risen to 1e+06" in (again.look({"loss": 1e6}) or "")
    again.calm_down()
    assert again.calm
    assert again.look({"loss": 1e6}) is None


def test_all_finite_finds_one_bad_number_among_many():
    good = [torch.zeros(3, 4), torch.arange(5), torch.ones(0), torch.ones(2, dtype=torch.float64)]
    assert all_finite(good)
    assert all_finite([])
    for value in (math.nan, math.inf):
        assert not all_finite([*good, torch.tensor([1.0, value])])


def test_causes_name_what_the_settings_leave_open():
    open_ended = causes(Train(optimizer=AdamW(lr=0.02), precision="bfloat16"))
    assert "train.optimizer.lr=0.002" in open_ended
    assert "train.clip=1" in open_ended
    assert "float32" in open_ended
    assert "clip" not in causes(Train(clip=1.0)) + causes(Train(clip=1.0, precision="float32"))
