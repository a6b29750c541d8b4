"""Chance is a function of seed, step, purpose and row: nothing else."""

import numpy as np
import pytest
import torch

from deepwright.draw import Draw


@pytest.mark.parametrize("name", ["uniform", "normal"])
def test_a_split_batch_draws_the_same_numbers(name):
    rows = torch.tensor([7, 3, 900, 4, 12])
    draw = Draw(1, 2).of("layer")
    whole = getattr(draw.keyed(rows).at("x"), name)(5, 3, 2)
    parts = [
        getattr(draw.keyed(rows[part]).at("x"), name)(len(rows[part]), 3, 2) for part in (slice(0, 2), slice(2, 5))
    ]
    assert torch.equal(whole, torch.cat(parts))


def test_seed_step_purpose_scope_and_row_all_matter():
    row = torch.tensor([5])
    streams = [
        Draw(1, 2).keyed(row).at("x"), Draw(2, 2).keyed(row).at("x"), Draw(1, 3).keyed(row).at("x"),
        Draw(1, 2).keyed(row).at("y"), Draw(1, 2).of("s").keyed(row).at("x"), Draw(1, 2).keyed(row + 1).at("x"),
    ]  # fmt: skip
    assert len({float(stream.uniform(1)[0]) for stream in streams}) == len(streams)


def test_uniform_bits_are_uniform_and_uncorrelated():
    values = Draw(3).at("u").uniform(2000, 200).double().numpy()
    counts = np.bincount((values.ravel() * 64).astype(int), minlength=64)
    expected = values.size / 64
    assert ((counts - expected) ** 2 / expected).sum() < 120  # chi², 63 degrees: 120 is beyond 1 in 10,000
    for shifted in (np.roll(values, 1, 0), np.roll(values, 1, 1)):
        assert abs(np.corrcoef(values.ravel(), shifted.ravel())[0, 1]) < 5 / np.sqrt(values.size)


def test_normal_has_the_moments_of_a_normal():
    values = Draw(3).at("n").normal(1000, 400)
    assert abs(float(values.mean())) < 0.01
    assert float(values.std()) == pytest.approx(1, abs=0.01)
    assert float((values**4).mean()) == pytest.approx(3, abs=0.06)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_bernoulli_has_its_share(p):
    assert float(Draw(1).at("b").bernoulli(p, 400, 500).float().mean()) == pytest.approx(p, abs=0.005)


def test_integers_cover_their_range():
    values = Draw(1).at("i").integers(7, 10_000)
    assert torch.bincount(values).tolist() == pytest.approx([10_000 / 7] * 7, rel=0.1)


def test_numbers_are_the_same_under_vmap():
    rows = torch.arange(4)
    draw = Draw(5).of("n")
    mapped = torch.func.vmap(lambda row: draw.keyed(row[None]).at("x").normal(1, 3)[0])(rows)
    assert torch.equal(mapped, draw.keyed(rows).at("x").normal(4, 3))


def test_numbers_never_change_between_versions():
    golden = Draw(0).at("golden").uniform(2, 2)
    assert golden.flatten().tolist() == [
        0.7272394299507141,
        0.26586800813674927,
        0.10705560445785522,
        0.12307983636856079,
    ]
