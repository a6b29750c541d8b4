"""Rungs: looks at which every trial pauses, and which of the paused ones goes on.

Successive halving (Jamieson & Talwalkar 2016, arXiv 1502.07943): all trials come to the first rung, the best 1/factor of them go
on to the next, the best first. Only where time gets short they are not waited for (as Li et al. 2020, arXiv 1810.05934, do).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Climber", "Rungs"]


@dataclass(frozen=True)
class Climber:
    """A trial that has not failed.

    Args:
        costs: look → best figure so far, smaller is better. paused: the rung at which it waits; 0 for none.
        mine: it can go on here.
    """

    number: int
    costs: Mapping[int, float]
    paused: int = 0
    mine: bool = True

    def cost(self, rung: int) -> float | None:
        """The figure it came to a rung with: of the first look from there on that had one."""
        look = min((look for look in self.costs if look >= rung), default=None)
        return None if look is None else self.costs[look]


@dataclass(frozen=True)
class Rungs:
    """Args: looks: of the rungs, ascending. factor: one in so many goes on from each."""

    looks: tuple[int, ...] = ()
    factor: int = 1

    def at(self, look: int) -> int:
        """The highest rung that a trial has come to; 0 for none."""
        return max((rung for rung in self.looks if rung <= look), default=0)

    def next_up(self, climbers: Sequence[Climber]) -> Climber | None:
        """Who goes on, if anybody has earned it by now; from the lowest rung, so that the higher ones have many to choose from."""
        return self._first_waiting(climbers, self.looks, lambda count: count // self.factor)

    def last_up(self, climbers: Sequence[Climber]) -> Climber | None:
        """Who goes on where nobody else will come: from the highest rung, at least one, whatever other machines have."""
        here = [one for one in climbers if one.mine]
        return self._first_waiting(here, self.looks[::-1], lambda count: max(1, count // self.factor))

    def hopeless(self, climbers: Sequence[Climber], total: int) -> list[Climber]:
        """Those here that could not go on if all others of so many trials were worse; one place is spare, since others fail."""
        found = []
        for rung, most in zip(self.looks, self._places(total), strict=True):
            behind = self._ranked(climbers, rung)[most + 1 :]
            found += [one for one in behind if one.mine and one.paused == rung]
        return found

    def climb(self, total: int, looks: int) -> float:
        """The work, in whole trials of so many looks, that the best of so many trials at the first rung still take."""
        ends = (*self.looks, looks)[1:]
        ways = zip(self.looks, ends, self._places(total), strict=True)
        return sum(places * (end - rung) / looks for rung, end, places in ways)

    def _places(self, total: int) -> list[int]:
        """How many go on from each rung, of so many trials."""
        return [max(1, total // self.factor**height) for height in range(1, len(self.looks) + 1)]

    def _first_waiting(
        self, climbers: Sequence[Climber], rungs: Sequence[int], quota: Callable[[int], int]
    ) -> Climber | None:
        for rung in rungs:
            ranked = self._ranked(climbers, rung)
            for one in ranked[: quota(len(ranked))]:
                if one.mine and one.paused == rung:
                    return one
        return None

    def _ranked(self, climbers: Sequence[Climber], rung: int) -> list[Climber]:
        """Those that have come to a rung, best first; of equals the earlier."""
        costs = [(cost, one.number, one) for one in climbers if (cost := one.cost(rung)) is not None]
        return [one for _, _, one in sorted(costs, key=lambda each: each[:2])]
