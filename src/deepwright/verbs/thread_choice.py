"""Which number of threads a training computes with from a step on: the recorded one, a wish, or what is fastest now."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from deepwright.training.events import Event, Rethreaded
from deepwright.training.loop import Trainer
from deepwright.training.threads import Threads, counts
from deepwright.verbs.probe import USUAL, compared

__all__ = ["Wish", "threads_of"]

Wish = int | Literal["auto"] | None
Copy = Callable[[], Trainer]


def threads_of(
    trainer: Trainer, copy: Copy, tell: Callable[[Event], None], warn: Callable[[str], None], name: object,
    count: int | None = None, recorded: Sequence[tuple[int, int]] = (), wish: Wish = None, closed: bool = False,
) -> Threads:  # fmt: skip
    """The number of threads of a trainer; it may change live where the clock rules and the person did not choose.

    Args:
        copy: a trainer like this one that shares nothing with it. tell: of a change at once. warn: the person.
        name: of the run, for sentences. count: at the checkpoint; None for the choice of the start.
        recorded: changes (step, number) from this step on, to be followed. wish: of the person who resumes.
        closed: nothing but the recorded changes happens.
    """
    choices, step = trainer.choices, trainer.step
    before = int(choices["threads"]) if count is None else count
    now = next((number for at, number in reversed(recorded) if at == step), before)
    if wish is not None:
        choices["threads_given"] = wish != "auto"
        now, recorded = (trainer.ranks.same(fastest(copy(), now)) if wish == "auto" else wish), ()
    if now != before:
        tell(Rethreaded(step, now, trainer.pace.clock()))
    live = trainer.pace.timed and not choices.get("threads_given") and trainer.ranks.count == 1
    later = [change for change in recorded if change[0] > step]
    slow = partial(_slow, copy, warn, name, now, [])
    return Threads(now, counts(), live, slow, later, closed, clock=trainer.pace.clock)


def fastest(trainer: Trainer, count: int) -> int:
    """The number of threads that is fastest now; `count` unless another one is clearly faster."""
    means = compared(trainer, sorted({*counts(), count}))
    best = min(means, key=lambda number: means[number])
    return count if means.get(count, float("inf")) <= USUAL * means[best] else best


def _slow(copy: Copy, warn: Callable[[str], None], name: Any, count: int, told: list[bool], times: float) -> None:
    """Where the number must not change by itself, tell the person, once, when another would be faster."""
    best = count if told else fastest(copy(), count)
    if best != count:
        told.append(True)
        warn(
            f"Steps take {times:.1f} times as long as before, and would be faster with {best} instead of {count} threads; "
            f"another process is probably busy. To change it: Ctrl-C, then deepwright resume {name} --threads {best}"
        )
