"""Models: network families. Importing this folder registers its kinds."""

from collections.abc import Mapping

from deepwright.contracts import FittedFeature, Suits
from deepwright.core.errors import Refused
from deepwright.models.cnn import CNN
from deepwright.models.fusion import Fusion
from deepwright.models.gan import GAN
from deepwright.models.mlp import MLP
from deepwright.registries import models

__all__ = ["CNN", "GAN", "MLP", "Fusion", "infer_model"]


def infer_model(features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int) -> Suits:
    """The family that suits these inputs best, with the reason.

    Raises:
        Refused: none does.
    """
    spaces = {name: feature.space for name, feature in features.items()}
    found = [suits for kind in models if (suits := kind.suits(spaces, heads, rows)) is not None]  # type: ignore[attr-defined]
    if not found:
        raise Refused("No model takes these inputs together. Leave some out with --ignore, or name one with --model.")
    return max(found, key=lambda suits: suits.score)
