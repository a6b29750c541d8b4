"""Emoji divided so that likenesses of one picture never lie on both sides: skin tones, genders, hair, and recolourings.

Names tell the first three (code points of Unicode's emoji sequences, UTS #51). Recolourings are found by looking: pictures whose
edges lie in the same places (correlation over 0.9 of the strengths of edges of 32 × 32 copies) belong together, and so do
pictures that belong with the same third one. Whole families go to one side.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["HELD_OUT", "divide", "families", "root_of", "small"]

HELD_OUT = 1500
ALIKE, SIDE = 0.9, 32
_LEFT_OUT = {
    "fe0f",
    "200d",
    "2640",
    "2642",
    "27a1",
    *(f"1f3f{end}" for end in "bcdef"),
    *(f"1f9b{end}" for end in "0123"),
}
_SAME = {  # man, woman → person; boy, girl → child; old man, old woman → old person; princess → prince; Mrs Claus → Santa
    "1f468": "1f9d1", "1f469": "1f9d1", "1f466": "1f9d2", "1f467": "1f9d2", "1f474": "1f9d3", "1f475": "1f9d3",
    "1f478": "1f934", "1f936": "1f385",
}  # fmt: skip


def root_of(name: str) -> str:
    """The name of an emoji without what only varies it.

    >>> root_of("1f469-1f3fd-200d-1f680"), root_of("1f9d1-200d-1f680")
    ('1f9d1-1f680', '1f9d1-1f680')
    """
    return "-".join(_SAME.get(part, part) for part in name.split("-") if part not in _LEFT_OUT) or name


def small(path: Path) -> np.ndarray:
    """(32, 32, 4) from 0 to 1, colours multiplied by alpha."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGBA").resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    return np.concatenate([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]], 2)


def _edges(pictures: np.ndarray) -> np.ndarray:
    """(n, D) strengths of edges, whatever their colours, standardised: their products are correlations."""
    across, down = (np.abs(np.diff(pictures, axis=axis)) for axis in (2, 1))
    strength = np.maximum(across[:, :-1], down[:, :, :-1]).max(3).reshape(len(pictures), -1)
    strength -= strength.mean(1, keepdims=True)
    return strength / (np.linalg.norm(strength, axis=1, keepdims=True) + 1e-9)


def families(names: Sequence[str], pictures: np.ndarray) -> list[list[int]]:
    """Places of pictures (n, 32, 32, 4) that must not be divided, in the order of their first names."""
    parent = list(range(len(names)))

    def head(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    first: dict[str, int] = {}
    for place, name in enumerate(names):
        parent[head(place)] = head(first.setdefault(root_of(name), place))
    edges = _edges(pictures)
    for place in range(len(names)):
        for other in place + 1 + np.flatnonzero(edges[place + 1 :] @ edges[place] > ALIKE):
            parent[head(int(other))] = head(place)
    together: Mapping[int, list[int]] = defaultdict(list)
    for place in range(len(names)):
        together[head(place)].append(place)
    return sorted(together.values(), key=lambda family: min(names[place] for place in family))


def divide(names: Sequence[str], pictures: np.ndarray, held_out: int = HELD_OUT) -> dict[str, str]:
    """Each name with its side, "train" or "test"; families in an order that their names alone decide fill up the test side."""
    sides = dict.fromkeys(names, "train")
    known = families(names, pictures)
    known.sort(key=lambda family: hashlib.sha256(min(names[place] for place in family).encode()).hexdigest())
    left = held_out
    for family in known:
        if len(family) <= left:
            sides |= {names[place]: "test" for place in family}
            left -= len(family)
    return sides
