"""Pictures with transparent places: flattened unless asked for, otherwise learnt, changed and created with their alpha."""

from io import BytesIO

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image as Pillow
from pydantic import ValidationError

from deepwright.draw import Draw
from deepwright.features.image import FittedImage, Image
from deepwright.features.transparency import over_white, premultiplied, straight


def encoded(pixels: np.ndarray) -> bytes:
    out = BytesIO()
    Pillow.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def stickers(count: int = 12, side: int = 16) -> list[np.ndarray]:
    """Coloured discs with a soft edge on nothing; what lies under nothing is a garish green."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    found = []
    for number in range(count):
        disc = np.clip((side / 2 - 1 - np.hypot(x, y - number % 3)) * 100, 0, 255).astype(np.uint8)
        colour = np.array([number * 20 % 256, 80, 255 - number * 20 % 256])
        pixels = np.where(disc[..., None] > 0, colour, [0, 255, 0]).astype(np.uint8)
        found.append(np.concatenate([pixels, disc[..., None]], 2))
    return found


COLUMN = pl.Series("sticker", [encoded(one) for one in stickers()], dtype=pl.Binary)


def fitted(column: pl.Series = COLUMN, **settings: object) -> FittedImage:
    image = Image(**settings)  # type: ignore[arg-type]
    return image.fit(image.summarise(column), column.name)


def test_multiplying_is_undone_where_something_is_seen() -> None:
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (500, 4), dtype=np.uint8)
    multiplied = premultiplied(pixels)
    assert (multiplied[:, :3] <= multiplied[:, 3:]).all()
    back = straight(multiplied)
    seen = np.abs(over_white(back).astype(int) - over_white(pixels))
    assert seen.max() <= 1  # on a ground nobody sees a difference
    assert (back[pixels[:, 3] == 255] == pixels[pixels[:, 3] == 255]).all()
    assert (straight(np.zeros((1, 4), np.uint8)) == 0).all()


def test_transparency_is_flattened_unless_asked_for() -> None:
    plain, kept = fitted(), fitted(alpha="keep")
    assert (plain.channels, kept.channels) == (3, 4)
    white = plain.encode(COLUMN).values
    alpha = kept.encode(COLUMN).values
    assert tuple(white[0, 0, 0].tolist()) == (255, 255, 255)
    assert tuple(alpha[0, 0, 0].tolist()) == (0, 0, 0, 0)  # nothing is left of the green that nobody sees
    assert tuple(alpha[2, 8, 8].tolist()) == (40, 80, 215, 255)
    (here,) = [found.text for found in plain.findings(COLUMN) if found.code == "transparent"]
    (there,) = [found.text for found in kept.findings(COLUMN) if found.code == "transparent"]
    assert "these become white (--set features.sticker.alpha=keep learns them)" in here
    assert there.endswith("transparent places; these are learnt.")


@pytest.mark.parametrize("settings", [{}, {"size": 10}, {"size": (8, 20), "resize": "pad", "beside": "border"}, {"resize": "stretch"}])  # fmt: skip
def test_decoding_gives_transparent_pictures(settings: dict[str, object]) -> None:
    image = fitted(alpha="keep", **settings)
    field = image.encode(COLUMN)
    embedder = image.embedder()
    png = image.decode(field.with_values(embedder(field.values)))
    with Pillow.open(BytesIO(png[3])) as picture:
        assert picture.mode == "RGBA"
        assert picture.size == image.size[::-1]
    again = image.encode(png)
    assert (again.values.int() - field.values.int()).abs().max() <= 1


def test_all_kinds_of_pictures_get_four_channels() -> None:
    image = fitted(alpha="keep", size=16)
    grey, colour = np.full((16, 16), 90, np.uint8), np.full((16, 16, 3), (1, 2, 3), np.uint8)
    cells = pl.Series("sticker", [encoded(grey), encoded(colour), None], dtype=pl.Binary)
    values = image.encode(cells).values[:, 4, 4].tolist()
    assert values == [[90, 90, 90, 255], [1, 2, 3, 255], [0, 0, 0, 0]]
    pixels = np.stack(stickers(3))
    arrays = pl.Series("sticker", pixels, dtype=pl.Array(pl.UInt8, (16, 16, 4)))
    files = pl.Series("sticker", [encoded(one) for one in pixels], dtype=pl.Binary)
    torch.testing.assert_close(image.encode(arrays).values, image.encode(files).values, atol=0, rtol=0)
    two = pl.Series("sticker", pixels[..., [0, 3]], dtype=pl.Array(pl.UInt8, (16, 16, 2)))
    assert image.encode(two).values[1, 8, 8].tolist() == [20, 20, 20, 255]


def test_changes_of_training_pictures_leave_colours_below_their_alpha() -> None:
    image = fitted(alpha="keep", augment="rand", brightness=0.5, contrast=0.5, saturation=0.5, rotate=20.0)
    changed, _ = image.augment(image.encode(COLUMN), Draw(3).keyed(torch.arange(len(COLUMN))))
    values = changed.values
    assert (values[..., :3] <= values[..., 3:]).all()
    assert (values != image.encode(COLUMN).values).any()


def test_what_was_stored_before_there_was_a_choice_keeps_its_hash() -> None:
    assert "alpha" not in Image().model_dump()
    assert Image(alpha="keep").model_dump()["alpha"] == "keep"
    assert Image.model_validate(Image(alpha="keep").model_dump()).alpha == "keep"


def test_channels_and_alpha_are_not_both_said() -> None:
    with pytest.raises(ValidationError, match="leave channels out"):
        Image(alpha="keep", channels=3)
