"""EfficientNet-Lite0 with given weights: what a network that learnt ImageNet sees of pictures.

Tan & Le 2019, "EfficientNet" (arXiv 1905.11946), table 1, without squeeze-and-excitation and with ReLU6. Weights are named as in
`gallery/fetch.py efficientnet-lite0`. Padding is TensorFlow's "same": what is odd goes to the right and below. Shapes: B pictures, C
channels, H × W pixels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["EfficientNetLite0", "Layer", "layers"]

_STAGES = (  # blocks, kernel, stride of the first, expansion, channels (table 1 of the paper)
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip
_STEM, _HEAD = 32, 1280  # channels
_EPSILON = 1e-3


@dataclass(frozen=True)
class Layer:
    """A convolution and its normalisation. Args: shape: of the weight. bent: cut off at 0 and 6 after it."""

    name: str
    norm: str
    shape: tuple[int, int, int, int]
    stride: int = 1
    groups: int = 1
    bent: bool = True


def _blocks() -> Iterator[list[Layer]]:
    """The layers of each block."""
    number, inner = 0, _STEM
    for count, kernel, stride, expansion, outer in _STAGES:
        for place in range(count):
            name, wide = f"_blocks.{number}", expansion * inner
            block = [
                Layer(f"{name}._depthwise_conv", f"{name}._bn1", (wide, 1, kernel, kernel), 1 if place else stride, wide),
                Layer(f"{name}._project_conv", f"{name}._bn2", (outer, wide, 1, 1), bent=False),
            ]  # fmt: skip
            if expansion > 1:
                block.insert(0, Layer(f"{name}._expand_conv", f"{name}._bn0", (wide, inner, 1, 1)))
            yield block
            number, inner = number + 1, outer


_FIRST = Layer("_conv_stem", "_bn0", (_STEM, 3, 3, 3), 2)
_LAST = Layer("_conv_head", "_bn1", (_HEAD, _STAGES[-1][-1], 1, 1))
_BLOCKS = tuple(_blocks())


class EfficientNetLite0:
    """See the module.

    Args:
        weights: those for which `fits` is true.
    """

    def __init__(self, weights: Mapping[str, Tensor]):
        self._folded = {}
        for layer in layers():
            scale, shift, mean, variance = (
                weights[f"{layer.norm}.{part}"].float() for part in ("weight", "bias", "running_mean", "running_var")
            )
            scale = scale * (variance + _EPSILON).rsqrt()
            weight = weights[f"{layer.name}.weight"].float() * scale[:, None, None, None]
            self._folded[layer.name] = (weight, shift - mean * scale)

    @staticmethod
    def fits(weights: Mapping[str, Tensor]) -> bool:
        """Whether these are the weights of this network; those of its larger kin are not."""
        blocks = {name.split(".")[1] for name in weights if name.startswith("_blocks.")}
        if len(blocks) != len(_BLOCKS):
            return False
        wanted: dict[str, tuple[int, ...]] = {}
        for layer in layers():
            wanted[f"{layer.name}.weight"] = layer.shape
            wanted |= {
                f"{layer.norm}.{part}": layer.shape[:1] for part in ("weight", "bias", "running_mean", "running_var")
            }
        return all(name in weights and tuple(weights[name].shape) == shape for name, shape in wanted.items())

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """What the last layer of each resolution holds, half the pictures' size first; differentiable.

        Args:
            pictures: (B, 3, H, W), 0 to 1.
        """
        found: list[Tensor] = []
        for x in self._passed(pictures):
            if found and found[-1].shape[-2:] == x.shape[-2:]:
                found.pop()
            found.append(x)
        return found

    def last(self, pictures: Tensor) -> Tensor:
        """(B, 1280, H / 32, W / 32) what the head holds."""
        *_, x = self._passed(pictures)
        return self._layer(x, _LAST)

    def _passed(self, pictures: Tensor) -> Iterator[Tensor]:
        """What the first layer and each block give."""
        x = ((pictures * 255 - 127) / 128).contiguous(memory_format=torch.channels_last)
        x = self._layer(x, _FIRST)
        yield x
        for block in _BLOCKS:
            y = x
            for layer in block:
                y = self._layer(y, layer)
            x = x + y if y.shape == x.shape else y
            yield x

    def _layer(self, x: Tensor, layer: Layer) -> Tensor:
        weight, bias = self._folded[layer.name]
        side, stride = weight.shape[2], layer.stride
        if side > 1:
            over = [max((-(-length // stride) - 1) * stride + side - length, 0) for length in x.shape[2:]]
            x = F.pad(x, (over[1] // 2, over[1] - over[1] // 2, over[0] // 2, over[0] - over[0] // 2))
        x = F.conv2d(x, weight, bias, stride, groups=layer.groups)
        return F.relu6(x) if layer.bent else x


def layers() -> Iterator[Layer]:
    """Every layer with weights, the first one first."""
    yield _FIRST
    for block in _BLOCKS:
        yield from block
    yield _LAST
