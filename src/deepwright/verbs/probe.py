"""The probe: a few real steps on copies of everything, to learn what a step costs, and how many threads and bits pay now.

Settings take turns in short bursts, so that a neighbour who comes or goes meets them all, and are judged by their mean:
beside a neighbour it is the rare long steps that cost.
"""

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from deepwright.training.frozen import frozen_statistics
from deepwright.training.loop import Trainer
from deepwright.training.operations import Operations
from deepwright.training.threads import computing, cores

__all__ = ["FEW_STEPS", "SECONDS", "SHARE", "Probed", "compared", "probe", "threads_by_work"]

SECONDS = 0.8  # of steps at most, all settings together
SHARE = 0.03  # of a wall-clock budget at most
FEW_STEPS = 50  # of a counted budget, that are done before a measurement would pay
ROUNDS = 3  # bursts a setting
WARM = 2  # steps before the first burst: memory is taken, kernels are chosen
HOPELESS = 1.5  # times as slow as the best setting after a burst: no further one
EQUAL = 1.05  # times as slow as the best setting: as good
USUAL = 1.2  # times as slow as the best setting, until the usual number of threads is given up
SAME_LOSS = 0.02  # relative difference of the losses in half and full precision
LITTLE_WORK = 1.5e8  # multiplications a forward below which a second thread costs more than it brings
VALIDATION_SHARE = 0.06  # of the budget
FEW_VALIDATIONS = 4
FEWEST_ROWS = 1000  # that a validation asks, where there are so many
LEAST_ROWS = 200  # where even those take half of what all validations may
TRIED_ROWS = 256

Setting = tuple[int, str]  # threads, precision


@dataclass(frozen=True)
class Probed:
    """What was measured; goes into the choices of the run.

    Args:
        means: seconds a step of each setting that was tried.
    """

    threads: int
    precision: str
    step_seconds: float
    validation_seconds: float = 0.0
    means: Mapping[Setting, float] = field(default_factory=dict)

    def choices(self, budget_seconds: float, rows: int, wanted: int, longest: float | None) -> dict[str, Any]:
        """Choices that every later life of the run obeys.

        Validation takes 6 % of the budget at most, but for the last weights' own: first it comes less often, then it asks fewer
        rows. Those kept are chosen by the same rows each, which few can do.

        Args:
            rows: validation rows there are. wanted: validations.
        """
        allowance = VALIDATION_SHARE * budget_seconds
        costly = FEWEST_ROWS / max(1, rows) * self.validation_seconds > allowance / 2
        fewest = LEAST_ROWS if costly else FEWEST_ROWS
        share = min(1.0, max(allowance / (FEW_VALIDATIONS * max(self.validation_seconds, 1e-6)), fewest / max(1, rows)))
        seconds = share * self.validation_seconds
        affordable = int(allowance / max(seconds, 1e-4))
        epochs = wanted if longest is None else max(4, int(longest))
        return {
            "threads": self.threads, "precision": self.precision, "validations": max(1, min(wanted, affordable, epochs)),
            "validation_rows": math.ceil(share * rows), "validation_seconds": seconds, "reserve": 0.3 + 2 * seconds,
        }  # fmt: skip


def probe(
    make: Callable[[str], Trainer], precisions: Sequence[str], numbers: Sequence[int], seconds: float,
    usual: int | None = None, judge: bool = False,
) -> Probed:  # fmt: skip
    """Measure on copies: `make` gives, for a precision, a trainer that shares nothing with the real one.

    Args:
        numbers: of threads to try. seconds: for all of it, from the first step on.
        usual: the number of threads that is kept unless another one is clearly faster: then most runs of one recipe agree.
        judge: also measure what an answer to all validation rows costs.
    """
    began = time.perf_counter()
    trainers = {precision: make(precision) for precision in precisions}
    losses, last = _warmed(trainers, max(numbers), seconds)
    means = _means(trainers, numbers, seconds, began)
    for precision, taken in last.items():  # where steps are long, no time was left for the second one
        means.setdefault((max(numbers), precision), taken)
    known = {setting: mean for setting, mean in means.items() if _same_loss(losses, setting[1])}
    best = min(known.values())
    threads, precision = min(
        (setting for setting in known if known[setting] <= EQUAL * best), key=lambda s: (s[1] != "float32", s[0])
    )
    if usual is not None and known.get((usual, precision), float("inf")) <= USUAL * best:
        threads = usual
    torch.set_num_threads(threads)
    judged = _validation_seconds(trainers[precision]) if judge else 0.0
    return Probed(threads, precision, known[threads, precision], judged, means)


