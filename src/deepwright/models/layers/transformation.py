"""The network that turns pictures of any size into others of the same size, in one pass.

Johnson, Alahi & Fei-Fei 2016, "Perceptual losses for real-time style transfer" (arXiv 1603.08155), table 1 of its supplement, with
instance normalisation (Ulyanov et al. 2016, arXiv 1607.08022) and enlarging before convolutions instead of transposed ones, which
leave a grid. Deviations: narrower, for processors; a channel of noise comes in, from which flat places get a texture (Ulyanov
et al. 2016, arXiv 1603.03417). What it gives is not added to the picture, though that would be easier to learn: it would keep
the picture's own details instead of painting others. Shapes: B pictures, C channels, H × W pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Transformation"]

_COARSEST = 4  # pixels of a cell where most of it is computed
_EDGE = 5  # side of the first and the last filters


class _Conv(nn.Module):
    """Convolution, instance normalisation, ReLU; the edge is continued."""

    def __init__(self, inner: int, outer: int, side: int = 3, stride: int = 1, relu: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(inner, outer, side, stride, side // 2, padding_mode="replicate")
        self.norm = nn.GroupNorm(outer, outer)
        self._relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return F.relu(x) if self._relu else x


class _Residual(nn.Module):
    """x + two convolutions."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = _Conv(width, width), _Conv(width, width, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Transformation(nn.Module):
    """(B, C, H, W) pictures and (B, 1, H, W) noise → (B, C, H, W).

    Args:
        channels: C. width: of the finest grid; four times that of the coarsest. blocks: residual ones there.
    """

    def __init__(self, channels: int, width: int, blocks: int):
        super().__init__()
        self.down = nn.ModuleList(
            [_Conv(channels + 1, width, _EDGE), _Conv(width, 2 * width, 3, 2), _Conv(2 * width, 4 * width, 3, 2)]
        )
        self.blocks = nn.ModuleList(_Residual(4 * width) for _ in range(blocks))
        self.up = nn.ModuleList([_Conv(4 * width, 2 * width), _Conv(2 * width, width)])
        self.last = nn.Conv2d(width, channels, _EDGE, padding=_EDGE // 2, padding_mode="replicate")

    def forward(self, picture: Tensor, noise: Tensor) -> Tensor:
        height, width = picture.shape[2:]
        x = torch.cat([2 * picture - 1, noise], 1)
        x = F.pad(x, (0, -width % _COARSEST, 0, -height % _COARSEST), mode="replicate")
        for layer in self.down:
            x = layer(x)
        for block in self.blocks:
            x = block(x)
        for layer in self.up:
            x = layer(F.interpolate(x, scale_factor=2, mode="nearest"))
        return 0.5 + self.last(x).float()[..., :height, :width]
