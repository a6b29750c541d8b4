"""Which weights to keep: at the end averages and the weights themselves are compared on validation rows; the best are kept."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from deepwright.training.averages import copied, weights

if TYPE_CHECKING:
    from deepwright.training.loop import Trainer

__all__ = ["BEST", "LAST", "MOVING", "Choice", "compare", "renew_statistics"]

BEST, LAST, MOVING = "best validated weights", "last weights", "best validated moving average"
PASSES = 50  # batches that statistics are taken from, at most
PASSES_SHARE = 0.01  # of the steps, unless that is less than FEW
FEW = 10

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Choice:
    """What is kept. `figures`: of all that were compared, by name."""

    kept: str
    tensors: Weights
    figures: Mapping[str, float]


def compare(trainer: "Trainer", last: Weights) -> Choice | None:
    """The best of what a trainer with an average ends with; None where validation has found nothing to compare with.

    What is best by the validations during training needs no other look. A tie changes nothing.

    Args:
        last: the weights after the last step.
    """
    average, validation = trainer.average, trainer.validation
    if average is None or validation is None or trainer.best is None or trainer.best_value is None:
        return None
    moving = average.live is not None
    others = {name: partial(_judged, trainer, one, average.stale) for name, one in average.candidates().items()}
    if moving:
        others[LAST] = partial(_judged, trainer, last, False)
    name, kept, best = MOVING if moving else BEST, trainer.best, trainer.best_value
    figures = {name: best}
    for other, judge in others.items():
        tensors, figures[other] = judge()
        if math.isfinite(figures[other]) and validation.improves(figures[other], best):
            name, kept, best = other, tensors, figures[other]
    return Choice(name, kept, figures)


def _judged(trainer: "Trainer", tensors: Weights, stale: bool) -> tuple[dict[str, Tensor], float]:
    """Weights as they would be kept, and their figure."""
    assert trainer.validation is not None
    with weights(trainer.network, tensors):
        if stale:
            renew_statistics(trainer.network, lambda: _pass_over(trainer))
        value = trainer.figures()[trainer.validation.primary]
        return copied(trainer.network.state_dict()), value


def _pass_over(trainer: "Trainer") -> None:
    """Send some batches of the first epoch through the network; as many each time, whatever the clock says."""
    affordable = max(FEW, int(PASSES_SHARE * trainer.pace.total))
    for step in range(min(PASSES, affordable, math.ceil(trainer.feed.steps_per_epoch))):
        for player in trainer.players:
            player.pass_over(trainer.feed, step)


def renew_statistics(network: nn.Module, passes: Callable[[], None]) -> None:
    """Take the running statistics of batch normalisation anew: plain means over what `passes` sends through the network.

    Statistics of the weights that were averaged are not those of the average (Izmailov et al. 2018, arXiv 1803.05407,
    section 3.2).
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        return
    momenta = [module.momentum for module in norms]
    modes = [(module, module.training) for module in network.modules()]
    for module in norms:
        module.reset_running_stats()
        module.momentum = None
    network.train()
    try:
        passes()
    finally:
        for module, momentum in zip(norms, momenta, strict=True):
            module.momentum = momentum
        for module, training in modes:
            module.training = training
