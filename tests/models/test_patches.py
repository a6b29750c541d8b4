"""The patch distance: zero for equals, symmetric under shuffling, known values, and a floor."""

import math

import pytest
import torch

from deepwright.draw import Draw
from deepwright.models.layers.patches import filters, floor, patch_distance, projected, stride_for


@pytest.fixture
def directions() -> torch.Tensor:
    return filters(Draw(0).at("filters"), 8, 3)


def noise(*size: int) -> torch.Tensor:
    return Draw(1).at("noise").uniform(1, 3, *size)


def test_filters_have_length_1_and_follow_the_seed(directions: torch.Tensor) -> None:
    torch.testing.assert_close(directions.flatten(1).norm(dim=1), torch.ones(8))
    assert torch.equal(directions, filters(Draw(0).at("filters"), 8, 3))
    assert not torch.equal(directions, filters(Draw(2).at("filters"), 8, 3))


def test_equal_pictures_are_0_apart_and_others_are_not(directions: torch.Tensor) -> None:
    ours, theirs = (projected(one, directions) for one in (noise(12, 9), noise(12, 9).flip(3) * 0.5))
    assert float(patch_distance(ours, ours)) == 0
    assert float(patch_distance(ours, theirs)) > 0.05


def test_the_order_of_patches_does_not_matter(directions: torch.Tensor) -> None:
    ours = projected(noise(12, 9), directions)
    assert float(patch_distance(ours, ours[:, torch.randperm(ours.shape[1])])) == 0


def test_golden_distances_of_a_line() -> None:
    assert float(patch_distance(torch.tensor([[3.0, 1.0]]), torch.tensor([[2.0, 5.0]]))) == pytest.approx(1.5)
    # of four values the quantiles at a quarter and three quarters: 2 and 4
    assert float(patch_distance(torch.tensor([[1.0, 3.0]]), torch.tensor([[4.0, 3.0, 2.0, 1.0]]))) == pytest.approx(1.0)


def test_a_shift_of_all_values_moves_each_projection_by_the_sum_of_its_filter(directions: torch.Tensor) -> None:
    picture = noise(10, 10) * 0.5
    found = patch_distance(projected(picture + 0.25, directions), projected(picture, directions))
    torch.testing.assert_close(found, 0.25 * directions.flatten(1).sum(1).abs().mean())


def test_the_gradient_leads_towards_the_other_set_and_reaches_only_ours() -> None:
    ours = torch.tensor([[0.0, 5.0]], requires_grad=True)
    theirs = torch.tensor([[2.0, 3.0]], requires_grad=True)
    patch_distance(ours, theirs).backward()
    assert ours.grad is not None
    assert ours.grad.tolist() == [[-0.5, 0.5]]
    assert theirs.grad is None


def test_strides_leave_no_pixel_out_and_offsets_stay_inside(directions: torch.Tensor) -> None:
    picture = noise(40, 30)
    assert stride_for(picture, 3, 10_000) == 1
    assert stride_for(picture, 3, 300) == 2
    assert stride_for(picture, 3, 1) == 3
    assert projected(noise(3, 3), directions, 3, (2, 2)).shape == (8, 1)


def test_the_floor_is_0_for_halves_that_are_equal_and_unknown_for_a_picture_too_small(directions: torch.Tensor) -> None:
    tile = noise(8, 8)
    same = torch.cat([torch.cat([tile, tile], 3)] * 2, 2)
    assert float(floor(same, directions, 1)) == 0
    assert float(floor(torch.cat([tile, tile * 0.2], 3), directions, 1)) > 0.05
    assert math.isnan(float(floor(noise(5, 5), directions, 1)))
