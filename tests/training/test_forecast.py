"""Forecasts: ranges that hold the end about as often as they say, and silence where little is known."""

import numpy as np
import pytest

from deepwright.training.forecast import EARLIEST, FEWEST, Forecast


def curve(kind, seed, count=20):
    """Figures at even steps, noisy, that end better than they began."""
    chance = np.random.default_rng(seed)
    times = np.arange(1, count + 1) / count
    shape = {
        "power": 0.9 - 0.25 * times ** -chance.uniform(0.2, 0.8) * 0.3,
        "plateau": 0.9 - 0.3 * np.exp(-8 * times),
        "cosine": 0.9 - 0.2 * times**-0.4 * 0.4 + 0.02 * (1 - np.cos(np.pi * times)) / 2,
        "line": 0.7 + 0.2 * times,
    }[kind]
    return times, shape + chance.normal(0, 0.004, count)


def ranges(times, values, better="higher"):
    forecast = Forecast("accuracy", better)
    return [forecast.add(t, {"accuracy": y}) for t, y in zip(times, values, strict=True)]


@pytest.mark.parametrize("kind", ["power", "plateau", "cosine", "line"])
def test_the_end_lies_in_most_ranges(kind):
    inside, said = 0, 0
    for seed in range(20):
        times, values = curve(kind, seed)
        best = values.max()
        for told in ranges(times, values):
            if told is not None:
                said, inside = said + 1, inside + (told[0] <= best <= told[1])
    assert said > 20 * 20 / 3
    assert inside / said >= 0.75


@pytest.mark.parametrize("kind", ["power", "plateau", "cosine", "line"])
def test_ranges_become_narrow_towards_the_end(kind):
    widths = np.array(
        [[np.nan if r is None else r[1] - r[0] for r in ranges(*curve(kind, seed))] for seed in range(20)]
    )
    assert np.nanmean(widths[:, -3:]) < 0.8 * np.nanmean(widths[:, 5:9])


def test_nothing_is_said_from_little():
    times, values = curve("power", 0)
    told = ranges(times, values)
    assert not any(told[: max(FEWEST, int(EARLIEST * 20)) - 1])
    assert ranges([0.2, 0.4, 0.6, 0.8], [1.0, 0.9, 0.8, 0.7]) == [None] * 4
    assert told[-1] is None, "at the end there is nothing to foretell"
    wild = np.random.default_rng(0).uniform(0, 1, 20)
    assert sum(r is not None for r in ranges(times, wild)) <= 5


def test_lower_is_better_mirrors_higher():
    times, values = curve("power", 3)
    up, down = ranges(times, values), ranges(times, 2 - values, "lower")
    for one, other in zip(up, down, strict=True):
        if one is not None and other is not None:
            assert other == pytest.approx((2 - one[1], 2 - one[0], one[2]))


def test_a_range_stays_where_figures_can_be():
    times = np.arange(1, 11) / 10
    told = [r for r in ranges(times, 1 - 0.1 * np.exp(-9 * times)) if r is not None]
    assert told
    assert all(high <= 1.0 for _, high, _ in told)
    told = [r for r in ranges(times, 0.1 * np.exp(-9 * times), "lower") if r is not None]
    assert all(low >= 0.0 for low, _, _ in told)


def test_worse_figures_do_not_undo_the_best():
    times = np.arange(1, 21) / 20
    values = np.where(times < 0.5, 0.6 + 0.4 * times, 1.0 - 0.4 * times)
    last = next(r for r in reversed(ranges(times, values)) if r is not None)
    assert last[0] <= values.max() <= last[1]


def test_figures_that_are_no_numbers_are_passed_over():
    times, values = curve("power", 1)
    holes = values.copy()
    holes[4] = np.nan
    told = ranges(times, holes)
    assert told[-2] is not None
    assert all(np.isfinite(r).all() for r in told if r is not None)
