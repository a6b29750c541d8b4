"""Maps over pictures."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from deepwright.verbs.heatmaps import overlay, pixels_of, stacked, whereabouts


def test_a_map_is_blue_for_and_orange_against():
    signed = np.zeros((10, 10))
    signed[2, 3], signed[7, 8] = 5.0, -5.0
    colours = overlay(None, signed).astype(int)
    assert colours[2, 3, 2] > colours[2, 3, 0] + 50
    assert colours[7, 8, 0] > colours[7, 8, 2] + 50
    assert (colours[0, 0] == 255).all()


def test_a_map_of_nothing_shows_the_picture_pale():
    below = np.zeros((4, 4, 3), np.uint8)
    assert (overlay(below, np.zeros((4, 4))) > 150).all()


def test_stacked_pictures_are_enlarged_alike():
    top, bottom = np.zeros((28, 20, 3), np.uint8), np.full((28, 20, 3), 255, np.uint8)
    uri = stacked([top, bottom])
    with Image.open(BytesIO(b64decode(uri.partition(",")[2]))) as picture:
        assert picture.mode == "RGBA"
        assert picture.size == (80, 2 * 112 + 6)
        assert picture.getpixel((5, 5)) == (0, 0, 0, 255)
        assert picture.getpixel((5, 114))[3] == 0
        assert picture.getpixel((5, 200)) == (255, 255, 255, 255)


def test_pixels_come_back_from_what_is_shown():
    pixels = np.random.default_rng(0).integers(0, 255, (28, 28, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pixels_of(stacked([pixels]), (28, 28)), pixels)
    assert pixels_of("missing", (28, 28)) is None


@pytest.mark.parametrize(
    ("place", "words"),
    [((0, 0), "the upper left"), ((4, 4), "the middle"), ((8, 4), "the lower"), ((4, 8), "the right")],
)
def test_whereabouts_are_told_in_words(place, words):
    signed = -np.ones((9, 9))
    signed[place] = 1.0
    assert whereabouts(signed).startswith(words)
