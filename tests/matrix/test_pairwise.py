"""The covering array holds all pairs that can be held, with few rows, the same each time."""

from itertools import product

from tests.matrix.pairwise import covering, pairs

FULL = list(product("abcde", range(6), ("x", "y", "z"), range(4), (True, False)))


def test_every_pair_is_held() -> None:
    chosen = covering(FULL)
    assert set().union(*map(pairs, chosen)) == set().union(*map(pairs, FULL))


def test_few_rows_do() -> None:
    assert 5 * 6 <= len(covering(FULL)) <= 1.5 * 5 * 6  # of 720; no fewer than the two largest columns' product


def test_rows_that_cannot_be_are_never_chosen() -> None:
    allowed = [row for row in FULL if not (row[0] == "a" and row[1] > 2)]
    chosen = covering(allowed)
    assert set(chosen) <= set(allowed)
    assert set().union(*map(pairs, chosen)) == set().union(*map(pairs, allowed))


def test_the_seed_decides() -> None:
    assert covering(FULL, 1) == covering(FULL, 1) != covering(FULL, 2)


def test_nothing_is_covered_by_nothing() -> None:
    assert covering([]) == []
    assert covering([("a", 1)]) == [("a", 1)]
