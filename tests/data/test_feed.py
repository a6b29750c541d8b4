"""The feed: a pure function of seed and step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.errors import DataError
from deepwright.data.feed import Feed
from deepwright.data.pack import from_fields
from deepwright.fields import Field

PACKED = from_fields({"x": Field(torch.arange(100.0)[:, None])}, {"y": Field(torch.arange(100)[:, None])})


def feed(count=37, size=8, seed=1, **more):
    return Feed(PACKED, torch.arange(100)[-count:], size, seed, **more)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 60), size=st.integers(1, 70), epochs=st.integers(1, 3))
def test_every_epoch_visits_every_row_once(count, size, epochs):
    one = feed(count, size)
    steps = -(-epochs * count // one.size)
    order = torch.cat([one.members(step) for step in range(steps)])
    for epoch in range(epochs):
        assert sorted(order[epoch * count : (epoch + 1) * count].tolist()) == list(range(100 - count, 100))
    assert {len(one.members(step)) for step in range(steps)} == {min(size, count)}
    assert one.steps_per_epoch == count / one.size


def test_epochs_differ_and_so_do_seeds():
    one = feed(32, 32)
    assert one.members(0).tolist() != one.members(1).tolist()
    assert one.members(0).tolist() != feed(32, 32, seed=2).members(0).tolist()


@pytest.mark.parametrize("order", ["shuffle", "poisson"])
def test_any_step_can_be_asked_for_in_any_order(order):
    forward = [feed(order=order, mates=True).at(step) for step in range(20)]
    one = feed(order=order, mates=True)
    for step in (13, 2, 19, 2, 0, 7):
        again = one.at(step)
        assert again.row.tolist() == forward[step].row.tolist()
        assert again.mate.row.tolist() == forward[step].mate.row.tolist()


@pytest.mark.parametrize("ranks", [2, 3, 11])
@pytest.mark.parametrize("order", ["shuffle", "poisson"])
def test_ranks_partition_the_batch(ranks, order):
    whole = feed(order=order, mates=True).at(5)
    parts = [feed(order=order, mates=True, rank=rank, ranks=ranks).at(5) for rank in range(ranks)]
    assert torch.cat([part.row for part in parts]).tolist() == whole.row.tolist()
    assert torch.cat([part.position for part in parts]).tolist() == whole.position.tolist()
    assert torch.cat([part.mate.row for part in parts]).tolist() == whole.mate.row.tolist()
    assert torch.cat([part.mate.position for part in parts]).tolist() == whole.mate.position.tolist()
    assert feed(order=order, rank=1, ranks=ranks).at(5, whole=True).row.tolist() == whole.row.tolist()


def test_batches_hold_their_rows():
    batch = feed(mates=True).at(3)
    for one in (batch, batch.mate):
        assert one.inputs["x"].values[:, 0].tolist() == one.row.tolist() == one.targets["y"].values[:, 0].tolist()
    assert sorted(batch.mate.row.tolist()) == sorted(batch.row.tolist())
    assert batch.row[batch.mate.position].tolist() == batch.mate.row.tolist()


def test_poisson_sampling_takes_each_row_at_its_rate():
    one = feed(100, 20, order="poisson")
    steps = 3000
    counts = torch.zeros(100)
    sizes = []
    for step in range(steps):
        members = one.members(step)
        counts[members] += 1
        sizes.append(len(members))
        assert len(set(members.tolist())) == len(members)
    deviation = (steps * 0.2 * 0.8) ** 0.5
    assert bool(((counts - steps * 0.2).abs() < 4.5 * deviation).all())
    sizes = torch.tensor(sizes, dtype=torch.float64)
    assert float(sizes.mean()) == pytest.approx(20, abs=4.5 * 4 / steps**0.5)
    assert float(sizes.std()) == pytest.approx(4, rel=0.1)  # of a binomial: rows join independently


def test_no_rows_give_a_sentence():
    with pytest.raises(DataError, match="no training rows"):
        Feed(PACKED, torch.arange(0), 8, 1)
