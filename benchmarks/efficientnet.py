"""EfficientNet-Lite0 (`deepwright.models.layers.efficientnet`) as an extractor. Weights: gallery/fetch.py efficientnet-lite0."""

import hashlib
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from deepwright.models.layers.efficientnet import EfficientNetLite0

__all__ = ["EfficientNet"]

_SIDE = 224
_AT_ONCE = 32


class EfficientNet:
    """Pictures (n, H, W, 3) from 0 to 1 → (n, 1280) float64, means over the last grid; and (n, 1000) logits of ImageNet."""

    def __init__(self, weights: Path):
        self._weights = load_file(weights)
        self._network = EfficientNetLite0(self._weights)
        self.hash = hashlib.sha256(weights.read_bytes()).hexdigest()[:12]

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        return torch.cat([self._grid(part).mean((2, 3)) for part in pictures.split(_AT_ONCE)]).double()

    @torch.inference_mode()
    def logits(self, pictures: Tensor) -> Tensor:
        return F.linear(self(pictures).float(), self._weights["_fc.weight"], self._weights["_fc.bias"])

    def _grid(self, pictures: Tensor) -> Tensor:
        x = F.interpolate(pictures.permute(0, 3, 1, 2), (_SIDE, _SIDE), mode="bicubic", antialias=True)
        return self._network.last(x.clamp(0, 1))
