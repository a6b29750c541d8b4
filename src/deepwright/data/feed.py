"""The feed: which rows make up step s. A pure function of (seed, step), so nothing has to be stored to resume."""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from deepwright.core.errors import DataError
from deepwright.data.pack import Packed
from deepwright.draw import Draw
from deepwright.fields import Batch

__all__ = ["Feed"]


@dataclass
class Feed:
    """Batches of the training rows.

    Args:
        packed: the encoded examples. rows: the training rows among them.
        size: examples a step over all ranks together (expected examples, under Poisson sampling).
        order: "shuffle": step s takes places [s·size, (s+1)·size) of an endless row of permutations, one an epoch, so
            that all batches are equally large. "poisson": each row joins with probability size/N, independently, as
            differential privacy demands (Abadi et al. 2016, arXiv 1607.00133).
        mates: attach to every batch a second one of shuffled partners (mixup).
        rank, ranks: this process takes its consecutive part of the global batch.
    """

    packed: Packed
    rows: Tensor
    size: int
    seed: int
    order: Literal["shuffle", "poisson"] = "shuffle"
    mates: bool = False
    rank: int = 0
    ranks: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def __post_init__(self) -> None:
        if not len(self.rows):
            raise DataError("There are no training rows to learn from.")
        self.size = max(1, min(self.size, len(self.rows)))
        self._epoch = (-1, torch.empty(0, dtype=torch.int64))

    @property
    def steps_per_epoch(self) -> float:
        return len(self.rows) / self.size

    def _permutation(self, epoch: int) -> Tensor:
        if self._epoch[0] != epoch:
            self._epoch = (epoch, Draw(self.seed).at("order", epoch).permutation(len(self.rows)))
        return self._epoch[1]

    def members(self, step: int) -> Tensor:
        """Row indices (into the packed data) of the whole global batch of a step."""
        count = len(self.rows)
        if self.order == "poisson":
            joins = Draw(self.seed, step).at("poisson").bernoulli(self.size / count, count)
            return self.rows[joins]
        start, parts, wanted = step * self.size, [], self.size
        while wanted:
            epoch, place = divmod(start, count)
            part = self._permutation(epoch)[place : place + wanted]
            parts.append(part)
            start, wanted = start + len(part), wanted - len(part)
        return self.rows[torch.cat(parts) if len(parts) > 1 else parts[0]]

    def at(self, step: int, whole: bool = False) -> Batch:
        """This rank's part of the batch of a step, or the whole of it."""
        members = self.members(step)
        position = torch.arange(len(members))
        if self.ranks > 1 and not whole:
            position = position.tensor_split(self.ranks)[self.rank]
        batch = self._take(members, position)
        if not self.mates:
            return batch
        partners = Draw(self.seed, step).at("mates").permutation(len(members))
        return Batch(**{**vars(batch), "mate": self._take(members, partners[position])})

    def _take(self, members: Tensor, position: Tensor) -> Batch:
        batch = self.packed.take(members[position], position)
        return batch if self.device.type == "cpu" else batch.to(self.device)
