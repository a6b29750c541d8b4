"""Pictures of every mode, orientation and state of decay become pixels of one shape, or a reason."""

from io import BytesIO

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow
from PIL import ImageOps
from sklearn.datasets import load_sample_images

from deepwright.core.errors import DataError
from deepwright.features.decoding import Fault, Frame, column_pixels, read_all, read_column, read_picture, value_range

COLOUR = Frame(6, 6, "crop", 3, (9, 9, 9), "own")


def encoded(image, suffix="PNG", **options):
    out = BytesIO()
    image.save(out, suffix, **options)
    return out.getvalue()


def flat(mode, value):
    return Pillow.new(mode, (6, 6), value)


def palette(transparent):
    image = Pillow.new("P", (6, 6), 1)
    image.putpalette([0, 0, 0, 200, 100, 50] + [0] * 750)
    return encoded(image, transparency=1) if transparent else encoded(image)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(flat("1", 1)), (255, 255, 255)),
        (encoded(flat("L", 90)), (90, 90, 90)),
        (encoded(flat("LA", (0, 51))), (204, 204, 204)),
        (encoded(flat("RGB", (200, 100, 50))), (200, 100, 50)),
        (encoded(flat("RGBA", (255, 0, 0, 51))), (255, 204, 204)),
        (encoded(flat("RGB", (1, 2, 3)), transparency=(1, 2, 3)), (255, 255, 255)),
        (palette(False), (200, 100, 50)),
        (palette(True), (255, 255, 255)),
        (encoded(flat("CMYK", (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
        (encoded(Pillow.fromarray(np.full((6, 6), 65535 // 5, np.uint16))), (51, 51, 51)),
        (encoded(Pillow.fromarray(np.full((6, 6), 0.2, np.float32)), "TIFF"), (51, 51, 51)),
        (encoded(flat("RGB", (200, 100, 50)), "BMP"), (200, 100, 50)),
        (encoded(flat("RGB", (200, 100, 50)), "WEBP", lossless=True), (200, 100, 50)),
    ],
)
def test_every_mode_has_its_colour(data, expected):
    deep = Frame(6, 6, "crop", 3, (9, 9, 9), (0.0, 65535.0) if b"IHDR" in data else (0.0, 1.0))
    values, good = read_column(pl.Series([data]), deep)
    assert good.all()
    assert values.shape == (1, 6, 6, 3)
    assert (values == np.array(expected)).all()


def test_jpeg_in_cmyk_and_grey_and_animations():
    red = read_picture(encoded(flat("CMYK", (0, 255, 255, 0)), "JPEG"), COLOUR)
    assert np.abs(red.pixels.astype(int) - (255, 0, 0)).max() <= 3
    grey = read_picture(encoded(flat("L", 90), "JPEG"), Frame(6, 6))
    assert grey.pixels.shape == (6, 6, 1)
    frames = encoded(flat("L", 10), "GIF", save_all=True, append_images=[flat("L", 250)])
    assert (read_picture(frames, COLOUR).pixels == 10).all()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_cameras_held_sideways(orientation, format):
    pixels = np.zeros((30, 50, 3), np.uint8)
    pixels[:15, :25] = (250, 40, 40)
    pixels[15:, 25:] = (40, 40, 250)
    tags = Pillow.Exif()
    tags[0x0112] = orientation
    data = encoded(Pillow.fromarray(pixels), format, exif=tags)
    plain = Pillow.fromarray(pixels)
    plain.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(plain))
    read = read_picture(data, Frame(64, 64))
    assert read.size == expected.shape[:2]
    assert np.abs(read.pixels.astype(int) - expected).mean() < 8


def test_size_is_upright_and_whole_also_where_jpeg_decodes_a_smaller_one():
    tags = Pillow.Exif()
    tags[0x0112] = 6
    read = read_picture(encoded(Pillow.new("RGB", (640, 320)), "JPEG", exif=tags), Frame(20, 20))
    assert read.size == (640, 320)
    assert read.pixels.shape == (20, 10, 3)


def broken_files(folder):
    photo = encoded(Pillow.fromarray(load_sample_images().images[0]), "JPEG")
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    still = encoded(Pillow.fromarray(noise))
    files = {
        "cut.jpg": photo[: len(photo) // 2],
        "cut.png": still[: len(still) // 2],
        "damaged.png": still[:200] + bytes(300) + still[500:],
        "cut.tiff": encoded(Pillow.fromarray(noise), "TIFF")[:300],
        "cut.gif": encoded(Pillow.fromarray(noise), "GIF")[:900],
        "empty.png": b"",
        "words.png": b"not a picture at all",
        "program.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "folder.png").mkdir()
    return [*files, "folder.png", "nowhere.png", "bad\0name.png"]


def test_broken_files_are_counted_and_never_stop_anything(tmp_path):
    names = broken_files(tmp_path)
    good = tmp_path / "good.png"
    flat("L", 70).save(good)
    column = pl.Series([str(tmp_path / name) for name in names] + [str(good), None, "", "  "])
    values, there = read_column(column, COLOUR)
    assert there.tolist() == [False] * len(names) + [True, False, False, False]
    assert (values[there] == 70).all()
    assert (values[~there] == 9).all()
    reasons = {name: read_picture(str(tmp_path / name), COLOUR).reason for name in names}
    assert reasons["nowhere.png"] == "not found"
    assert reasons["empty.png"] == "empty"
    assert reasons["words.png"] == reasons["program.png"] == "no picture"
    assert reasons["cut.jpg"] == reasons["cut.png"] == "cut short or broken"


def test_the_same_broken_bytes_as_bytes(tmp_path):
    names = [name for name in broken_files(tmp_path) if (tmp_path / name.replace("\0", "")).is_file()]
    _, there = read_column(pl.Series([(tmp_path / name).read_bytes() for name in names]), COLOUR)
    assert len(names) == 8
    assert not there.any()


@pytest.mark.parametrize("side", [9_600, 14_000])  # beyond Pillow's warning, and beyond its limit
def test_a_small_file_that_unpacks_to_a_monster_is_refused(side):
    data = encoded(Pillow.new("1", (side, side)))
    values, there = read_column(pl.Series([data]), COLOUR)
    assert len(data) < 100_000
    assert not there.any()
    assert (values == 9).all()
    (read,) = read_all([data], COLOUR)
    assert isinstance(read, Fault)
    assert "pixels" in read.reason


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("crop", [[1, 2], [1, 2]]),
        ("stretch", [[0, 3], [0, 3]]),
        ("pad", [[9, 9], [0, 3]]),
    ],
)
def test_crop_pad_and_stretch(fit, expected):
    wide = np.repeat(np.repeat(np.array([[0, 1, 2, 3]], np.uint8) * 60, 40, 0), 20, 1)  # 40 × 80: four stripes
    frame = Frame(40, 40, fit, 1, (9 * 28,))
    values, _ = read_column(pl.Series([encoded(Pillow.fromarray(wide))]), frame)
    assert values.shape == (1, 40, 40, 1)
    corners = values[0, [2, 20]][:, [2, 37], 0]
    assert np.abs(corners - np.array(expected) * np.where(np.array(expected) == 9, 28, 60)).max() <= 6


def test_a_padded_picture_can_go_on_with_the_colour_of_its_border():
    wide = np.full((20, 40, 3), (200, 30, 10), np.uint8)
    wide[5:15, 10:30] = 255
    values, _ = read_column(
        pl.Series([encoded(Pillow.fromarray(wide))]), Frame(40, 40, "pad", 3, (9, 9, 9), None, "border")
    )
    assert values[0, 2, 20].tolist() == values[0, 37, 3].tolist() == [200, 30, 10]
    assert values[0, 20, 20].tolist() == [255, 255, 255]


def test_paths_bytes_and_pixels_give_the_same(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (20, 12, 10, 3), dtype=np.uint8)
    files = [encoded(Pillow.fromarray(one)) for one in pixels]
    for place, data in enumerate(files):
        (tmp_path / f"{place}.png").write_bytes(data)
    columns = [
        pl.Series([str(tmp_path / f"{place}.png") for place in range(20)]), pl.Series(files),
        pl.Series(pixels, dtype=pl.Array(pl.UInt8, (12, 10, 3))),
    ]  # fmt: skip
    for frame in (Frame(12, 10, "crop", 3, (0, 0, 0)), Frame(8, 8, "pad", 1, (5,))):
        first, *others = (read_column(column, frame)[0] for column in columns)
        assert all(np.array_equal(first, other) for other in others)


def test_pixels_with_alpha_gaps_and_channels_first():
    rgba = np.zeros((3, 5, 7, 4), np.uint8)
    rgba[..., 3] = np.array([0, 51, 255])[:, None, None]
    pixels, there = column_pixels(pl.Series([rgba[0], None, rgba[1], rgba[2]], dtype=pl.Array(pl.UInt8, (5, 7, 4))))
    assert there.tolist() == [True, False, True, True]
    assert pixels[:, 0, 0, 0].tolist() == [255, 0, 204, 0]
    first = np.random.default_rng(0).integers(0, 255, (2, 3, 9, 8), dtype=np.uint8)
    pixels, _ = column_pixels(pl.Series(first, dtype=pl.Array(pl.UInt8, (3, 9, 8))))
    assert np.array_equal(pixels, first.transpose(0, 2, 3, 1))


def test_a_large_photo_is_shrunk_well():
    photo = np.tile(load_sample_images().images[0], (4, 4, 1))  # 1708 × 2560: JPEG decodes it at an eighth
    data = encoded(Pillow.fromarray(photo), "JPEG", quality=95)
    values, _ = read_column(pl.Series([data]), Frame(32, 32, "stretch", 3, (0, 0, 0)))
    slow = np.asarray(Pillow.fromarray(photo).resize((32, 32), Pillow.Resampling.BICUBIC))
    assert np.abs(values[0].astype(int) - slow).mean() < 3


def test_other_columns_are_refused_in_words():
    with pytest.raises(DataError, match=r"'size' should hold pictures .* Int64"):
        read_column(pl.Series("size", [1, 2]), COLOUR)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, (0, 1)), (0, 200, (0, 255)), (5, 256, (0, 511)), (0, 4095, (0, 4095)), (0, 65535, (0, 65535)), (-5, 5, (-5, 5)), (-5, -5, (-5, -4))],
)  # fmt: skip
def test_black_and_white_of_deep_pictures(low, high, expected):
    assert value_range(low, high) == expected
