"""The probe: a few real steps on a copy of everything, to learn what a step costs and how many threads pay."""

import copy
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from deepwright.training.frozen import frozen_statistics
from deepwright.training.loop import Trainer

__all__ = ["Probed", "cores", "probe", "threads_by_work"]

SECONDS = 0.5  # of steps a setting
SHARE = 0.03  # of the budget at most
PATIENCE = 0.05  # of the budget after which no further setting is tried
HOPELESS = 1.25  # times as slow as the best setting so far
LITTLE_WORK = 1.5e8  # multiplications a forward below which a second thread costs more than it brings
VALIDATION_SHARE = 0.06  # of the budget
FEW_VALIDATIONS = 4
FEWEST_ROWS = 1000  # that a validation asks, where there are so many
TRIED_ROWS = 256


@dataclass(frozen=True)
class Probed:
    """What was measured; goes into the choices of the run."""

    threads: int
    precision: str
    step_seconds: float
    validation_seconds: float

    def choices(self, budget_seconds: float, rows: int, wanted: int, longest: float | None) -> dict[str, Any]:
        """Choices that every later life of the run obeys.

        Validation takes 6 % of the budget at most: first it comes less often, then it asks fewer rows.

        Args:
            rows: validation rows there are. wanted: validations.
        """
        allowance = VALIDATION_SHARE * budget_seconds
        share = min(
            1.0, max(allowance / (FEW_VALIDATIONS * max(self.validation_seconds, 1e-6)), FEWEST_ROWS / max(1, rows))
        )
        seconds = share * self.validation_seconds
        affordable = int(allowance / max(seconds, 1e-4))
        epochs = wanted if longest is None else max(4, int(longest))
        return {
            "threads": self.threads, "precision": self.precision, "validations": max(1, min(wanted, affordable, epochs)),
            "validation_rows": math.ceil(share * rows), "validation_seconds": seconds, "reserve": 0.3 + 2 * seconds,
        }  # fmt: skip


def cores() -> int:
    """Cores this process may use; OMP_NUM_THREADS sets a limit."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(wanted)) if wanted.isdigit() and int(wanted) else allowed


def probe(make: Callable[[str], Trainer], precisions: Sequence[str], seconds: float) -> Probed:
    """Measure on copies: `make` gives, for a precision, a trainer that shares nothing with the real one.

    Args:
        seconds: the budget; the probe takes a small share of it.
    """
    counts = sorted({1, cores()})
    allowance = max(0.15, min(SECONDS, SHARE * seconds / (len(counts) * len(precisions))))
    measured: dict[tuple[int, str], float] = {}
    started = time.perf_counter()
    for precision in reversed(precisions):  # the likely best one first
        trainer = make(precision)
        for count in counts:
            if measured and time.perf_counter() - started > PATIENCE * seconds:
                break  # a busy machine: what is known has to do
            best = min(measured.values(), default=float("inf"))
            measured[count, precision] = _step_seconds(trainer, count, allowance, best)
    threads, precision = min(measured, key=lambda setting: measured[setting])
    torch.set_num_threads(threads)
    validation_seconds = 0.0
    if trainer.validation is not None:
        with frozen_statistics(trainer.network), torch.inference_mode():
            validation_seconds = trainer.validation.seconds(TRIED_ROWS)
    return Probed(threads, precision, measured[threads, precision], validation_seconds)


def _step_seconds(trainer: Trainer, threads: int, allowance: float, best: float) -> float:
    """Median seconds of a step; a setting that is clearly slower than the best one so far is given up early."""
    torch.set_num_threads(threads)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 5 or (time.perf_counter() - began < allowance and len(times) < 50):
        last = time.perf_counter()
        trainer.advance()
        times.append(time.perf_counter() - last)
        if len(times) > 2 and min(times) > HOPELESS * best:
            break
    return sorted(times[2:])[len(times[2:]) // 2]


class _Work(TorchDispatchMode):
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
