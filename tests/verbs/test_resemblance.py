"""Resemblance: distances between samples, chances by lot, and copies of training rows."""

import polars as pl
import pytest
import torch

from deepwright.verbs.beside import copy_words
from deepwright.verbs.resemblance import Scale, by_lot, kernel_distances, nearest, resemblance


def test_kernel_distance_is_that_of_the_double_sum() -> None:
    generator = torch.Generator().manual_seed(2)
    a, b = (torch.randn(rows, 3, dtype=torch.float64, generator=generator) for rows in (6, 8))
    kernel = lambda x, y: float((x @ y / 3 + 1) ** 3)  # noqa: E731
    within = [
        sum(kernel(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j) / (len(s) * (len(s) - 1))
        for s in (a, b)
    ]
    cross = sum(kernel(x, y) for x in a for y in b) / 48
    values, draws = kernel_distances(a, {"b": b}, generator)
    assert values["b"] == pytest.approx(sum(within) - 2 * cross)
    assert draws["b"].shape == (300,)


def test_distances_and_chances_tell_samples_apart() -> None:
    generator = torch.Generator().manual_seed(3)

    def normal(rows: int, shift: float = 0.0) -> torch.Tensor:
        return torch.randn(rows, 5, dtype=torch.float64, generator=generator) + shift

    chances = [by_lot(normal(60), normal(80), generator) for _ in range(40)]
    assert 0.3 < sum(chances) / 40 < 0.7
    assert sum(p < 0.1 for p in chances) < 12
    assert by_lot(normal(60), normal(80, 0.6), generator) < 0.02


def test_copies_are_noticed() -> None:
    generator = torch.Generator().manual_seed(4)
    train_rows, held, others = (torch.randn(n, 4, dtype=torch.float64, generator=generator) for n in (400, 200, 200))
    assert torch.allclose(
        nearest(held[:3], train_rows), (held[:3, None] - train_rows).square().mean(2).min(1).values.sqrt()
    )
    honest = resemblance(others, held, train_rows, seed=0)
    assert honest.near.low <= 0.05 <= honest.near.high
    copied = torch.cat([train_rows[:60], others[:140]])
    found = resemblance(copied, held, train_rows, seed=0)
    assert 0.2 < found.near.low < 0.3 < found.near.value < 0.45
    assert copy_words(found)[0].startswith("They may be copies, or only the most ordinary examples: 30.5 % of them")
    assert copy_words(honest)[1] == "good"


def test_missing_cells_are_the_mean_and_constant_columns_do_no_harm() -> None:
    class Plain:
        def baseline_columns(self, column: pl.Series) -> pl.DataFrame:
            return column.cast(pl.Float64).fill_null(float("nan")).to_frame()

    frame = pl.DataFrame({"a": [1.0, 3.0, None], "b": [5.0, 5.0, 5.0]})
    flat = Scale({"a": Plain(), "b": Plain()}, frame)(frame)  # type: ignore[dict-item]
    assert flat.tolist() == [[-1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
