"""Emoji are divided by families, and what looks at them is the network that its weights were taught in."""

import numpy as np
import torch
from benchmarks.emoji import blurred
from gallery.emoji import SIDE, divide, families, root_of


def drawing(seed: int, colour: tuple[float, float, float]) -> np.ndarray:
    """(32, 32, 4) rectangles of one colour and its shades on nothing."""
    chance = np.random.default_rng(seed)
    picture = np.zeros((SIDE, SIDE, 4), np.float32)
    for shade in (1.0, 0.6, 0.3):
        top, left = chance.integers(0, 20, 2)
        picture[top : top + 10, left : left + 12] = (*(shade * np.array(colour)), 1.0)
    return picture


def test_variants_have_one_root() -> None:
    alike = ["1f469-1f3fd-200d-1f680", "1f9d1-200d-1f680", "1f468-1f3fb-200d-1f680"]
    assert {root_of(name) for name in alike} == {"1f9d1-1f680"}
    assert {root_of(name) for name in ("1f3c3", "1f3c3-1f3ff", "1f3c3-1f3fc-200d-2640-fe0f-200d-27a1-fe0f")} == {
        "1f3c3"
    }
    assert root_of("1f600") != root_of("1f601")
    assert root_of("1f3fb") == "1f3fb"  # a skin tone alone


def test_recoloured_pictures_and_variants_stay_together() -> None:
    """Each shape comes in red and in blue under names that tell nothing; some names vary others, with shapes of their own."""
    names, pictures = [], []
    for shape in range(30):
        for place, colour in enumerate(((0.9, 0.2, 0.2), (0.2, 0.3, 0.9))):
            names.append(f"{0x1F600 + 2 * shape + place:x}")
            pictures.append(drawing(shape, colour))
    names += ["1f9d1-1f3fb", "1f469-1f3ff"]
    pictures += [drawing(100, (1, 1, 0)), drawing(101, (1, 1, 0))]
    stacked = np.stack(pictures)
    found = families(names, stacked)
    assert sorted(map(len, found)) == [2] * 31
    sides = divide(names, stacked, held_out=20)
    assert sum(side == "test" for side in sides.values()) == 20
    for family in found:
        assert len({sides[names[place]] for place in family}) == 1
    shuffled = np.random.default_rng(1).permutation(len(names))
    assert divide([names[place] for place in shuffled], stacked[shuffled], held_out=20) == sides


def test_blurring_keeps_the_mean_and_the_size() -> None:
    pictures = torch.rand(2, 12, 9, 3, generator=torch.Generator().manual_seed(0))
    soft = blurred(pictures)
    assert soft.shape == pictures.shape
    torch.testing.assert_close(soft[:, 3:8, 3:5], torch.stack([
        torch.stack([pictures[:, y - 3 : y + 5, x - 3 : x + 5].mean((1, 2)) for x in (3, 4)], 1) for y in range(3, 8)
    ], 1))  # fmt: skip
