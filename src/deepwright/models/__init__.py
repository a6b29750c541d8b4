"""Models: network families. Importing this folder registers its kinds."""

from collections.abc import Mapping
from typing import Any

from deepwright.contracts import FittedFeature, Suits
from deepwright.core.errors import Refused
from deepwright.models.automaton import Automaton
from deepwright.models.autoregressive import Autoregressive
from deepwright.models.cnn import CNN
from deepwright.models.flow import Flow
from deepwright.models.fusion import Fusion
from deepwright.models.gan import GAN
from deepwright.models.mlp import MLP
from deepwright.models.stylist import Stylist
from deepwright.models.vae import VAE
from deepwright.registries import models

__all__ = ["CNN", "GAN", "MLP", "VAE", "Automaton", "Autoregressive", "Flow", "Fusion", "Stylist", "infer_model"]


def infer_model(features: Mapping[str, FittedFeature], heads: Mapping[str, int], rows: int) -> Suits:
    """The family that suits these inputs best, with the reason. Without heads: of those that create.

    Raises:
        Refused: none does.
    """
    spaces = {name: feature.space for name, feature in features.items()}
    learns = "target" if heads else "inputs"
    kinds: list[Any] = [kind for kind in models if kind.learns == learns]  # type: ignore[attr-defined]
    found = [suits for kind in kinds if (suits := kind.suits(spaces, heads, rows)) is not None]
    if not found and not heads:
        families = ", ".join(kind.model_fields["kind"].default for kind in kinds)
        raise Refused(
            f"No model that creates takes these columns together: {', '.join(spaces)}. Leave some out with --ignore, or "
            f"name one with --model ({families}) to see what is in the way."
        )
    if not found:
        raise Refused("No model takes these inputs together. Leave some out with --ignore, or name one with --model.")
    return max(found, key=lambda suits: suits.score)
