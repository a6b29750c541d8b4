"""Random changes of pictures: each row its own, the same however a batch is split, and what they say they are."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from PIL import ImageEnhance, ImageOps
from sklearn.datasets import load_sample_images

from deepwright.draw import Draw
from deepwright.features import tones
from deepwright.features.augment import Augmentation, augment_pictures
from deepwright.features.randaugment import OPERATIONS, random_tones

EVERYTHING = Augmentation(
    shift=0.1, flip=True, rotate=15, zoom=0.2, brightness=0.3, contrast=0.3, saturation=0.3, erase=0.3, rand_ops=3,
    rand_magnitude=0.7,
)  # fmt: skip
SETTINGS = {
    "moves": Augmentation(shift=0.1, flip=True),
    "turns": Augmentation(rotate=20, zoom=0.2),
    "colours": Augmentation(brightness=0.4, contrast=0.4, saturation=0.4),
    "covers": Augmentation(erase=0.3),
    "rand": Augmentation(rand_ops=2, rand_magnitude=0.5),
    "everything": EVERYTHING,
}


def pictures(rows=12, height=24, width=20, channels=3):
    photo = load_sample_images().images[0]
    corners = np.random.default_rng(0).integers(0, 380, (rows, 2))
    cut = np.stack([photo[y : y + height, x : x + width] for y, x in corners])
    return torch.from_numpy(cut[..., :channels].copy())


def augmented(values, how, rows=None, step=3):
    fill = torch.full((values.shape[3],), 77, dtype=torch.uint8)
    rows = torch.arange(len(values)) if rows is None else rows
    return augment_pictures(values, how, fill, Draw(1, step).of("augment").keyed(rows))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_split_batch_is_augmented_the_same(name, channels):
    values, rows = pictures(channels=channels), torch.tensor([7, 3, 900, 4, 12, 1, 0, 5, 6, 77, 78, 79])
    whole, matrix = augmented(values, SETTINGS[name], rows)
    for cuts in ((1, 11), (5, 7), (3, 3, 6)):
        parts = [augmented(v, SETTINGS[name], r) for v, r in zip(values.split(cuts), rows.split(cuts), strict=True)]
        assert torch.equal(whole, torch.cat([part for part, _ in parts]))
        if matrix is not None:
            assert torch.equal(matrix, torch.cat([part for _, part in parts]))
    assert whole.dtype == torch.uint8
    assert whole.shape == values.shape
    assert whole.is_contiguous()


@pytest.mark.parametrize("name", SETTINGS)
def test_rows_steps_and_repeats(name):
    values = pictures(1).expand(12, -1, -1, -1)
    once, _ = augmented(values, SETTINGS[name])
    assert torch.equal(once, augmented(values, SETTINGS[name])[0])
    assert not torch.equal(once, augmented(values, SETTINGS[name], step=4)[0])
    assert len({bytes(one.numpy().tobytes()) for one in once}) > 4
    free, _ = augment_pictures(values, SETTINGS[name], torch.zeros(3, dtype=torch.uint8), Draw(1))
    assert free.shape == values.shape
    assert torch.equal(values, pictures(1).expand(12, -1, -1, -1))  # the stored pictures are never written to


def test_nothing_configured_changes_nothing():
    values = pictures()
    same, matrix = augmented(values, Augmentation())
    assert same is values
    assert matrix is None
    empty, _ = augmented(values[:0], EVERYTHING)
    assert empty.shape == (0, 24, 20, 3)


def test_shifts_are_crops_of_a_mirrored_border():
    values = pictures(200, 24, 20)
    moved, matrix = augmented(values, Augmentation(shift=0.1, flip=True))
    seen = set()
    for before, after, place in zip(values.numpy(), moved.numpy(), matrix, strict=True):
        mirrored = bool(place[0, 0] < 0)
        down, right = round(float(place[1, 2]) * 12), round(float(place[0, 2]) * 10)
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        columns = (19 - np.arange(20) if mirrored else np.arange(20)) + 2 + right
        assert np.array_equal(after, padded[2 + down : 26 + down][:, columns])
        seen.add((down, right, mirrored))
    assert len(seen) == 5 * 5 * 2  # every shift up to 2 pixels, both ways


@pytest.mark.parametrize("name", ["moves", "turns", "rand"])
def test_the_warp_tells_where_pixels_came_from(name):
    values = pictures(30)
    moved, matrix = augmented(values, SETTINGS[name])
    grid = F.affine_grid(matrix, [30, 3, 24, 20], align_corners=False)
    expected = F.grid_sample(
        values.permute(0, 3, 1, 2).float(), grid, padding_mode="reflection", align_corners=False
    ).permute(0, 2, 3, 1)  # fmt: skip
    expected = expected.round().to(torch.uint8)
    if name == "rand":
        chosen = Draw(1, 3).of("augment").keyed(torch.arange(30)).at("rand").uniform(30, 2, 2)
        expected = random_tones(expected, chosen, SETTINGS[name].rand_magnitude)
    inside = (grid.abs() < 0.9).all(-1)
    close = ((moved.int() - expected.int()).abs() <= 1)[inside]
    assert inside.float().mean() > 0.5
    assert close.float().mean() > 0.99  # a posterised value may round to the next step


def test_turns_keep_the_shape_of_things_in_wide_pictures():
    wide = torch.zeros(1, 40, 120, 1, dtype=torch.uint8)
    wide[:, 10:30, 50:70] = 200
    chance = Augmentation(rotate=90)
    for step in range(5):
        turned, matrix = augmented(wide, chance, step=step)
        linear = matrix[0, :, :2] * torch.tensor([[60.0 / 60, 60.0 / 20], [20.0 / 60, 20.0 / 20]])
        assert torch.allclose(linear @ linear.T, torch.eye(2), atol=1e-5)
        inner = turned[:, :, 42:78]  # without its mirror images beyond the edges
        assert (inner > 100).sum() == pytest.approx(400, abs=25)


def test_covered_squares():
    values = torch.full((300, 20, 30, 3), 5, dtype=torch.uint8)
    covered, matrix = augmented(values, Augmentation(erase=0.2))
    assert matrix is None
    assert set(covered.unique().tolist()) == {5, 77}
    areas = (covered[..., 0] == 77).sum((1, 2))
    assert areas.max() == 4 * 6
    assert (areas == 24).float().mean() > 0.5
    assert (areas < 24).any()  # some stand out over the edge
    assert (covered == 77).any(0).all()  # and every pixel has its turn


def test_mirroring_is_an_even_chance():
    _, matrix = augmented(torch.zeros(2000, 4, 4, 1, dtype=torch.uint8), Augmentation(flip=True))
    assert float((matrix[:, 0, 0] < 0).float().mean()) == pytest.approx(0.5, abs=0.04)


@pytest.fixture
def grey():
    return pictures(4, 60, 50)[..., :1].contiguous()


def each(values, change):
    pillow = [Pillow.fromarray(one.squeeze(-1).numpy()) for one in values]
    return torch.from_numpy(np.stack([np.asarray(change(one)) for one in pillow])).view_as(values)


def test_tables_agree_with_pillow(grey):
    apply = tones.toned
    assert torch.equal(apply(grey, tones.posterized(grey, 3)), each(grey, lambda one: ImageOps.posterize(one, 3)))
    assert torch.equal(apply(grey, tones.solarized(grey, 90)), each(grey, lambda one: ImageOps.solarize(one, 90)))
    low = (grey // 2 + 30).contiguous()
    for found, expected, within in (
        (tones.autocontrast(low), ImageOps.autocontrast, 1),
        (tones.contrasted(low, torch.ones(4), torch.full((4,), 1.4)), lambda one: ImageEnhance.Contrast(one).enhance(1.4), 1),
        (tones.contrasted(low, torch.full((4,), 0.6), torch.ones(4)), lambda one: ImageEnhance.Brightness(one).enhance(0.6), 1),
        (tones.equalized(low), ImageOps.equalize, 20),  # Pillow rounds the step of 11.8 pixels to 11
    ):  # fmt: skip
        assert (apply(low, found).int() - each(low, expected).int()).abs().max() <= within


def test_saturation_and_sharpness_agree_with_pillow():
    values = pictures(4, 60, 50)
    for change, enhancer in ((tones.saturated, ImageEnhance.Color), (tones.sharpened, ImageEnhance.Sharpness)):
        for factor in (0.0, 0.5, 1.0, 1.6):
            expected = each(values, lambda one, e=enhancer, f=factor: e(one).enhance(f))
            found = change(values, torch.full((4,), factor))
            assert (found.int() - expected.int()).abs().max() <= 2


def test_a_blank_picture_survives_every_operation():
    blank = torch.full((3, 5, 5, 3), 128, dtype=torch.uint8)
    for number, (name, change) in enumerate(OPERATIONS.items()):
        chosen = torch.full((3, 1, 2), (number + 0.5) / len(OPERATIONS))
        after = random_tones(blank, chosen, 0.5)
        assert len(after.unique()) == 1, name
        if change is None or name in ("identity", "autocontrast", "equalize", "contrast", "saturation", "sharpness"):
            assert torch.equal(after, blank), name