def compared(trainer: Trainer, numbers: Sequence[int], seconds: float = SECONDS / 2) -> dict[int, float]:
    """Mean seconds of a step with each number of threads, on a trainer that shares nothing with the real one."""
    with computing(max(numbers)):
        began = time.perf_counter()
        _warmed({"": trainer}, max(numbers), seconds)
        return {count: mean for (count, _), mean in _means({"": trainer}, numbers, seconds, began).items()}


def _warmed(trainers: Mapping[str, Trainer], threads: int, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """The mean loss of the first steps of each trainer, and the seconds of the last of them."""
    torch.set_num_threads(threads)
    began, last = time.perf_counter(), {}
    for precision, trainer in trainers.items():
        for _ in range(WARM):
            start = time.perf_counter()
            trainer.advance()
            last[precision] = time.perf_counter() - start
            if len(trainers) == 1 and time.perf_counter() - began > seconds / 4:
                break  # a step is long: the rest is for measuring
    return {precision: trainer.mean_loss for precision, trainer in trainers.items()}, last


def _same_loss(losses: Mapping[str, float], precision: str) -> bool:
    """Whether training in this precision goes as in float32, as far as a few steps tell."""
    if precision == "float32" or "float32" not in losses:
        return True
    full = losses["float32"]
    return abs(losses[precision] - full) <= SAME_LOSS * max(abs(full), 1e-3)


def _means(
    trainers: Mapping[str, Trainer], numbers: Sequence[int], seconds: float, began: float
) -> dict[Setting, float]:
    """Mean seconds of a step of each setting, most threads first; after a burst the slow ones are given up.

    Args:
        seconds: to use, counted from `began`; each setting gets a step unless twice that is over.
    """
    settings = [(count, precision) for precision in trainers for count in sorted(numbers, reverse=True)]
    burst = max(0.0, seconds - (time.perf_counter() - began)) / (ROUNDS * len(settings))
    spent: dict[Setting, list[Any]] = {setting: [0, 0.0] for setting in settings}
    for number in range(ROUNDS):
        for setting in reversed(settings) if number % 2 else settings:
            means = {one: total / steps for one, (steps, total) in spent.items() if steps}
            late = time.perf_counter() - began > (1 if setting in means else 2) * seconds
            if means and (late or means.get(setting, 0.0) > HOPELESS * min(means.values())):
                continue
            _burst(trainers[setting[1]], setting[0], burst, spent[setting])
    return {setting: total / steps for setting, (steps, total) in spent.items() if steps}


def _burst(trainer: Trainer, threads: int, seconds: float, spent: list[Any]) -> None:
    """Some steps; the first one after a change of threads does not count where others follow."""
    torch.set_num_threads(threads)
    times: list[float] = []
    while len(times) < 2 or sum(times) < seconds:
        began = time.perf_counter()
        trainer.advance()
        times.append(time.perf_counter() - began)
        if sum(times) > 2 * max(seconds, 0.05):
            break
    counted = times[1:] or times
    spent[0] += len(counted)
    spent[1] += sum(counted)


def _validation_seconds(trainer: Trainer) -> float:
    if trainer.validation is None:
        return 0.0
    with frozen_statistics(trainer.network), torch.inference_mode():
        return trainer.validation.seconds(TRIED_ROWS)


class _Work(Operations):
    """Counts the multiplications of matrix products and convolutions (torch's own counter loads far more modules)."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in ("mm", "bmm", "addmm", "baddbmm"):
            left = args[-2]
            self.count += result.numel() * left.shape[-1]
        elif name == "convolution":
            self.count += result.numel() * args[1][0].numel()
        return result


def threads_by_work(trainer: Trainer) -> int:
    """Threads without measuring, so that counted budgets give the same bits each time: one where a step is small."""
    network = copy.deepcopy(trainer.network)
    batch = trainer.feed.at(0)
    with frozen_statistics(network), torch.no_grad(), _Work() as work:
        network.body(network.embed(batch.inputs))
    return 1 if work.count < LITTLE_WORK else cores()
