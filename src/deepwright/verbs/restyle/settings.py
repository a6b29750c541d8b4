"""The knobs of a style transfer."""

from typing import Literal

from pydantic import Field as Setting

from deepwright.core.config import Config

__all__ = ["Knobs"]


class Knobs(Config):
    """How a style is carried over.

    Args:
        method: "nearest" lays the picture from patches of the style (Elad & Milanfar 2017), which takes over strokes;
            "sliced" brings the distribution of its patches to the style's (sliced Wasserstein; Elnekave & Weiss 2022), which takes
            over colours and tones, and what a network sees (`--features`).
        size: the longer side of the result in pixels; pictures are never enlarged.
        steps: at each scale ("sliced"; None: 120), or rounds with patches of each side ("nearest"; None: 3).
        strength: how much of the style against how much of the content, above 0 to 1.
        patch: the side of a patch in pixels; "nearest" begins with twice as large ones and ends with half as large ones.
        coarsest: the longer side of the first scale at least; the smaller, the larger are the strokes and shapes that are taken
            over. None: 128, of "nearest" 64. filters: random filters a step, and rate: of Adam ("sliced").
    """

    method: Literal["nearest", "sliced"] = "nearest"
    size: int = Setting(512, ge=16, le=4096)
    steps: int | None = Setting(None, ge=1, le=10_000)
    strength: float = Setting(0.4, gt=0, le=1)
    patch: int = Setting(11, ge=2, le=31)
    coarsest: int | None = Setting(None, ge=16, le=4096)
    filters: int = Setting(64, ge=1, le=1024)
    rate: float = Setting(0.005, gt=0, le=1)

    @property
    def rounds(self) -> int:
        """`steps`, or what the method has."""
        return self.steps or (120 if self.method == "sliced" else 3)

    @property
    def smallest(self) -> int:
        """`coarsest`, or what the method has."""
        return self.coarsest or (128 if self.method == "sliced" else 64)
