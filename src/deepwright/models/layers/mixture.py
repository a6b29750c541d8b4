"""A mixture of normal distributions, fitted to points and drawn from by standard normal numbers. Shapes: N points, L values."""

import torch
from torch import Tensor, nn

from deepwright.draw import Draw

__all__ = ["Mixture"]

_ROUNDS = 30
_EDGE = 1e-3  # of the mean variance, added to every variance


class Mixture(nn.Module):
    """K components with full covariances; standard normal before `fit`.

    Drawing takes L + 1 standard normal numbers a point: the first one chooses the component.
    """

    ends: Tensor
    middles: Tensor
    roots: Tensor

    def __init__(self, size: int, components: int):
        super().__init__()
        self.register_buffer("ends", torch.linspace(0, 1, components + 1)[1:])
        self.register_buffer("middles", torch.zeros(components, size))
        self.register_buffer("roots", torch.eye(size).repeat(components, 1, 1))

    @torch.no_grad()
    def fit(self, points: Tensor, draw: Draw) -> None:
        """Expectation maximisation (Dempster, Laird & Rubin 1977) from k-means++ middles (Arthur & Vassilvitskii 2007)."""
        count, size = self.middles.shape
        if len(points) < 2 * count:
            return
        x = points.double()
        edge = _EDGE * float(x.var(0).mean()) + 1e-9
        eye = torch.eye(size, dtype=x.dtype)
        middles = _apart(x, count, draw.at("apart").generator())
        shares = x.new_full((count,), 1 / count)
        covariances = (torch.cov(x.t()).reshape(size, size) + edge * eye).repeat(count, 1, 1)
        for _ in range(_ROUNDS):
            roots = torch.linalg.cholesky(covariances)
            away = torch.linalg.solve_triangular(roots, (x[None] - middles[:, None]).transpose(1, 2), upper=False)
            logs = -0.5 * away.square().sum(1) - roots.diagonal(dim1=1, dim2=2).log().sum(1)[:, None]
            belongs = (logs + shares.clamp_min(1e-12).log()[:, None]).softmax(0)  # (K, N)
            sizes = belongs.sum(1).clamp_min(1e-6)
            shares, middles = sizes / len(x), belongs @ x / sizes[:, None]
            centred = x[None] - middles[:, None]
            covariances = (centred * belongs[:, :, None]).transpose(1, 2) @ centred / sizes[:, None, None] + edge * eye
        self.ends.copy_((shares / shares.sum()).cumsum(0).float())
        self.middles.copy_(middles.float())
        self.roots.copy_(torch.linalg.cholesky(covariances).float())

    def forward(self, normal: Tensor) -> Tensor:
        """(B, L + 1) standard normal numbers → (B, L) points."""
        level = torch.special.ndtr(normal[:, 0].detach())
        place = torch.searchsorted(self.ends, level).clamp_max(len(self.ends) - 1)
        return self.middles[place] + (self.roots[place] @ normal[:, 1:, None])[:, :, 0]


def _apart(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(count, L) points that lie far from each other."""
    middles = [x[int(torch.randint(len(x), (1,), generator=generator))]]
    for _ in range(count - 1):
        near = torch.stack([(x - middle).square().sum(1) for middle in middles]).amin(0)
        middles.append(x[int(torch.multinomial(near.clamp_min(1e-12), 1, generator=generator))])
    return torch.stack(middles)
