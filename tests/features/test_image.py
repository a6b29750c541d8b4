"""The image feature: what it decides from the data, and every promise of the contract."""

import json
import math
from io import BytesIO

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image as Pillow
from pydantic import ValidationError
from sklearn.datasets import load_digits, load_sample_images

from deepwright.contracts import Warp
from deepwright.core.errors import DataError
from deepwright.draw import Draw
from deepwright.features.image import FittedImage, Image
from deepwright.features.survey import area_means
from deepwright.fields import Field
from deepwright.registries import features


def encoded(pixels, suffix="PNG", **options):
    out = BytesIO()
    Pillow.fromarray(pixels).save(out, suffix, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def digits():
    pixels = (load_digits().images * 15.9).astype(np.uint8)
    return pl.Series("image", pixels, dtype=pl.Array(pl.UInt8, (8, 8)))


@pytest.fixture(scope="module")
def photos():
    """24 different pieces of two photographs, of several sizes, as PNG."""
    cuts = [
        one[y : y + 90 + x // 8, x : x + 120]
        for one in load_sample_images().images
        for y in (0, 110, 220)
        for x in (0, 130, 260, 390)
    ]
    return pl.Series("photo", [encoded(cut) for cut in cuts])


def fitted(column, **settings):
    return Image(**settings).fit(Image(**settings).summarise(column))


def test_it_is_registered():
    assert features.get("image") is Image
    assert Image.fitted is FittedImage


def test_small_pictures_of_one_size_stay_as_they_are(digits):
    image = fitted(digits)
    pixels = digits.to_numpy()
    assert image.size == (8, 8)
    assert image.channels == 1
    assert image.mean[0] == pytest.approx(pixels.mean() / 255, abs=1e-5)
    assert image.std[0] == pytest.approx(pixels.std() / 255, abs=1e-5)
    assert np.array_equal(image.encode(digits).values[..., 0].numpy(), pixels)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(96, 60)] * 3, (96, 60)),
        ([(200, 200)] * 3, (64, 64)),
        ([(100, 400)] * 3, (32, 128)),
        ([(30, 50), (41, 60), (90, 44)], (40, 40)),
        ([(300, 500), (410, 600)], (64, 64)),
        ([(5, 6), (7, 9)], (16, 16)),
    ],
)
def test_the_size_is_found_out(sizes, expected):
    column = pl.Series([encoded(np.zeros((*size, 3), np.uint8)) for size in sizes])
    assert fitted(column).size == expected
    assert fitted(column, size=20).size == (20, 20)
    assert fitted(column, size=(20, 12)).size == (20, 12)


def test_grey_pictures_stored_in_colour_are_grey():
    grey = np.random.default_rng(0).integers(0, 255, (12, 12, 1), dtype=np.uint8).repeat(3, 2)
    colour = grey.copy()
    colour[0, 0] = (250, 0, 0)
    assert fitted(pl.Series([encoded(grey)] * 3)).channels == 1
    assert fitted(pl.Series([encoded(grey)] * 3 + [encoded(colour)])).channels == 3
    forced = fitted(pl.Series([encoded(colour)]), channels=1)
    assert forced.encode(pl.Series([encoded(colour)])).values.shape == (1, 12, 12, 1)
    assert forced.mean[0] == pytest.approx(np.asarray(Pillow.fromarray(colour).convert("L")).mean() / 255, abs=2e-3)


def test_mirroring_is_left_to_pictures_that_keep_their_meaning(digits, photos):
    assert not fitted(digits).augmentation.flip
    assert fitted(photos).augmentation.flip
    bars = np.random.default_rng(0).integers(0, 255, (40, 14, 7), dtype=np.uint8)
    symmetric = np.concatenate([bars, bars[:, :, ::-1]], 2)
    column = pl.Series(symmetric, dtype=pl.Array(pl.UInt8, (14, 14)))
    assert fitted(column).augmentation.flip
    assert not fitted(column, flip=False).augmentation.flip
    assert not fitted(column, augment="none").augmentation.flip
    assert fitted(digits, flip=True).augmentation.flip


def test_settings_win_over_the_preset(digits):
    assert fitted(digits, augment="none").augmentation == type(fitted(digits).augmentation)()
    rand = fitted(digits, augment="rand", rand_ops=3, erase=0.0).augmentation
    assert (rand.rand_ops, rand.erase, rand.shift) == (3, 0.0, fitted(digits).augmentation.shift)
    for wrong in ({"size": 0}, {"size": (3, -1)}, {"channels": 2}, {"resize": "warp"}, {"erase": 2.0}, {"flips": True}):
        with pytest.raises(ValidationError):
            Image(**wrong)


