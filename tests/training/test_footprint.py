"""Footprints: bytes of tensors that live at once, counted."""

import torch
from torch import nn

from deepwright.training.footprint import Growth, footprint, growth


def test_what_lives_at_once_is_counted() -> None:
    def work() -> None:
        a = torch.ones(1000)  # 4000 bytes
        b = a + 1  # 8000
        del a
        (b * 2).sum()  # 8000 and the sum
        b.add_(1)
        b[:10].view(2, 5)

    assert footprint(work) == 8004


def test_what_was_there_before_is_not_counted() -> None:
    old = torch.ones(1000)
    assert footprint(lambda: old.add_(1)) == 0
    assert footprint(lambda: old.mul(2)) == 4000


def test_backward_passes_are_seen() -> None:
    layer = nn.Linear(100, 100, bias=False)
    x = torch.ones(10, 100)
    forward = footprint(lambda: layer(x))
    both = footprint(lambda: layer(x).sum().backward())
    assert forward == 4000
    assert both >= 40_000  # the gradient of the weights


def test_the_slope_is_found_behind_what_the_weights_take() -> None:
    def work(rows: int) -> None:
        torch.ones(2500)  # 10,000 bytes whatever comes
        torch.ones(rows, 25)  # 100 bytes a row

    grown = growth(work, 1000)
    assert grown.rows[0] == 8
    assert grown.at(1000) == 100_000
    assert grown.at(100) >= 10_000
    assert grown.at(4) <= grown.at(8) <= grown.at(9)
    assert Growth((8, 16), (100, 200)).at(64) == 800


def test_the_counting_itself_stays_within_its_limit() -> None:
    seen = []

    def work(rows: int) -> None:
        seen.append(rows)
        torch.ones(rows, 250)

    grown = growth(work, 10_000, limit=20_000)
    assert max(seen) == 20, "which is what the limit holds; four times as many rows as before would be more"
    assert grown.at(10_000) == 10_000 * 1000
    seen.clear()
    assert growth(work, 10_000, limit=100).at(10_000) == 10_000 * 1000
    assert seen == [8], "without any room only the first few rows are worked on"


def test_one_row_is_enough() -> None:
    assert growth(lambda rows: torch.ones(rows), 1).at(1) == 4
