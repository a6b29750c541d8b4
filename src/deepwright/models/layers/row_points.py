"""Rows of plain columns as points among standard normal noise, and back: numbers, flags, dates and categories alike.

Shapes: B rows, N coordinates of numbers, D of the whole point: N, then each category's.
"""

import math
from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepwright.draw import Draw
from deepwright.fields import Batch, Field, Fields
from deepwright.models.layers.scores import NormalScores
from deepwright.spaces import Box, Space, Tokens

__all__ = ["RowPoints"]

MOST = 32  # labels with a coordinate each; more are written in binary digits
FAR = 2.0  # between the labels of a category
_ROWS = 50_000  # that distributions are taken from


class RowPoints(nn.Module):
    """Which coordinates stand for which column.

    Numbers become normal scores. A category of up to 32 labels has one coordinate a label, a larger one a coordinate a
    binary digit of its id ("analog bits": Chen et al. 2023, arXiv 2208.04202). What a missing cell would be is noise.
    """

    centre = 0.0

    def __init__(self, spaces: Mapping[str, Space]):
        super().__init__()
        self.boxes = {n: s for n, s in spaces.items() if isinstance(s, Box)}
        self.sizes = {n: s.size for n, s in spaces.items() if isinstance(s, Tokens)}
        self.places: dict[str, slice] = {}
        for name, width in (
            *((n, s.shape[0]) for n, s in self.boxes.items()),
            *((n, self._width(size)) for n, size in self.sizes.items()),
        ):
            start = max((place.stop for place in self.places.values()), default=0)
            self.places[name] = slice(start, start + width)
        self.numbers = sum(space.shape[0] for space in self.boxes.values())
        self.width = max(place.stop for place in self.places.values())
        self.names = tuple(spaces)
        self.latent = (self.width,)
        low, high = (
            torch.cat([getattr(s, end).expand(s.shape) for s in self.boxes.values()] or [torch.empty(0)])
            for end in ("low", "high")
        )
        self.scores = NormalScores(low, high)
        self.register_buffer("low", low, persistent=False)  # of the spaces, hence with the features
        self.register_buffer("high", high, persistent=False)

    low: Tensor
    high: Tensor

    def embed(self, inputs: Fields) -> dict[str, Field]:
        """Numbers as floats, labels as their ids."""
        return {
            n: inputs[n].with_values(inputs[n].values.float()) if n in self.boxes else inputs[n] for n in self.names
        }

    @staticmethod
    def _width(size: int) -> int:
        return size if size <= MOST else math.ceil(math.log2(size))

    @torch.no_grad()
    def warm(self, batches: Iterable[Batch]) -> None:
        """Take the distributions of numbers from the first 50,000 rows."""
        parts: dict[str, list[Tensor]] = {name: [] for name in self.boxes}
        seen = 0
        for batch in batches:
            for name, kept in parts.items():
                kept.append(batch.inputs[name].values.float())
            seen += len(batch)
            if seen >= _ROWS:
                break
        for name, kept in parts.items():
            values, absent, start = torch.cat(kept), self.boxes[name].absent, self.places[name].start
            there = torch.ones(len(values), dtype=torch.bool) if absent is None else values[:, absent] < 0.5
            for place in range(values.shape[1]):
                self.scores.warm(start + place, values[:, place] if place == absent else values[there, place])

    def goal(self, z: Fields, draw: Draw) -> Tensor:
        """(B, D); `draw` decides where shared values land, keyed by row."""
        rows = len(next(iter(z.values())))
        device = self.scores.levels.device
        parts = []
        if self.numbers:
            chance = draw.at("place").uniform(rows, self.numbers).to(device)
            values = torch.cat([z[name].values for name in self.boxes], 1)
            parts.append(self.scores(values, chance))
        for name, size in self.sizes.items():
            ids = z[name].values.reshape(-1).long()
            if size <= MOST:
                parts.append(FAR * (F.one_hot(ids, size).float() - 1 / size))
            else:
                parts.append(_bits(ids, self._width(size)) * (FAR / 2))
        return torch.cat(parts, 1)

    def weight(self, z: Fields) -> Tensor:
        """(B, N) 1, or 0 for what would stand in a missing cell."""
        parts = []
        for name, space in self.boxes.items():
            values = z[name].values
            own = torch.ones_like(values)
            if space.absent is not None:
                own = (values[:, space.absent : space.absent + 1] < 0.5).float().expand(values.shape).clone()
                own[:, space.absent] = 1
            parts.append(own)
        return torch.cat(parts, 1) if parts else next(iter(z.values())).values.new_zeros(0, 0)

    def back(self, point: Tensor) -> dict[str, Field]:
        """The rows nearest to a point (B, D), as `z`: inside the bounds of each space, labels by the largest coordinate."""
        found: dict[str, Field] = {}
        values = self.scores.back(point[:, : self.numbers])
        values = torch.minimum(torch.maximum(values, self.low), self.high)
        for name, space in self.boxes.items():
            own = values[:, self.places[name]]
            if space.absent is not None:
                gone = own[:, space.absent : space.absent + 1] > 0.5
                flag = torch.arange(own.shape[1], device=own.device) == space.absent
                own = torch.where(flag, own + (gone.float() - own).detach(), torch.where(gone, 0.0, own))
            found[name] = Field(own)
        for name, size in self.sizes.items():
            own = point[:, self.places[name]]
            ids = own.argmax(1) if size <= MOST else _number(own, size)
            found[name] = Field(ids[:, None].to(torch.int32))
        return {name: found[name] for name in self.names}

    def met(self, batches: Iterable[Batch]) -> Tensor:
        """(D,) bool: whether some row has the label of a coordinate; True of numbers, and of labels so many that they have none each."""
        met = torch.ones(self.width, dtype=torch.bool)
        few = {name: self.places[name] for name, size in self.sizes.items() if size <= MOST}
        for place in few.values():
            met[place] = False
        for batch in batches:
            for name, place in few.items():
                met[place.start + batch.inputs[name].values.reshape(-1).long().unique().cpu()] = True
        return met

    def certain(self, raw: Tensor, met: Tensor) -> Tensor:
        """(B, D) points that rows can have, from raw outputs: each label is one of those `met`, with the gradient of its odds
        (Bengio et al. 2013, arXiv 1308.3432, section 4)."""
        parts = [raw[:, : self.numbers]]
        for name, size in self.sizes.items():
            own = raw[:, self.places[name]]
            if size <= MOST:
                known = met[self.places[name]]
                odds = own.masked_fill(~known, -torch.inf).softmax(1) if bool(known.any()) else own.softmax(1)
                sure = F.one_hot(odds.argmax(1), size).to(odds.dtype) - 1 / size
                parts.append(FAR * (sure + odds - odds.detach()))
            else:
                odds = torch.tanh(own)
                parts.append(FAR / 2 * (torch.where(own > 0, 1.0, -1.0) + odds - odds.detach()))
        return torch.cat(parts, 1)

    def without_missing(self, point: Tensor) -> Tensor:
        """(B, D) the point with 0 for what would stand in a missing cell: nobody knows it."""
        if all(space.absent is None for space in self.boxes.values()):
            return point
        with torch.no_grad():
            weight = self.weight(self.back(point))
        return torch.cat([point[:, : self.numbers] * weight, point[:, self.numbers :]], 1)

    def guess(self, raw: Tensor, point: Tensor, time: Tensor) -> Tensor:
        """(B, D) velocities from raw outputs (B, D): as they are for numbers; for a category towards the mean label.

        Args:
            time: (B,) below 1.
        """
        parts = [raw[:, : self.numbers]]
        for name, size in self.sizes.items():
            place = self.places[name]
            if size <= MOST:
                mean = FAR * (raw[:, place].softmax(1) - 1 / size)
            else:
                mean = FAR / 2 * torch.tanh(raw[:, place] / 2)
            parts.append((mean - point[:, place]) / (1 - time[:, None]))
        return torch.cat(parts, 1)

    def mistakes(self, raw: Tensor, z: Fields, goal: Tensor, velocity: Tensor, time: Tensor) -> Tensor:
        """(B,) mean over columns: squares for numbers, cross-entropies for categories (variational flow matching: Eijkelboom
        et al. 2024, arXiv 2406.04843, eq. 15, which has the same minimum).

        Args:
            velocity: (B, D) goal - noise. time: (B,) at which it was guessed; all weigh the same.
        """
        lost = raw.new_zeros(len(raw))
        if self.numbers:
            squares = (raw[:, : self.numbers] - velocity[:, : self.numbers]).square() * self.weight(z)
            lost = lost + squares.sum(1)
        lost = lost + self._unlikely_labels(raw, z, goal)
        return lost / (self.numbers + len(self.sizes))

    def _unlikely_labels(self, raw: Tensor, z: Fields, goal: Tensor) -> Tensor:
        """(B,) cross-entropies of labels, in nats."""
        lost = raw.new_zeros(len(raw))
        for name, size in self.sizes.items():
            own = raw[:, self.places[name]]
            if size <= MOST:
                lost = lost + F.cross_entropy(own, z[name].values.reshape(-1).long(), reduction="none")
            else:
                digits = (goal[:, self.places[name]] > 0).float()
                lost = lost + F.binary_cross_entropy_with_logits(own, digits, reduction="none").sum(1)
        return lost

    def unlikely(self, raw: Tensor, spread: Tensor, z: Fields, goal: Tensor) -> Tensor:
        """(B,) nats: normal distributions around `raw` for numbers, its odds for labels.

        Args:
            spread: (N,) logarithms of the standard deviations.
        """
        lost = raw.new_zeros(len(raw))
        if self.numbers:
            away = (goal[:, : self.numbers] - raw[:, : self.numbers]) * (-spread).exp()
            lost = lost + ((0.5 * away.square() + spread + 0.5 * math.log(2 * math.pi)) * self.weight(z)).sum(1)
        return lost + self._unlikely_labels(raw, z, goal)

    def drawn(self, raw: Tensor, spread: Tensor, noise: Tensor) -> Tensor:
        """(B, D) a point by the distributions of `unlikely`; `noise` (B, D) is standard normal, and 0 the most likely one."""
        parts = [raw[:, : self.numbers] + noise[:, : self.numbers] * spread.exp()]
        level = torch.special.ndtr(noise).clamp(1e-6, 1 - 1e-6)
        for name, size in self.sizes.items():
            own, u = raw[:, self.places[name]], level[:, self.places[name]]
            if size <= MOST:
                parts.append(own - (-u.log()).log())  # the largest one is a draw (Gumbel 1954)
            else:
                parts.append(torch.sign(own + torch.logit(u)))
        return torch.cat(parts, 1)


def _bits(ids: Tensor, width: int) -> Tensor:
    """(B, width) binary digits as ± 1, the lowest first."""
    return ((ids[:, None] >> torch.arange(width, device=ids.device)) & 1).float() * 2 - 1


def _number(digits: Tensor, size: int) -> Tensor:
    """(B,) the id below `size` whose digits are nearest to (B, width)."""
    known = _bits(torch.arange(size, device=digits.device), digits.shape[1])
    return (digits @ known.t()).argmax(1)
