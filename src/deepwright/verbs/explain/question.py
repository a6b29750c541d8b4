"""The question an explanation answers: how the score of the network's own answers depends on `z`.

Shapes: B rows, units… (pixels, words; none for plain columns), D values a unit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from deepwright.answering import outputs_of, rows_at_once
from deepwright.contracts import FittedFeature, FittedTask, Network
from deepwright.core.errors import Refused
from deepwright.core.telling import counted
from deepwright.fields import Batch, Field, Fields
from deepwright.spaces import Tokens
from deepwright.training.frozen import frozen_statistics

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Question", "ask"]


@dataclass(frozen=True)
class Question:
    """Rows as the network sees them, the uninformative rows beside them, and the answers that are asked about.

    Args:
        z: the rows. base: `z` of the uninformative input.
        own: the network's answers as targets; None where the score is the same question everywhere.
    """

    network: Network
    task: FittedTask
    z: Fields
    base: Fields
    own: Fields | None

    def __len__(self) -> int:
        return len(next(iter(self.z.values())))

    def score(self, z: Fields) -> Tensor:
        """(B,) score of the answers asked about, at another `z` of the same rows. Differentiable."""
        return self.task.score(outputs_of(self.network, self.task, z), self.own)

    def pieces(self, what: str) -> Iterator["Question"]:
        """Consecutive rows, so few at a time that memory stays bounded.

        Args:
            what: is being done, for who looks on.
        """
        return counted(what, self._pieces(rows_at_once(self.z)), len(self), len)

    def _pieces(self, size: int) -> Iterator["Question"]:
        for start in range(0, len(self), size):
            rows = slice(start, start + size)
            own = None if self.own is None else _rows(self.own, rows)
            yield Question(self.network, self.task, _rows(self.z, rows), _rows(self.base, rows), own)


def _rows(fields: Fields, rows: slice) -> dict[str, Field]:
    return {name: field[rows] for name, field in fields.items()}


def ask(run: "Run", batch: Batch) -> Question:
    """The question about the network's answers to a batch.

    Raises:
        Refused: a column reaches the network as ids, which have no gradient.
    """
    assert run.task is not None
    network = run.network
    blank = _blank(run.features, batch.inputs)
    with frozen_statistics(network), torch.no_grad():
        z, base = network.embed(batch.inputs), network.embed(blank)
        outputs = outputs_of(network, run.task, z)
        own = run.task.own(outputs)
    whole = [name for name, field in z.items() if not field.values.is_floating_point()]
    if whole:
        raise Refused(
            f"'{whole[0]}' reaches this network as whole numbers, which have no gradient; integrated gradients "
            "need a network that embeds them in `embed`."
        )
    z = {name: z[name] for name in run.features}  # the order of the columns, whatever the network's
    ids = _ids(run.features)
    floats = {n: base[n] if n in ids else run.features[n].baseline(field) for n, field in z.items()}
    return Question(network, run.task, z, floats, own)


def _ids(features: Mapping[str, FittedFeature]) -> set[str]:
    return {name for name, feature in features.items() if isinstance(feature.space, Tokens)}


def _blank(features: Mapping[str, FittedFeature], inputs: Fields) -> dict[str, Field]:
    """Stored inputs whose ids are those of the uninformative input; embedding them gives its vectors."""
    ids = _ids(features)
    return {name: features[name].baseline(field) if name in ids else field for name, field in inputs.items()}
