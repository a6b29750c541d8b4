"""The control: deletion and insertion curves, and that a bad explanation is called one."""

import math

import pytest
import torch

from deepwright.verbs.explain.faithfulness import control, parts_of, walk
from deepwright.verbs.explain.integrated_gradients import attribute
from deepwright.verbs.explain.question import ask
from deepwright.verbs.rows import chosen_rows


@pytest.fixture(scope="module")
def asked(decided_run):
    return ask(decided_run, chosen_rows(decided_run, None, 60, 0).batch)


@pytest.fixture(scope="module")
def folded(decided_run, asked):
    found = attribute(asked, 16)
    return {name: decided_run.features[name].per_unit(value) for name, value in found.values.items()}


def test_the_explanation_beats_a_random_order_and_its_reverse_does_not(asked, folded):
    assert control(asked, folded, 0).better
    reverse = control(asked, {name: -value for name, value in folded.items()}, 0)
    assert not reverse.better
    assert reverse.verdict.startswith("The explanation is not better than a random order")
    assert "do not lower" in reverse.verdict
    assert "do not raise" in reverse.verdict


def test_chance_is_no_better_than_chance(asked, folded):
    generator = torch.Generator().manual_seed(1)
    nothing = {name: torch.randn(value.shape, generator=generator) for name, value in folded.items()}
    found = control(asked, nothing, 0)
    assert not found.better
    assert found.gaps["deletion"].p > 0.05


def test_curves_start_with_the_whole_input_and_end_with_none(asked, folded):
    found = control(asked, folded, 0)
    whole, none = asked.score(asked.z), asked.score(asked.base)
    for curve in found.curves.values():
        torch.testing.assert_close(curve[:, 0], whole.detach())
        torch.testing.assert_close(curve[:, -1], none.detach())


def test_putting_back_is_taking_away_in_reverse(asked, folded):
    """What `control` rests on: the insertion curve walked by hand is the reverse order's deletion curve, backwards."""
    parts = parts_of(folded)
    order = parts.fold(folded).argsort(dim=1, descending=True)
    points = torch.arange(parts.count + 1)
    deletion = walk(asked, parts, order.flip(1).argsort(1), points)
    names = list(folded)
    for row in (0, 5):
        inserted = []
        for count in range(parts.count + 1):
            back = {names[place] for place in order[row, :count].tolist()}
            mixed = {n: (asked.z if n in back else asked.base)[n] for n in names}
            inserted.append(asked.score(mixed)[row].detach())
        torch.testing.assert_close(torch.stack(inserted), deletion[row].flip(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(), (5,), (300,), (12, 12), (28, 30), (7, 6, 5), (3, 200)])
def test_parts_cover_every_unit_once_and_are_few(shape):
    folded = {"plain": torch.randn(4), "units": torch.randn(4, *shape)}
    parts = parts_of(folded)
    place = parts.places["units"]
    assert place.shape == shape
    assert parts.count - 1 == len(place.unique()) <= 64
    assert int(place.min()) == 1
    assert int(place.max()) == parts.count - 1
    sizes = place.flatten().bincount()[1:]
    assert sizes.max() <= 4 * math.ceil(place.numel() / len(sizes))
    total = parts.fold(folded).sum(1)
    torch.testing.assert_close(total, folded["plain"] + folded["units"].flatten(1 if shape else 0).view(4, -1).sum(1))


def test_a_single_part_has_no_order(asked, folded):
    assert control(asked, {"x2": folded["x2"]}, 0) is None
