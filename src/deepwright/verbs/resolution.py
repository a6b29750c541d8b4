"""The resolution of pictures that are to be created: as fine as a measured step says that the budget can learn.

A rule over the budget alone (`Image.creating`) is where it begins. Some real steps on a copy then tell how many there will be. A
step costs as much more as there are more pixels; the finest side that still gets enough steps is taken, and the data are prepared
anew where that is another one. Only where the person leaves the size open, and larger pictures are there.
"""

import copy
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deepwright.contracts import Finding, Particular
from deepwright.core.clock import process_seconds
from deepwright.core.wording import number
from deepwright.draft import Draft
from deepwright.preparation import Prepared
from deepwright.recipe import tidy
from deepwright.spaces import Box
from deepwright.training.distributed import Ranks
from deepwright.training.threads import counts
from deepwright.verbs.environment import pick_device
from deepwright.verbs.memory import unwritten
from deepwright.verbs.probe import SECONDS, SHARE
from deepwright.verbs.session import Session, Watch

__all__ = ["ENOUGH", "LEAST", "SIDES", "Open", "finest", "fitted", "open_sizes"]

SIDES = (16, 24, 32, 48, 64, 96, 128)
ENOUGH = 6000  # steps of the usual network that a finer picture than the rule's must get
LEAST = 1500  # below which a coarser one is taken
_CAPPED = 0.9  # of the largest side allowed: then it is this limit that decides


@dataclass(frozen=True)
class Open:
    """A column of pictures whose size is open. Args: side: as prepared."""

    name: str
    side: int


def finest(side: int, steps: float, sides: tuple[int, ...] = SIDES) -> int:
    """The side of pictures, where `side` affords so many steps.

    >>> finest(32, 8000), finest(32, 20000), finest(32, 700), finest(32, 100)
    (32, 48, 16, 16)
    """
    at = {other: steps * (side / other) ** 2 for other in sides}
    finer = [other for other in sides if other > side and at[other] >= ENOUGH]
    if finer:
        return max(finer)
    coarser = [other for other in sides if other <= side and at[other] >= LEAST]
    return max(coarser, default=min(side, sides[0])) if steps < LEAST else side


def open_sizes(draft: Draft, prepared: Prepared) -> list[Open]:
    """Columns of created pictures whose size the person leaves open and a limit has decided.

    Args:
        draft: as the person wrote it.
    """
    found, model = [], prepared.recipe.model
    if isinstance(model, Particular) and "most" in model.views:
        return found
    for name, feature in prepared.features.items():
        space, chosen = feature.space, prepared.recipe.features[name]
        most = getattr(chosen, "most", None)
        if name in prepared.recipe.conditions or most is None or not isinstance(space, Box) or len(space.shape) != 3:
            continue
        given = any(draft.has("features", name, key) for key in ("size", "most"))
        if not given and math.sqrt(space.shape[0] * space.shape[1]) >= _CAPPED * most:
            found.append(Open(name, most))
    return found


def fitted(draft: Draft, prepare: Callable[[Draft], Prepared], watch: Watch, over: float) -> Prepared:
    """Prepared data with pictures of a size that the budget can learn.

    Args:
        prepare: gives the data for a draft. over: seconds of the budget that were over before.
    """
    began = process_seconds()
    before = copy.deepcopy(draft)
    prepared = prepare(draft)
    budget = prepared.recipe.train.budget
    if not prepared.recipe.creates or budget.unit != "seconds" or int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return prepared
    tidy(before)
    sizes = open_sizes(before, prepared)
    if not sizes:
        return prepared
    watch.tell("measuring what resolution the budget affords")
    seconds = _step_seconds(prepared, budget.amount)
    steps = max(0.0, budget.amount - over - (process_seconds() - began)) / seconds
    wanted = {one.name: finest(one.side, steps) for one in sizes}
    changed = {one.name: wanted[one.name] for one in sizes if wanted[one.name] != one.side}
    if changed:
        for name, side in changed.items():
            before.put(("features", name, "most"), side, "what the budget affords")
        prepared = prepare(before)
    prepared.findings += _told(sizes, wanted, seconds, steps)
    return prepared


def _step_seconds(prepared: Prepared, budget: float) -> float:
    """Of a step with the usual network, by the fastest number of threads."""
    session = Session(unwritten(prepared), prepared.packed, pick_device(), Watch(), Ranks())
    numbers = counts() if prepared.recipe.train.threads is None else None
    return session.cost(numbers, min(SECONDS, SHARE * budget), judge=False).step_seconds


def _about(steps: float) -> str:
    return "fewer than 100" if steps < 100 else f"about {number(round(steps, -2))}"


def _told(sizes: list[Open], wanted: Mapping[str, int], seconds: float, steps: float) -> list[Finding]:
    found = []
    for one in sizes:
        side = wanted[one.name]
        text = (
            f"Pictures of '{one.name}' are learnt at about {side} × {side}: at {one.side} × {one.side} a step takes {1000 * seconds:.0f} "
            f"ms here, so the budget affords {_about(steps * (one.side / side) ** 2)} steps of the usual network. "
            f"To choose another size: --set features.{one.name}.size=64"
        )
        found.append(Finding("note", "choice", text, one.name))
    return found
