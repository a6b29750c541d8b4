"""How alike two sets of examples are, on flat columns (n, D): pure functions, each in a file with its paper."""

from deepwright.metrics.likeness.frechet import enough, frechet_distance
from deepwright.metrics.likeness.neighbours import Manifold, closer_reach, closer_share, manifold
from deepwright.metrics.likeness.sliced import sliced_distance

__all__ = ["Manifold", "closer_reach", "closer_share", "enough", "frechet_distance", "manifold", "sliced_distance"]
