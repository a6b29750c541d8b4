"""EfficientNet-Lite0 (Tan & Le 2019, arXiv 1905.11946, without squeeze-and-excitation and with ReLU6) as an extractor.

Weights: gallery/fetch.py efficientnet-lite0. Padding is TensorFlow's "same": what is odd goes to the right and below.
"""

import hashlib
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

__all__ = ["EfficientNet"]

_STAGES = (  # blocks, kernel, stride of the first, expansion, channels (table 1 of the paper)
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip
_SIDE, _EPSILON = 224, 1e-3
_AT_ONCE = 32


class EfficientNet:
    """Pictures (n, H, W, 3) from 0 to 1 → (n, 1280) float64, means over the last grid; and (n, 1000) logits of ImageNet."""

    def __init__(self, weights: Path):
        self._weights = load_file(weights)
        self.hash = hashlib.sha256(weights.read_bytes()).hexdigest()[:12]

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        return torch.cat([self._grid(part).mean((2, 3)) for part in pictures.split(_AT_ONCE)]).double()

    @torch.inference_mode()
    def logits(self, pictures: Tensor) -> Tensor:
        return F.linear(self(pictures).float(), self._weights["_fc.weight"], self._weights["_fc.bias"])

    def _grid(self, pictures: Tensor) -> Tensor:
        x = pictures.permute(0, 3, 1, 2)
        x = F.interpolate(x, (_SIDE, _SIDE), mode="bicubic", antialias=True).clamp(0, 1)
        x = ((x * 255 - 127) / 128).contiguous(memory_format=torch.channels_last)
        x = self._layer(x, "_conv_stem", "_bn0", 2)
        block = 0
        for count, _, stride, expansion, width in _STAGES:
            for number in range(count):
                x = self._block(x, f"_blocks.{block}", stride if number == 0 else 1, expansion, width)
                block += 1
        return self._layer(x, "_conv_head", "_bn1", 1)

    def _block(self, x: Tensor, name: str, stride: int, expansion: int, width: int) -> Tensor:
        y = x if expansion == 1 else self._layer(x, f"{name}._expand_conv", f"{name}._bn0", 1)
        y = self._layer(y, f"{name}._depthwise_conv", f"{name}._bn1", stride, groups=y.shape[1])
        y = self._layer(y, f"{name}._project_conv", f"{name}._bn2", 1, bent=False)
        return x + y if stride == 1 and x.shape[1] == width else y

    def _layer(self, x: Tensor, name: str, norm: str, stride: int, groups: int = 1, bent: bool = True) -> Tensor:
        """A convolution, normalised with stored statistics, cut off at 0 and 6 where it is bent."""
        weight = self._weights[f"{name}.weight"]
        if weight.shape[2] > 1:
            over = [max((-(-side // stride) - 1) * stride + weight.shape[2] - side, 0) for side in x.shape[2:]]
            x = F.pad(x, (over[1] // 2, over[1] - over[1] // 2, over[0] // 2, over[0] - over[0] // 2))
        scale, shift, mean, variance = (self._weights[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))  # fmt: skip
        scale = scale * (variance + _EPSILON).rsqrt()
        x = F.conv2d(x, weight * scale[:, None, None, None], shift - mean * scale, stride, groups=groups)
        return F.relu6(x) if bent else x
