"""Lone pictures: read small, and as a text that holds all of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepwright.core.errors import DataError
from deepwright.data.sources.pictures import TEXT, as_text, pixels_of, shrunk


def picture(height: int = 30, width: int = 50) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([4 * x, 255 - 8 * y, 2 * x + 3 * y], 2).astype(np.uint8)


def test_a_text_holds_what_its_file_held(tmp_path: Path) -> None:
    path = tmp_path / "painting.png"
    Image.fromarray(picture()).save(path)
    text = as_text(str(path), 40)
    assert text.startswith(TEXT)
    assert np.array_equal(pixels_of(text, 40), pixels_of(str(path), 40))
    path.unlink()
    assert as_text(text, 20) == text
    assert pixels_of(text, 40).shape == (24, 40, 3)
    assert pixels_of(text, 20).shape == (12, 20, 3)
    small = np.asarray(Image.fromarray(picture()).resize((40, 24), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(pixels_of(text, 40) - small).mean() < 3


def test_transparent_places_are_white_and_small_pictures_stay_small(tmp_path: Path) -> None:
    alpha = np.full((30, 50, 1), 255, np.uint8)
    alpha[:10] = 0
    Image.fromarray(np.concatenate([picture(), alpha], 2)).save(tmp_path / "cut.png")
    pixels = shrunk(tmp_path / "cut.png", 400)
    assert pixels.shape == (30, 50, 3)
    assert (pixels[:10] == 255).all()
    assert np.array_equal(pixels[10:], picture()[10:])


def test_what_is_no_picture_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("hello")
    for path, words in ((tmp_path / "words.png", "cannot be read as a picture"), (tmp_path / "gone.png", "no file")):
        with pytest.raises(DataError, match=words):
            as_text(str(path), 64)
    with pytest.raises(DataError, match="holds no picture; give the path of one"):
        pixels_of(TEXT + "aGVsbG8=", 64)
