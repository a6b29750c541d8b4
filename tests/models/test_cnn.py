"""CNN: one picture of any size."""

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from deepwright.core.errors import Refused
from deepwright.fields import Field
from deepwright.models.cnn import CNN
from deepwright.models.fusion import Fusion
from deepwright.models.layers.trunk import _Patches
from tests.models.checks import check_gradients, check_round_trip, check_rows_apart, check_shapes
from tests.models.fakes import NUMBER, Fake, batch, picture

HEADS = {"logits": 3, "value": 1}
SETTINGS = [
    CNN(widths=(4, 6)),
    CNN(widths=(4, 6, 8), norm="group", blocks=2, activation="silu", summary="both", pool="average"),
    CNN(widths=(5,), norm="none", activation="gelu"),
    CNN(style="classic", widths=(4, 6), summary="max"),
    CNN(style="classic", widths=(3, 4, 5), norm="group", pool="average", dropout=0.5),
]
SIZES = [(1, 1, 1), (5, 5, 1), (2, 9, 3), (17, 16, 4)]


def built(settings, shape, seed=0):
    torch.manual_seed(seed)
    network = settings.build({"p.x": picture(*shape)}, HEADS, 100)
    network.warm(lambda: iter([]), {"logits": torch.tensor([1.0, 2.0, 3.0])})
    return network


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("shape", SIZES)
def test_promises(settings, shape):
    network, data = built(settings, shape), batch({"p.x": picture(*shape)})
    assert network.couples_rows == (settings.norm == "batch")
    network.train()
    check_shapes(network, data, HEADS)
    network.eval()
    check_shapes(network, data, HEADS)
    check_rows_apart(network, data, training=False)
    if not network.couples_rows:
        check_rows_apart(network, data, training=True)
    check_round_trip(network, built(settings, shape, seed=1), data)


@pytest.mark.parametrize("settings", SETTINGS)
def test_gradients_reach_every_parameter(settings):
    check_gradients(built(settings, (9, 9, 2)), batch({"p.x": picture(9, 9, 2)}, 64))


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("value", [0, 255])
def test_constant_pictures_and_single_rows_stay_finite(settings, value):
    network = built(settings, (1, 1, 1)).train()
    for rows in (1, 8):
        data = batch(
            {"p.x": picture(1, 1)}, rows, **{"p.x": Field(torch.full((rows, 1, 1, 1), value, dtype=torch.uint8))}
        )
        check_shapes(network, data, HEADS)


@pytest.mark.parametrize(("side", "stages"), [(5, 2), (28, 3), (64, 4), (224, 5)])
def test_depth_follows_the_size(side, stages):
    torch.manual_seed(0)
    trunk = CNN().trunk((side, side, 3))
    assert trunk.width == 32 * 2 ** (stages - 1)


@pytest.mark.parametrize(("side", "grid"), [(4, 4), (8, 4), (28, 4), (32, 4), (64, 4), (5, 5)])
def test_sides_are_halved_down_to_a_small_grid(side, grid):
    for stem in ("patches", "convolution"):
        trunk = CNN(stem=stem).trunk((side, side, 3)).eval()
        seen = trunk.layers(torch.zeros(2, 3, side, side))
        assert seen.shape == (2, trunk.width, grid, grid)


def test_patches_lose_nothing_and_stay_channels_last():
    x = torch.randn(2, 4, 6, 3).permute(0, 3, 1, 2)
    joined = _Patches()(x)
    assert joined.is_contiguous(memory_format=torch.channels_last)
    assert joined.shape == (2, 12, 2, 3)
    assert sorted(joined[0, :, 1, 2].tolist()) == sorted(x[0, :, 2:4, 4:6].flatten().tolist())
    assert _Patches()(x[:, :, :3, :5]).shape == (2, 12, 2, 3)


def test_a_budget_of_few_epochs_gets_a_smaller_network():
    scales = [CNN().sized(epochs).scale for epochs in (0.1, 1.0, 3.0, 5.0, 100.0)]
    assert scales[0] == 0.5
    assert scales[-1] == 1.0
    assert scales == sorted(scales)
    for settings in (CNN(scale=2.0), CNN(widths=(4, 6))):  # a person's own choice
        assert settings.sized(0.1) == settings
    assert Fusion().sized(0.1).picture.scale == 0.5
    assert CNN(scale=0.5).trunk((28, 28, 1)).width == 64


def test_what_does_not_fit_is_refused():
    for features in ({"x": NUMBER}, {"p": picture(5, 5), "x": NUMBER}, {"p": picture(5, 5), "q": picture(5, 5)}):
        with pytest.raises(Refused, match="exactly one picture column"):
            CNN().build(features, HEADS, 10)
    for wrong in ({"widths": ()}, {"widths": (0,)}, {"blocks": 0}, {"norm": "layer"}):
        with pytest.raises(ValidationError):
            CNN(**wrong)


def test_answers_look_at_the_mirror_image_where_that_keeps_the_meaning():
    feature = picture(8, 8)
    both = Fake(replace(feature.space, mirror=True))
    torch.manual_seed(0)
    network = CNN(widths=(4, 6)).build({"p": both}, {"value": 1}, 10).eval()
    z = Field(torch.randn(3, 8, 8, 1))
    there, back = (network.body({"p": f})["value"].values for f in (z, Field(z.values.flip(2))))
    torch.testing.assert_close(there, back)
    for other in (CNN(widths=(4, 6), mirror=False).build({"p": both}, {"value": 1}, 10).eval(),
                  CNN(widths=(4, 6)).build({"p": feature}, {"value": 1}, 10).eval()):  # fmt: skip
        there, back = (other.body({"p": f})["value"].values for f in (z, Field(z.values.flip(2))))
        assert not torch.allclose(there, back)


def test_the_smallest_network_of_a_budget_has_its_blocks_late():
    small, given = CNN().sized(0.1), CNN(blocks_from=0).sized(0.1)
    assert (small.scale, small.blocks_from, given.blocks_from) == (0.5, 2, 0)
    assert CNN().sized(100.0).blocks_from is None

    def blocks(settings):
        return [type(layer).__name__ for layer in settings.trunk((28, 28, 1)).layers].count("_Block")

    assert [blocks(s) for s in (small, CNN(), given, CNN(blocks_from=9), CNN(blocks_from=1))] == [1, 2, 3, 1, 2]
