"""One picture as a table of tiles: cut side by side, upright, or a sentence that says why not."""

import numpy as np
import pytest
from PIL import Image

from deepwright.core.errors import DataError
from deepwright.data.sources import Folder, Tiles, detect


def picture(path, height=96, width=128, mode="RGB"):
    places = np.arange(height * width).reshape(height, width)
    Image.fromarray(np.stack([places % 256, places // 256, places % 7], 2).astype(np.uint8)).convert(mode).save(path)
    return path


def test_tiles_lie_side_by_side_in_reading_order(tmp_path):
    settings = detect(picture(tmp_path / "a.png"), creating=True)
    table = settings.model_copy(update={"side": 32}).open()
    whole = np.asarray(Image.open(tmp_path / "a.png"))
    tiles = table.select(["image"])["image"].to_numpy()
    assert tiles.shape == (12, 32, 32, 3)
    assert np.array_equal(tiles[0], whole[:32, :32])
    assert np.array_equal(tiles[5], whole[32:64, 32:64])
    assert "cut into 12 tiles of 32 × 32 pixels at 128 × 96" in table.findings[0].text
    assert [path.name for path in table.files] == ["a.png"]


def test_a_large_picture_is_shrunk_and_a_small_one_gives_smaller_tiles(tmp_path):
    large = Tiles(path=str(picture(tmp_path / "a.png", 512, 1024))).open()
    assert (large.height, large.select(["image"])["image"].dtype.shape) == (32, (32, 32, 3))
    small = Tiles(path=str(picture(tmp_path / "b.png", 48, 48))).open()
    assert (small.height, small.select(["image"])["image"].dtype.shape) == (36, (8, 8, 3))


def test_what_is_transparent_is_laid_over_white(tmp_path):
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert int(Tiles(path=str(tmp_path / "a.png")).open().select(["image"])["image"].to_numpy().min()) == 255


def test_a_folder_with_one_picture_is_that_picture_where_it_is_to_be_learnt_from(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("mine")
    assert detect(tmp_path, creating=True) == Tiles(path=str(tmp_path / "a.png"))
    assert isinstance(detect(tmp_path), Folder)  # whoever asks what is in it means one picture
    with pytest.raises(DataError, match=r"'\.png' are not known"):
        detect(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    assert isinstance(detect(tmp_path, creating=True), Folder)


@pytest.mark.parametrize(("content", "said"), [(b"no picture", "cannot be read as a picture"), (None, "give larger")])
def test_what_cannot_be_cut_gets_a_sentence(tmp_path, content, said):
    path = tmp_path / "a.png"
    if content is None:
        picture(path, 20, 12)
        said = "gives 2 tiles of 8; at least 3 are needed"
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        Tiles(path=str(path)).open()
