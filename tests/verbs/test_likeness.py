"""What the figures of created pictures say together."""

import pytest

from deepwright.core.report import Text
from deepwright.verbs.likeness import Likeness, likeness_blocks


def said(precision: float, closer: float) -> str:
    figures = {"frechet": None, "kernel": 0.1, "sliced": 0.1, "precision": precision, "recall": 0.5, "density": 0.5,
               "coverage": 0.9, "closer": closer, "closer_reach": 0.1}  # fmt: skip
    real = {**figures, "precision": 0.98, "closer": 0.5}
    found = Likeness(
        90, 112, "random convolutions", "a4001a00b4c6", 0, {"made": figures, "real": real, "blurred": real}, {}
    )
    return " ".join(block.text for block in likeness_blocks(found) if isinstance(block, Text))


@pytest.mark.parametrize(
    ("precision", "closer", "copies"), [(0.98, 0.99, True), (0.17, 0.99, False), (0.98, 0.55, False)]
)
def test_only_creations_among_real_examples_are_called_copies(precision: float, closer: float, copies: bool) -> None:
    assert ("some may be copies" in said(precision, closer)) == copies
