"""Target: what is attacked, rows as the network sees them and the truth whose score is lowered."""

from dataclasses import dataclass

from torch import Tensor

from deepwright.answering import outputs_of
from deepwright.contracts import FittedTask, Network
from deepwright.fields import Field, Fields

__all__ = ["Points", "Target"]

Points = dict[str, Tensor]  # column → (B, units…, D) moved values


@dataclass(frozen=True)
class Target:
    """Rows under attack.

    Args:
        z: the clean rows. truth: their encoded targets, all known.
    """

    network: Network
    task: FittedTask
    z: Fields
    truth: Fields

    def moved(self, points: Points) -> dict[str, Field]:
        """`z` with some columns replaced."""
        return {name: field.with_values(points.get(name, field.values)) for name, field in self.z.items()}

    def score(self, points: Points) -> Tensor:
        """(B,) score of the truth. Differentiable."""
        return self.task.score(outputs_of(self.network, self.task, self.moved(points)), self.truth)

    def __len__(self) -> int:
        return len(next(iter(self.z.values())))

    def __getitem__(self, rows: slice) -> "Target":
        cut = ({name: field[rows] for name, field in fields.items()} for fields in (self.z, self.truth))
        return Target(self.network, self.task, *cut)
