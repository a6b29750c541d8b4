"""How discriminators score: features along a direction, and along one of the wish (Miyato & Koyama 2018, arXiv 1802.05637)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deepwright.models.layers.wishes import Wish

__all__ = ["Judging"]


class Judging(nn.Module):
    """A body's `features` (B, F) and ids of wishes (B, K) → (B, 1).

    A body builds `score`, a linear layer from its features to 1, then calls `heed`.
    """

    score: nn.Linear
    wish: Wish | None
    project: nn.Linear | None

    def heed(self, sizes: Sequence[int], told: int) -> None:
        """Args: sizes: of the condition columns; without any, wishes are not asked for. told: width of what is known of one."""
        width = self.score.in_features
        self.wish = Wish(sizes, told) if sizes else None
        self.project = nn.Linear(width, told, bias=False) if sizes else None
        if self.project is not None:
            nn.init.normal_(self.project.weight, std=(width * told) ** -0.5)

    def features(self, x: Tensor) -> Tensor:
        """(B, F): what the score is taken from."""
        raise NotImplementedError

    def forward(self, x: Tensor, ids: Tensor | None = None) -> Tensor:
        x = self.features(x)
        with torch.autocast(x.device.type, enabled=False):  # pairs are told apart by small differences
            x = x.float()
            score: Tensor = self.score(x)
            if self.wish is None or self.project is None or ids is None:
                return score
            return score + (self.project(x) * self.wish(ids)).sum(1, keepdim=True)

    def directions(self, rows: int, ids: Tensor | None = None) -> Tensor:
        """(B, F): the score is the features along it, but for a constant."""
        base = self.score.weight.expand(rows, -1)
        if self.wish is None or self.project is None or ids is None:
            return base
        return base + self.wish(ids) @ self.project.weight
