"""Prunings: when a trial is given up or has to wait. They look at its best validation figure after equal shares of its steps."""

from typing import Any, ClassVar, Literal

from pydantic import Field as Setting

from deepwright.core.config import Config
from deepwright.registries import prunings
from deepwright.verbs.tune.rungs import Rungs

__all__ = ["Halving", "Hyperband", "Median", "NoPruning", "Pruning"]


class Pruning(Config):
    """What all prunings offer.

    `share`: of a full trial's work that trials take on average, to plan with; on the safe side.
    """

    share: ClassVar[float] = 1.0

    def pruner(self, looks: int) -> Any:
        """Optuna's pruner for trials that are looked at so often: it gives a trial up for ever, or lets it go on at once."""
        import optuna

        return optuna.pruners.NopPruner()

    def rungs(self, looks: int) -> Rungs:
        """Where trials pause instead, until they are known to be among the best; none where they never do."""
        return Rungs()


@prunings.register
class NoPruning(Pruning):
    """Every trial is trained to its end."""

    kind: Literal["none"] = "none"


@prunings.register
class Halving(Pruning):
    """Successive halving: trials pause at each rung, and the best of all that came there go on (arXiv 1502.07943).

    Args:
        factor: one in so many goes on; each rung lies so many times as far as the one before.
        first: the first rung, as a share of a trial's steps.
    """

    share: ClassVar[float] = 0.4

    kind: Literal["halving"] = "halving"
    factor: int = Setting(3, ge=2)
    first: float = Setting(1 / 9, gt=0.0, le=1.0)

    def rungs(self, looks: int) -> Rungs:
        found, rung = [], max(1, round(looks * self.first))
        while rung < looks:
            found.append(rung)
            rung *= self.factor
        return Rungs(tuple(found), self.factor)


@prunings.register
class Hyperband(Pruning):
    """Several successive halvings side by side, from hasty to patient ones (Li et al. 2018, arXiv 1603.06560).

    Args:
        factor, first: as of `halving`, for the hastiest of them.
    """

    share: ClassVar[float] = 0.65

    kind: Literal["hyperband"] = "hyperband"
    factor: int = Setting(3, ge=2)
    first: float = Setting(1 / 9, gt=0.0, le=1.0)

    def pruner(self, looks: int) -> Any:
        import optuna

        least = max(1, round(looks * self.first))
        return optuna.pruners.HyperbandPruner(min_resource=least, max_resource=looks, reduction_factor=self.factor)


@prunings.register
class Median(Pruning):
    """A trial whose best figure so far is worse than the median of the others' at the same step is given up.

    Args:
        startup: trials that are trained to their end first.
        first: share of a trial's steps before which none is given up.
    """

    share: ClassVar[float] = 0.75

    kind: Literal["median"] = "median"
    startup: int = Setting(4, ge=1)
    first: float = Setting(1 / 9, ge=0.0, lt=1.0)

    def pruner(self, looks: int) -> Any:
        import optuna

        return optuna.pruners.MedianPruner(n_startup_trials=self.startup, n_warmup_steps=round(looks * self.first))
