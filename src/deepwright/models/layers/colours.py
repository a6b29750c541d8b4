"""Colours and brightness of whole pictures: what moves over to a picture in another's style, and what stays.

Shapes: B pictures, C channels (1 or 3), H × W pixels, values 0 to 1.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

__all__ = ["LUMA", "blurred", "brightness", "layout", "recoloured"]

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
CELLS = 24  # windows of blurred brightness, along the longer side


def brightness(picture: Tensor) -> Tensor:
    """(B, 1, H, W) how bright each pixel is."""
    if picture.shape[1] == 1:
        return picture
    return (picture * picture.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def blurred(picture: Tensor, window: int) -> Tensor:
    """(B, C, H, W) the picture, twice averaged over a window of so many pixels, one for each pixel."""
    height, width = picture.shape[-2:]
    reach = min(window // 2, height - 1, width - 1)
    for _ in range(2):
        picture = avg_pool2d(pad(picture, (reach,) * 4, mode="replicate"), 2 * reach + 1, stride=1)
    return picture


def layout(picture: Tensor, patch: int) -> Tensor:
    """(B, 1, H, W) brightness, blurred by a window: a 24th of the longer side, not below a patch, which is the style's.

    A window for each pixel: averages of separate cells would leave everything inside a cell free, and show their grid.
    """
    return blurred(brightness(picture), round(max(patch, max(picture.shape[-2:]) / CELLS)))


def recoloured(content: Tensor, style: Tensor) -> Tensor:
    """Each picture in colours with the mean and covariance of the style's, in float64.

    Pitié & Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping", eq. 6.

    Args:
        style: (1, C, h, w).
    """
    ours, theirs = content.double().flatten(2), style.double().flatten(2)
    (mean, spread), (goal, wanted) = _moments(ours), _moments(theirs)
    ridge = 1e-5 * torch.eye(content.shape[1], dtype=torch.float64, device=content.device)
    root, inverse = _roots(spread + ridge)
    middle, _ = _roots(root @ wanted @ root)
    moved = inverse @ middle @ inverse @ (ours - mean) + goal
    return moved.reshape(content.shape).clamp(0, 1).to(content.dtype)


def _moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """(B, C, 1) means and (B, C, C) covariances of (B, C, N)."""
    mean = pixels.mean(2, keepdim=True)
    centred = pixels - mean
    return mean, centred @ centred.transpose(1, 2) / max(1, pixels.shape[2] - 1)


def _roots(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of symmetric positive matrices (B, C, C), and the inverse of that root."""
    values, vectors = torch.linalg.eigh(matrices)
    values = values.clamp_min(1e-12).sqrt()
    turned = vectors.transpose(1, 2)
    return vectors @ torch.diag_embed(values) @ turned, vectors @ torch.diag_embed(1 / values) @ turned
