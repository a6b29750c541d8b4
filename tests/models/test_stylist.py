"""Stylist: pictures of any size keep it, begin in the style's colours, and each is restyled by itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepwright.core.errors import Refused
from deepwright.data.sources.pictures import TEXT, as_text
from deepwright.draw import Draw
from deepwright.models.layers.colours import blurred, layout, recoloured
from deepwright.models.stylist import Stylist
from tests.models.fakes import CATEGORY, NUMBER, batch, picture

FEATURES = {"p": picture(16, 20, 3)}


def built(channels: int = 3):
    torch.manual_seed(0)
    return Stylist(side=32, width=4, blocks=1).build({"p": picture(16, 20, channels)}, {}, 10)


def keyed(*rows: int) -> Draw:
    return Draw(2).keyed(torch.tensor(rows))


def test_pictures_of_any_size_keep_it():
    network = built()
    for height, width in ((16, 20), (17, 31), (5, 4), (40, 9)):
        begun = network.begun(torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)))
        with torch.no_grad():
            assert network.restyled(begun, keyed(0, 1)).shape == (2, 3, height, width)


def test_a_picture_begins_in_the_colours_of_the_style_and_is_painted_from_nothing():
    network = built()
    photos = torch.rand(2, 3, 16, 20, generator=torch.Generator().manual_seed(1)) * 0.3
    begun = network.begun(photos)
    means = network.style.mean((0, 2, 3))
    torch.testing.assert_close(begun.mean((2, 3)), means.expand(2, 3), atol=0.05, rtol=0)
    torch.nn.init.zeros_(network.change.last.weight)
    torch.nn.init.zeros_(network.change.last.bias)
    with torch.no_grad():
        made = network.restyled(begun, keyed(0, 1))
    torch.testing.assert_close(made, torch.full_like(begun, 0.5))  # none of its own details are left


def test_each_picture_is_recoloured_and_restyled_by_itself():
    network, photos = built(), torch.rand(3, 3, 16, 20, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = network.restyled(network.begun(photos), keyed(5, 6, 7))
        alone = network.restyled(network.begun(photos[1:2]), keyed(6))
        other = network.restyled(network.begun(photos[1:2]), keyed(9))
    torch.testing.assert_close(alone, whole[1:2])
    assert not torch.allclose(alone, other)  # by chance


def test_blurring_and_layout_are_of_every_pixel_and_keep_the_mean():
    flat = torch.full((2, 3, 30, 40), 0.25)
    torch.testing.assert_close(blurred(flat, 7), flat)
    torch.testing.assert_close(layout(flat, 7), torch.full((2, 1, 30, 40), 0.25))
    noise = torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(1))
    assert float(layout(noise, 7).std()) < 0.2 * float(noise.mean(1).std())
    assert blurred(noise[..., :3, :2], 9).shape == (1, 3, 3, 2)


def test_grey_pictures_are_recoloured_too():
    style = torch.rand(1, 1, 9, 9, generator=torch.Generator().manual_seed(1)) * 0.2 + 0.3
    found = recoloured(torch.rand(2, 1, 20, 20, generator=torch.Generator().manual_seed(2)), style)
    torch.testing.assert_close(found.mean((1, 2, 3)), style.mean().expand(2), atol=1e-3, rtol=0)
    assert built(channels=1).style.shape == (1, 1, 32, 32)


def test_creations_are_examples_restyled():
    network, data = built(), batch(FEATURES, 3)
    network.warm(lambda: iter([data]), {})
    shown = network.photos(network.embed(data.inputs))
    torch.testing.assert_close(network.examples[:4].float() / 255, shown[[0, 1, 2, 0]], atol=0.003, rtol=0)
    with torch.no_grad():
        made = network.sample(10, Draw(1).keyed(torch.arange(10)))["p"].values
    assert made.shape == (10, 16, 20, 3)
    assert not torch.allclose(made[0], made[8])  # the same example, another chance


def test_the_style_is_a_path_a_text_or_bands(tmp_path: Path):
    assert Stylist(side=40).pixels().shape == (40, 40, 3)
    Image.fromarray(np.full((20, 60, 3), 90, np.uint8)).save(tmp_path / "one.png")
    by_path = Stylist(style=str(tmp_path / "one.png"), side=30)
    text = as_text(str(tmp_path / "one.png"), 30)
    assert np.array_equal(by_path.pixels(), Stylist(style=text, side=30).pixels())
    assert by_path.pixels().shape == (10, 30, 3)
    assert "base64" not in repr(Stylist(style=text))


def test_a_harmed_text_is_named_in_the_recipe():
    with pytest.raises(Exception, match="holds no picture"):
        Stylist(style=TEXT + "AAAA")


def test_what_it_cannot_learn_is_refused():
    with pytest.raises(Refused, match="learns from pictures, and here are none: a"):
        Stylist().takes({"a": NUMBER.space})
    with pytest.raises(Refused, match=r"knows no labels: --set task.condition=\[\]"):
        Stylist().build({**FEATURES, "label": CATEGORY}, {}, 10, ("label",))
    with pytest.raises(Refused, match=r"--set p\.alpha=flatten"):
        Stylist().build({"p": picture(16, 20, 4)}, {}, 10)
    with pytest.raises(Refused, match="without a target"):
        Stylist().build(FEATURES, {"y": 2}, 10)
