"""Searches: how the settings of the next trial are chosen.

A search either lets Optuna choose (`sampler`) or names the point itself (`propose`). What it does depends on the seed, the
number of the trial and the finished trials only, so that a search that was killed goes on as if nothing had happened.
"""

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field as Setting

from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.core.seeds import derive
from deepwright.ranges import Choice, Range, Whole
from deepwright.registries import searches
from deepwright.verbs.tune.points import Point, Tried, from_unit, is_ordered, params, to_unit

__all__ = ["CMAES", "TPE", "Grid", "Proposal", "Random", "Search"]

SORTED = 100_000  # points of a grid up to which it is put into a random order as a whole

Ranges = Mapping[str, Range]


@dataclass(frozen=True)
class Proposal:
    """A point, and what the search wants to read beside it later (`Tried.note`)."""

    point: Point
    note: tuple[int, ...] | None = None


class Search(Config):
    """What all searches offer."""

    def check(self, ranges: Ranges) -> None:
        """Raises Refused: it cannot search these ranges."""

    def most(self, ranges: Ranges) -> int | None:
        """Trials after which there is nothing left to try; None without an end."""
        return None

    @property
    def starts_anywhere(self) -> bool:
        """Whether the first trial may be the default recipe."""
        return True

    def propose(
        self, ranges: Ranges, number: int, tried: Sequence[Tried], seed: int, start: Point | None
    ) -> Proposal | None:
        """The point of trial `number`, or None where Optuna's sampler chooses it.

        Args:
            tried: all trials before it. start: the default recipe's point, where it lies in the ranges.
        """
        return None

    def sampler(self, seed: int) -> Any:
        """Optuna's sampler for one trial."""
        import optuna

        return optuna.samplers.RandomSampler(seed=seed % 2**32)


@searches.register
class Random(Search):
    """Every point is as likely as any other (Bergstra & Bengio 2012, JMLR 13)."""

    kind: Literal["random"] = "random"


@searches.register
class TPE(Search):
    """Points that resemble good ones more than bad ones: tree-structured Parzen estimators (Bergstra et al. 2011, NIPS 24).

    Args:
        startup: random trials before the first that learns from others.
    """

    kind: Literal["tpe"] = "tpe"
    startup: int = Setting(8, ge=1)

    def sampler(self, seed: int) -> Any:
        import warnings

        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(n_startup_trials=self.startup, seed=seed % 2**32, constant_liar=True)


@searches.register
class Grid(Search):
    """Every combination once, in a random order, since the time may be over before the grid is.

    Args:
        points: values taken from a range between two numbers; a choice is taken whole.
    """

    kind: Literal["grid"] = "grid"
    points: int = Setting(3, ge=2)

    @property
    def starts_anywhere(self) -> bool:
        return False

    def most(self, ranges: Ranges) -> int | None:
        return math.prod(len(self._values(one)) for one in ranges.values())

    def _values(self, one: Range) -> list[Any]:
        if isinstance(one, Choice):
            return params(one)
        if isinstance(one, Whole) and one.high - one.low < self.points:
            return list(range(one.low, one.high + 1))
        return list(dict.fromkeys(from_unit(one, k / (self.points - 1)) for k in range(self.points)))

    def propose(
        self, ranges: Ranges, number: int, tried: Sequence[Tried], seed: int, start: Point | None
    ) -> Proposal | None:
        values = {name: self._values(one) for name, one in ranges.items()}
        place = _place(math.prod(map(len, values.values())), number, seed)
        point: Point = {}
        for name, own in values.items():
            place, digit = divmod(place, len(own))
            point[name] = own[digit]
        return Proposal(point)


def _place(total: int, number: int, seed: int) -> int:
    """The member `number` of a random order of range(total); the grid starts anew after its end."""
    if total <= SORTED:
        order = list(range(total))
        random.Random(derive(seed, "grid")).shuffle(order)
        return order[number % total]
    drawn: dict[int, None] = {}
    for k in itertools.count():
        drawn[derive(seed, "grid", k) % total] = None
        if len(drawn) > number:
            return next(reversed(drawn))
    raise AssertionError  # the count has no end


@searches.register
class CMAES(Search):
    """Covariance matrix adaptation: a cloud of points that moves and turns with what it finds (Hansen 2016, arXiv 1604.00772).

    Numbers and choices among numbers are searched; other choices are drawn at random. Where the cloud stands is computed
    anew from the finished trials each time: Optuna's own sampler would keep it as a pickle.

    Args:
        sigma: how wide the cloud starts, as a share of each range.
        population: trials a generation; None: 4 + 3 ln(number of settings), eq. 48.
    """

    kind: Literal["cmaes"] = "cmaes"
    sigma: float = Setting(0.25, gt=0.0, le=1.0)
    population: int | None = Setting(None, ge=4)

    def check(self, ranges: Ranges) -> None:
        ordered = [name for name, one in ranges.items() if is_ordered(one)]
        if len(ordered) < 2:
            raise Refused(
                f"The search 'cmaes' needs at least two settings that are numbers; here are {len(ordered)}. "
                "Use --search tpe."
            )

    def propose(
        self, ranges: Ranges, number: int, tried: Sequence[Tried], seed: int, start: Point | None
    ) -> Proposal | None:
        ordered = {name: one for name, one in ranges.items() if is_ordered(one)}
        centre = [0.5 if start is None else to_unit(one, start[name]) for name, one in ordered.items()]
        generation, place, cloud = self._cloud(centre, tried, seed)
        drawn = self._draw(cloud, seed, generation, place)
        found: Point = {name: from_unit(one, float(x)) for (name, one), x in zip(ordered.items(), drawn, strict=True)}
        for name, one in ranges.items():
            if isinstance(one, Choice) and name not in ordered:
                own = params(one)
                found[name] = own[derive(seed, "cmaes", number, name) % len(own)]
        return Proposal({name: found[name] for name in ranges}, (generation, place))

    def _cloud(self, centre: Sequence[float], tried: Sequence[Tried], seed: int) -> tuple[int, int, Any]:
        """Generation and place in it of the next trial, and the cloud it is drawn from."""
        import cmaes
        import numpy as np

        size = len(centre)
        population = self.population or 4 + math.floor(3 * math.log(size))
        bounds = np.array([[0.0, 1.0]] * size)
        cloud = cmaes.CMA(np.array(centre), self.sigma, bounds=bounds, population_size=population)
        for generation in itertools.count():
            members = [(one.note[1], one) for one in tried if one.note is not None and one.note[0] == generation]
            done = [(place, one) for place, one in members if one.state != "running"][:population]
            if len(done) < population:
                return generation, 1 + max((place for place, _ in members), default=-1), cloud
            drawn = [self._draw(cloud, seed, generation, place) for place, _ in done]
            costs = [math.inf if one.cost is None else one.cost for _, one in done]
            cloud.tell(list(zip(drawn, costs, strict=True)))
        raise AssertionError  # the count has no end

    def _draw(self, cloud: Any, seed: int, generation: int, place: int) -> Any:
        """The point of a place (D,), 0 to 1, however often it is asked for."""
        cloud.reseed_rng(derive(seed, "cmaes", generation, place) % 2**32)
        return cloud.ask()
