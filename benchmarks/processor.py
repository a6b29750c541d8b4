"""Trainings that are given processor-seconds: starting, reading data and judging are not counted."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROBE = 40


def trained(source: Path, out: Path, steps: int, seed: int, settings: Sequence[str]) -> tuple[Any, float]:
    """A generating run of so many steps, and the processor-seconds (user + system) that the steps took."""
    from deepwright.draft import Draft
    from deepwright.training.events import Started, Stopped
    from deepwright.verbs.train import Watch, train

    clock: dict[str, float] = {}

    def told(event: Any) -> None:
        if isinstance(event, Started | Stopped):
            clock[type(event).__name__] = time.process_time()

    draft = Draft()
    for one in (f"data.source={source}", "task.kind=generate", f"train.budget={steps}steps", f"seed={seed}", *settings):
        draft.set(one)
    run = train(draft, out=out, watch=Watch(event=told))
    return run, clock["Stopped"] - clock["Started"]


def afforded(source: Path, out: Path, budget: float, seed: int, settings: Sequence[str]) -> int:
    """Steps in so many processor-seconds, from two short trainings: what they have in common comes once, whatever the steps."""
    short, long = (trained(source, out, count, seed, settings)[1] for count in (PROBE, 3 * PROBE))
    step = (long - short) / (2 * PROBE)
    return max(1, round((budget - max(0.0, short - PROBE * step)) / step))
