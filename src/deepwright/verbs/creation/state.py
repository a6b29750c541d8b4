"""The state that creations come from, given a network: what a record holds and `--from` opens again."""

from typing import Any

from pydantic import Field as Setting

from deepwright.core.config import Config

__all__ = ["Anchor", "Edit", "State", "Walk", "Weighted"]

Anchor = int | str  # the number of a creation, or the key of a stored latent


class Edit(Config):
    """A move along a stored direction.

    Args:
        direction: its key. amount: in standard deviations of latents along it.
    """

    direction: str
    amount: float = Setting(ge=-100, le=100)


class Walk(Config):
    """A walk from stop to stop on great circles.

    Args:
        loop: back to the first stop at the end.
    """

    stops: tuple[Anchor, ...] = Setting(min_length=2)
    frames: int = Setting(60, ge=2, le=10_000)
    loop: bool = False


class Weighted(Config):
    """A part of a mixture."""

    anchor: Anchor
    weight: float = Setting(1.0, gt=0, le=1000)


class State(Config):
    """Everything that decides what is made, but for the network.

    Args:
        seed: gives each number its latent. knobs: of the network's sampling. label: what is wished for.
        walk, mix: latents between others, instead of those of numbers. edits: moves of all latents.
        scale: pictures are enlarged so many times when they are written.
    """

    seed: int = Setting(0, ge=0)
    knobs: dict[str, Any] = {}
    label: tuple[str, ...] = ()
    walk: Walk | None = None
    mix: tuple[Weighted, ...] = ()
    edits: tuple[Edit, ...] = ()
    scale: int = Setting(1, ge=1, le=16)

    @property
    def plain(self) -> bool:
        """Whether creations are those of numbers, as the network makes them."""
        return self.walk is None and not self.mix and not self.edits
