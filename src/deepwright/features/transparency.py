"""Transparent pictures: laid over white, or with colours multiplied by how opaque they are.

Multiplied ("premultiplied": Porter & Duff 1984, Compositing digital images, section 4.1) there is nothing to be learnt of colours
that nobody sees, and means of pixels are those of what is seen. Pixels are (..., C) uint8; the last channel is alpha, 255 opaque.
"""

import numpy as np

__all__ = ["over_white", "premultiplied", "straight"]


def over_white(pixels: np.ndarray) -> np.ndarray:
    """(..., colours + alpha), not multiplied → (..., colours)."""
    alpha = pixels[..., -1:].astype(np.uint16)
    return (255 - ((255 - pixels[..., :-1]) * alpha + 127) // 255).astype(np.uint8)


def premultiplied(pixels: np.ndarray) -> np.ndarray:
    """Colours multiplied by alpha."""
    alpha = pixels[..., -1:].astype(np.uint16)
    return np.concatenate([((pixels[..., :-1] * alpha + 127) // 255).astype(np.uint8), pixels[..., -1:]], -1)


def straight(pixels: np.ndarray) -> np.ndarray:
    """Colours as files hold them; black where nothing is seen. Undoes `premultiplied` but for rounding."""
    alpha = pixels[..., -1:].astype(np.uint16)
    colours = (pixels[..., :-1] * np.uint16(255) + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.where(alpha > 0, np.minimum(colours, 255), 0).astype(np.uint8), pixels[..., -1:]], -1)
