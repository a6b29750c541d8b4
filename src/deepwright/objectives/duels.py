"""Duels: what discriminator and generator lose by the scores of what is real and of what is created.

Scores and losses are (B,), row by row; higher scores are for what looks more real. ζ(x) = log(1 + eˣ).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

__all__ = ["DUELS", "Duel", "Loss"]

Loss = Literal["relativistic", "non_saturating", "hinge", "wgan_gp", "least_squares", "san"]


@dataclass(frozen=True)
class Duel:
    """A pair of losses.

    Args:
        discriminator, generator: of the scores (real, fake). paired: the generator's loss asks for both.
        penalty: "slopes": at real rows and at creations (R1 and R2), "between": that the slope between them is 1.
        gamma: weight of the penalty for a picture of 784 values, where it is in proportion to their number, or as it is.
        turns: steps of the discriminator for one of the generator.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    paired: bool = False
    penalty: Literal["slopes", "between"] = "slopes"
    gamma: float = 1.0
    turns: int = 1


def _won_alone(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real) + F.softplus(fake)


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real) + F.relu(1 + fake)


DUELS: Mapping[str, Duel] = {
    # Jolicoeur-Martineau 2018, arXiv 1807.00734; with both penalties: Huang et al. 2024, arXiv 2501.05441, eq. 2 and 5
    "relativistic": Duel(lambda r, f: F.softplus(f - r), lambda r, f: F.softplus(r - f), paired=True),
    # Goodfellow et al. 2014, arXiv 1406.2661, section 3; with R1: Mescheder et al. 2018, arXiv 1801.04406
    "non_saturating": Duel(_won_alone, lambda r, f: F.softplus(-f)),
    # Lim & Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957, eq. 16 and 17
    "hinge": Duel(_hinge, lambda r, f: -f, gamma=0.0),
    # Gulrajani et al. 2017, arXiv 1704.00028, algorithm 1
    "wgan_gp": Duel(lambda r, f: f - r, lambda r, f: -f, penalty="between", gamma=10.0, turns=5),
    # Mao et al. 2017, arXiv 1611.04076, eq. 9 (b = c = 1, a = 0)
    "least_squares": Duel(lambda r, f: 0.5 * ((r - 1).square() + f.square()), lambda r, f: 0.5 * (f - 1).square()),
    # Takida et al. 2024, arXiv 2301.12811, section 4.2: `non_saturating` of features along a direction of length 1
    "san": Duel(_won_alone, lambda r, f: F.softplus(-f)),
}
