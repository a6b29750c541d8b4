"""The report of a training: curves that can be read."""

import pytest

from deepwright.verbs.learning import POINTS, smooth


def test_a_short_curve_is_shown_as_it_is() -> None:
    line = smooth("training", [(1.0, 3.0), (2.0, 1.0)])
    assert (line.x, line.y, line.low, line.high) == ((1.0, 2.0), (3.0, 1.0), (), ())


@pytest.mark.parametrize("count", [POINTS + 1, 1000, 1234])
def test_a_long_curve_is_shown_by_means_and_where_most_points_lie(count: int) -> None:
    points = [(float(k), float(k % 2)) for k in range(count)]
    line = smooth("training", points)
    assert len(line.x) == len(line.y) == len(line.low) == len(line.high) == POINTS
    assert list(line.x) == sorted(line.x)
    assert all(low <= mean <= high for low, mean, high in zip(line.low, line.y, line.high, strict=True))
    assert sum(line.y) / POINTS == pytest.approx(0.5, abs=0.05)


def test_what_is_no_number_is_left_out() -> None:
    assert smooth("training", [(1.0, None), (2.0, 1.0)]).x == (2.0,)
