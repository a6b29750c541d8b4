"""Patches taken here and there: where they lie, and what the two distances between them tell."""

import pytest
import torch
from torch import Tensor

from deepwright.draw import Draw
from deepwright.models.layers.sampled_patches import nearest_distance, sampled_patches, sliced_distance


def noise(*shape: int, seed: int = 3) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def stripes(side: int, width: int) -> Tensor:
    return ((torch.arange(side) // width) % 2).float().expand(1, 3, side, side).clone()


def test_as_many_as_asked_for_about_from_every_size_that_holds_two() -> None:
    pairs = sampled_patches(noise(4, 3, 64, 64), noise(1, 3, 40, 90), Draw(0), 9, 800)
    assert len(pairs) == 2  # the style is 40, 20 and then 10 pixels high
    assert all(one.shape[1] == 3 * 81 for pair in pairs for one in pair)
    assert 400 < len(pairs[0][0]) < 1100
    assert 200 < len(pairs[0][1]) < 1100
    small = sampled_patches(noise(1, 3, 5, 7), noise(1, 3, 30, 30), Draw(0), 9, 800)
    assert [len(one[0]) for one in small] == [3]
    assert small[0][0].shape[1] == 3 * 25


def test_patches_are_pieces_of_the_pictures_at_places_that_are_drawn() -> None:
    y, x = torch.meshgrid(torch.arange(30.0), torch.arange(30.0), indexing="ij")
    pictures = torch.stack([y, x, y])[None]
    (first, *_), (other, *_) = (sampled_patches(pictures, pictures, Draw(seed), 4, 60) for seed in (0, 1))
    corners = first[0].view(-1, 3, 4, 4)
    assert torch.equal(corners[:, 1, 2, 3] - corners[:, 1, 0, 0], torch.full((len(corners),), 3.0))
    assert first[0][0, 0] != other[0][0, 0] or first[0][0, 16] != other[0][0, 16]


def test_patches_here_and_there_tell_as_much_as_all() -> None:
    style = noise(1, 3, 48, 48)

    def apart(made: Tensor, seed: int = 0) -> float:
        return float(sliced_distance(sampled_patches(made, style, Draw(seed), 5, 300), Draw(seed), 16))

    same, other = style.flip(3).expand(2, -1, -1, -1), 0.5 * style
    assert apart(same) < 0.3 * apart(other)
    assert apart(same) != apart(same, 1)


def test_pieces_of_the_style_are_near_and_strokes_of_another_width_are_not() -> None:
    style = stripes(64, 4)

    def apart(made: Tensor) -> float:
        return float(nearest_distance(sampled_patches(made, style, Draw(0), 8, 4000)[:1]))

    assert apart(stripes(64, 4).roll(2, 3)) == pytest.approx(0.0, abs=1e-6)
    assert apart(stripes(64, 4).transpose(2, 3)) > 0.2  # as many bright and dark pixels, across
    assert apart(stripes(64, 1)) > 0.2


def test_a_patch_of_the_style_that_nothing_is_near_to_counts_as_nearer() -> None:
    calm, lively = torch.zeros(1, 12), torch.cat([torch.full((6,), 0.6), torch.full((6,), -0.6)])[None]
    style, faint = torch.cat([calm, lively]), 0.2 * lively.repeat(4, 1)  # nearer to the calm one
    assert float(nearest_distance([(faint, style)])) == pytest.approx(0.2 * 0.6, abs=1e-4)
    taken = torch.cat([faint, calm])  # the calm one has somebody, the lively one nobody
    assert float(nearest_distance([(taken, style)])) == pytest.approx(4 / 5 * 0.8 * 0.6, abs=1e-4)
    both = torch.cat([taken, lively])
    assert float(nearest_distance([(both, style)])) == pytest.approx(4 / 6 * 0.2 * 0.6, abs=1e-4)


def test_its_gradient_draws_a_patch_to_the_nearest_of_the_style_alone() -> None:
    ours, theirs = torch.tensor([[0.2, 0.4]], requires_grad=True), torch.tensor([[0.0, 1.0]])
    nearest_distance([(ours, theirs)]).backward()
    assert ours.grad is not None
    assert ours.grad.tolist() == [[0.5, -0.5]]
