"""Pictures as points among standard normal noise, and back. Shapes: B rows, H × W pixels, C channels."""

import math
from collections.abc import Iterable

from torch import Tensor, nn

from deepwright.contracts import FittedFeature
from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.models.inputs import Embed
from deepwright.spaces import Box

__all__ = ["GridPoints"]

_LAST = 0.05  # of the way: nearer to its end mistakes weigh no more, else a few rows would outweigh all others


class GridPoints(nn.Module):
    """One picture column; a point is (B, C, H, W) from -1 to 1 over the bounds of the space.

    Networks guess the picture that lies ahead and not the velocity towards it: pictures fill a small part of the space of
    their pixels, where noise fills all, so that small networks can tell them (Li & He 2025, arXiv 2511.13720).
    """

    centre = -0.8  # shapes are decided in much noise (ibid.)

    middle: Tensor
    reach: Tensor

    def __init__(self, name: str, feature: FittedFeature):
        super().__init__()
        self._name, space = name, feature.space
        assert isinstance(space, Box)
        self.inputs = Embed({name: feature}, 1)
        height, width, channels = space.shape
        self.latent = (channels, height, width)
        self.numbers = 1  # standard deviations there are to learn
        middle, reach = (space.high + space.low) / 2, (space.high - space.low) / 2
        self.register_buffer("middle", middle.clone(), persistent=False)  # of the space, hence with the features
        self.register_buffer("reach", reach.clone(), persistent=False)

    def warm(self, batches: Iterable[Batch]) -> None:
        """Nothing is learnt from rows."""

    def embed(self, inputs: Fields) -> dict[str, Field]:
        return self.inputs({self._name: inputs[self._name]})

    def goal(self, z: Fields, draw: Draw) -> Tensor:
        unit = (z[self._name].values - self.middle) / self.reach
        return unit.permute(0, 3, 1, 2)

    def back(self, point: Tensor) -> dict[str, Field]:
        """Pictures inside the bounds. What is beyond them has the gradient of what is inside."""
        unit = point + (point.clamp(-1, 1) - point).detach()
        return {self._name: Field(unit.permute(0, 2, 3, 1) * self.reach + self.middle)}

    def guess(self, raw: Tensor, point: Tensor, time: Tensor) -> Tensor:
        """(B, C, H, W) velocities from raw outputs: towards the picture that is guessed.

        Args:
            time: (B,) below 1.
        """
        return (raw - point) / (1 - time).view(-1, 1, 1, 1)

    def mistakes(self, raw: Tensor, z: Fields, goal: Tensor, velocity: Tensor, time: Tensor) -> Tensor:
        """(B,) mean square over pixels, of the velocity but for the last twentieth of the way."""
        return (raw - goal).square().flatten(1).mean(1) / (1 - time).clamp(min=_LAST).square()

    def unlikely(self, raw: Tensor, spread: Tensor, z: Fields, goal: Tensor) -> Tensor:
        """(B,) nats: a normal distribution around `raw` for each pixel.

        Args:
            spread: (1,) logarithm of the standard deviation of all.
        """
        away = (goal - raw) * (-spread).exp()
        return (0.5 * away.square() + spread + 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)

    def drawn(self, raw: Tensor, spread: Tensor, noise: Tensor) -> Tensor:
        """Pictures are shown as their means: what is left open is fine noise."""
        return raw