def test_summaries_add_up(digits, photos):
    mixed = pl.concat([photos, pl.Series("photo", [b"broken", None]), photos[:3]])
    for column, cut in ((digits, 700), (mixed, 25), (mixed, 10)):
        whole = Image().summarise(column)
        parts = Image().summarise(column[:cut]).merge(Image().summarise(column[cut:]))
        for name in ("rows", "missing", "unreadable", "first", "sizes", "modes", "grey", "symmetric", "readable"):
            assert getattr(parts, name) == getattr(whole, name), name
        assert parts.plain.sums == pytest.approx(whole.plain.sums)
        assert parts.plain.squares == pytest.approx(whole.plain.squares)
    assert whole.unreadable == 1
    assert whole.first[:2] == (24, "no picture")


def test_nothing_to_read_is_said_in_a_sentence(tmp_path):
    lost = pl.Series("photo", [str(tmp_path / "a.png"), None])
    with pytest.raises(
        DataError, match=r"None of the 1 pictures in the column 'photo' .*a\.png' in row 1, is not found"
    ):
        fitted(lost)
    with pytest.raises(DataError, match="'photo' holds no pictures: all 2 training rows are empty"):
        fitted(pl.Series("photo", [None, None], dtype=pl.String))


def test_deep_pictures_are_scaled_by_their_training_rows():
    raw = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)
    column = pl.Series([encoded(raw), encoded(raw // 2)])
    image = fitted(column)
    values = image.encode(column).values.numpy()[..., 0]
    assert image.deep == (0.0, 4095.0)
    assert np.abs(values[0] - raw * (255 / 4095)).max() <= 0.5
    assert np.abs(values[1] - raw * (127.5 / 4095)).max() <= 1
    assert image.mean[0] == pytest.approx(values.mean() / 255, abs=1e-3)
    assert image.std[0] == pytest.approx(values.std() / 255, abs=1e-3)
    assert [finding.code for finding in image.findings(column)] == ["deep"]


def test_missing_and_broken_pictures_are_the_mean_colour(photos):
    image = fitted(photos)
    column = pl.Series([photos[0], None, b"\x89PNG broken", photos[1]])
    field = image.encode(column)
    assert field.present.tolist() == [True, False, False, True]
    z = image.embedder()(field.values)
    assert z[1:3].abs().max() < 0.01
    assert image.encode(photos).present is None
    nothing = image.encode(pl.Series([None, None]))
    assert nothing.values.shape == (2, *image.space.shape)
    assert not nothing.present.any()
    assert image.encode(pl.Series([], dtype=pl.String)).values.shape == (0, *image.space.shape)


def test_encoding_is_repeatable_and_knows_no_other_rows(photos):
    image = fitted(photos)
    whole = image.encode(photos).values
    assert torch.equal(whole, image.encode(photos).values)
    alone = torch.cat([image.encode(photos[row : row + 1]).values for row in range(len(photos))])
    assert torch.equal(whole, alone)


def test_state_is_json_and_comes_back(photos):
    image = fitted(photos, augment="rand", resize="pad")
    again = FittedImage.from_state(json.loads(json.dumps(image.to_state())))
    assert again == image
    assert torch.equal(again.encode(photos).values, image.encode(photos).values)


@pytest.mark.parametrize("channels", [1, 3])
def test_z_is_normalised_and_within_its_space(photos, channels):
    image = fitted(photos, channels=channels)
    stored, space, embed = image.encode(photos).values, image.space, image.embedder()
    z = embed(stored)
    assert z.dtype == torch.float32
    assert tuple(z.shape[1:]) == space.shape == (64, 64, channels)
    assert torch.allclose(z, (stored / 255 - torch.tensor(image.mean)) / torch.tensor(image.std), atol=1e-5)
    assert torch.allclose(z, embed(stored.float()))
    assert z.mean().abs() < 0.1
    assert z.std() == pytest.approx(1, abs=0.1)
    assert (z >= space.low - 1e-5).all()
    assert (z <= space.high + 1e-5).all()
    assert torch.allclose(embed(stored.float() + 1) - z, space.scale.expand_as(z), atol=1e-4)
    assert not space.frozen.any()
    leaf = stored.float().requires_grad_()
    embed(leaf).sum().backward()
    assert torch.allclose(leaf.grad, space.scale.expand_as(leaf))


def test_decode_gives_back_what_was_encoded(photos, digits):
    for column in (photos, digits):
        image = fitted(column)
        field = image.encode(column[:5])
        field = Field(image.embedder()(field.values), present=torch.tensor([True, True, False, True, True]))
        files = image.decode(field)
        assert files.dtype == pl.Binary
        assert files.is_null().to_list() == [False, False, True, False, False]
        again = image.encode(files).values
        assert torch.equal(again[[0, 1, 3, 4]], image.encode(column[:5]).values[[0, 1, 3, 4]])


def test_attributions_fold_to_pixels_and_keep_their_sum(photos):
    image = fitted(photos)
    attribution = torch.randn(4, 64, 64, 3)
    folded = image.per_unit(attribution)
    assert folded.shape == (4, 64, 64)
    assert torch.allclose(folded.sum((1, 2)), attribution.sum((1, 2, 3)), atol=1e-3)
    assert (image.baseline(Field(attribution)).values == 0).all()


def test_augment_keeps_the_field_and_tells_the_warp(photos):
    image = fitted(photos)
    field = Field(image.encode(photos).values, present=torch.ones(24, dtype=torch.bool))
    changed, warp = image.augment(field, Draw(1).keyed(torch.arange(24)))
    assert isinstance(warp, Warp)
    assert warp.matrix.shape == (24, 2, 3)
    assert changed.present is field.present
    assert changed.values.dtype == torch.uint8
    assert not torch.equal(changed.values, field.values)
    same, none = fitted(photos, augment="none").augment(field, Draw(1))
    assert none is None
    assert torch.equal(same.values, field.values)


def test_baseline_columns_are_means_of_areas(digits, photos):
    frame = fitted(digits).baseline_columns(pl.concat([digits[:3], digits[:1].clear(1)]))
    assert frame.shape == (4, 64)
    assert np.allclose(frame[:3].to_numpy(), digits[:3].to_numpy().reshape(3, 64) / 255, atol=1e-6)
    assert np.isnan(frame[3].to_numpy()).all()
    image = fitted(photos)
    found = image.baseline_columns(photos).to_numpy().reshape(24, 8, 8, 3)
    expected = image.encode(photos).values.numpy().reshape(24, 8, 8, 8, 8, 3).mean((2, 4)) / 255
    assert np.allclose(found, expected, atol=1e-5)


def test_few_pictures_are_looked_at_together_and_it_does_not_show(photos, monkeypatch):
    image = fitted(photos)
    means, hashes = image.baseline_columns(photos), image.fingerprint(photos)
    lengths = []
    real = area_means
    watched = lambda pixels, *size: lengths.append(len(pixels)) or real(pixels, *size)  # noqa: E731
    monkeypatch.setattr("deepwright.features.image.area_means", watched)
    monkeypatch.setattr("deepwright.features.image._AT_ONCE", 5 * 4 * math.prod(image.size) * 3)
    monkeypatch.setattr("deepwright.features.survey._HASHED", 7)
    assert np.allclose(image.baseline_columns(photos).to_numpy(), means.to_numpy(), atol=1e-6)
    assert max(lengths) == 5
    assert (image.fingerprint(photos) == hashes).all()


def test_findings_name_what_is_wrong(tmp_path, photos):
    (tmp_path / "cut.png").write_bytes(photos[0][:900])
    (tmp_path / "flat.png").write_bytes(encoded(np.full((70, 60, 3), 8, np.uint8)))
    (tmp_path / "icon.png").write_bytes(photos[0])
    (tmp_path / "large.png").write_bytes(
        encoded(np.random.default_rng(0).integers(0, 255, (600, 620, 3), dtype=np.uint8))
    )
    (tmp_path / "long.png").write_bytes(
        encoded(np.random.default_rng(0).integers(0, 255, (60, 620, 3), dtype=np.uint8))
    )
    names = ["icon.png", "cut.png", "flat.png", "gone.png", "large.png", "long.png"]
    column = pl.Series("photo", [*[str(tmp_path / name) for name in names], None])
    found = {finding.code: finding for finding in fitted(column).findings(column)}
    assert found.keys() == {"missing", "unreadable", "blank", "sizes", "cropped"}
    assert (found["missing"].count, found["missing"].row) == (1, 6)
    assert (found["unreadable"].count, found["unreadable"].row) == (2, 1)
    assert found["unreadable"].values == ("cut.png", "gone.png")
    assert found["unreadable"].severity == "warning"
    assert str(tmp_path) not in found["unreadable"].text
    assert (found["blank"].count, found["blank"].row) == (1, 2)
    assert "620 × 600" in found["sizes"].text
    assert (found["cropped"].count, found["cropped"].row) == (1, 5)
    assert fitted(photos).findings(photos) == []


def test_fingerprints_know_copies_and_tell_pictures_apart(digits, photos):
    image = fitted(photos)
    hashes = image.fingerprint(photos)
    assert hashes.dtype == np.uint64
    assert len(np.unique(hashes)) == len(photos)
    opened = [Pillow.open(BytesIO(data)) for data in photos]
    copies = {
        "jpeg": [encoded(np.asarray(one), "JPEG", quality=90) for one in opened],
        "half": [encoded(np.asarray(one.resize((one.width // 2, one.height // 2)))) for one in opened],
        "brighter": [encoded((np.asarray(one) * 0.9 + 12).astype(np.uint8)) for one in opened],
    }
    for name, files in copies.items():
        assert (image.fingerprint(pl.Series(files)) == hashes).mean() > 0.5, name
    drawn = fitted(digits).fingerprint(digits)
    assert len(np.unique(drawn)) == len(np.unique(digits.to_numpy().reshape(-1, 64), axis=0))


def test_fingerprints_of_missing_and_blank_pictures():
    shades = [encoded(np.full((20, 30), shade, np.uint8)) for shade in (0, 120, 255, 120)]
    found = fitted(pl.Series(shades)).fingerprint(pl.Series([*shades, None, None, b"broken"]))
    assert found[1] == found[3]
    assert len(np.unique(found)) == 6


def test_a_file_that_changes_is_looked_at_again(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(encoded(np.full((9, 9), 10, np.uint8)))
    column = pl.Series([str(file)])
    assert fitted(column).mean[0] == pytest.approx(10 / 255, abs=1e-6)
    file.write_bytes(encoded(np.full((9, 12), 250, np.uint8)))
    assert fitted(column).mean[0] == pytest.approx(250 / 255, abs=1e-6)
    assert fitted(column).size == (9, 12)
    file.unlink()
    assert [
        finding.code for finding in FittedImage(size=(9, 9), channels=1, mean=(0.5,), std=(0.2,)).findings(column)
    ] == ["unreadable"]


def test_pictures_are_shown_whole_and_large_enough(digits, photos):
    from base64 import b64decode

    def shown(uri):
        head, _, data = uri.partition(",")
        assert head == "data:image/png;base64"
        return Pillow.open(BytesIO(b64decode(data)))

    first = shown(fitted(digits).show(digits[:1])[0])
    assert first.size == (112, 112)
    assert np.array_equal(np.asarray(first)[7::14, 7::14], digits[:1].to_numpy()[0])
    wide = encoded(np.zeros((100, 400, 3), np.uint8))
    words = fitted(photos).show(pl.Series([wide, None, b"broken"]))
    assert shown(words[0]).size == (160, 40)
    assert words[1:] == ["missing", "no picture"]


@pytest.mark.parametrize("score", [1.0, 0.9])
def test_what_suits(tmp_path, photos, digits, score):
    for name in "abcdefghij":
        (tmp_path / f"{name}.JPG").write_bytes(b"")
    paths = [str(tmp_path / f"{name}.JPG") for name in "abcdefghij"]
    odd = paths if score == 1.0 else [*paths[:9], "none"]
    assert Image.suits(pl.Series(odd)).score == pytest.approx(0.98 * score)
    assert Image.suits(pl.Series(["x/a.png", "x/b.png"])).score == 0.2
    assert Image.suits(digits).score == 1.0
    assert Image.suits(photos).score == 1.0
    assert Image.suits(pl.Series([b"abc", photos[0], photos[1]])).score == pytest.approx(2 / 3)
    for other in (["cat", "dog"], [b"abc"], [1, 2], [None], ["a.png", "b", "c"], [[1, 2], [3, 4]]):
        assert Image.suits(pl.Series(other)) is None
    sounds = pl.Series(np.zeros((2, 9, 9, 7), np.uint8), dtype=pl.Array(pl.UInt8, (9, 9, 7)))
    assert Image.suits(sounds) is None


def test_where_pictures_are_created_they_stay_whole_and_small():
    free = Image().creating(None, {})
    assert (free.resize, free.beside, free.most) == ("pad", "border", 32)
    assert [Image().creating(seconds, {}).most for seconds in (600.0, 1800.0, 7200.0)] == [32, 48, 64]
    assert Image(resize="crop", most=80).creating(60.0, {}).resize == "crop"
    assert Image(resize="crop", most=80).creating(60.0, {}).most == 80


def test_transparent_places_are_told():
    pixels = np.zeros((6, 6, 4), np.uint8)
    pixels[2:4, 2:4] = 255
    out = BytesIO()
    Pillow.fromarray(pixels).save(out, "PNG")
    column = pl.Series("photo", [out.getvalue()] * 3)
    found = fitted(column).findings(column)
    assert [f.text for f in found if f.code == "transparent"] == [
        "3 pictures of 'photo' have transparent places; these become white (--set features.photo.alpha=keep learns them)."
    ]


def test_an_opaque_picture_with_alpha_is_not_transparent_and_one_colour_that_is_none_is():
    opaque, palette = BytesIO(), BytesIO()
    Pillow.fromarray(np.full((6, 6, 4), 255, np.uint8)).save(opaque, "PNG")
    Pillow.fromarray(np.arange(36, dtype=np.uint8).reshape(6, 6)).convert("P").save(palette, "PNG", transparency=7)
    column = pl.Series("photo", [opaque.getvalue(), palette.getvalue()])
    (finding,) = [f for f in fitted(column).findings(column) if f.code == "transparent"]
    assert (finding.count, finding.row) == (1, 1)
