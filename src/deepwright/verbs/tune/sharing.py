"""The memory of a tune: as many trainings at a time as the limit has room for, each a process of its own."""

import torch

from deepwright.core.errors import Refused
from deepwright.core.memory import resident
from deepwright.core.size import enough, told
from deepwright.preparation import Prepared
from deepwright.verbs.jobs.sharing import each
from deepwright.verbs.tune.settings import Tune

__all__ = ["share"]


def share(settings: Tune, prepared: Prepared, program: int, device: torch.device) -> Tune:
    """The settings with no more jobs than the recipe's limit affords; unchanged without one.

    Judged by the default recipe: a trial of a larger network takes more.

    Args:
        program: bytes that this process held before the data was read.

    Raises:
        Refused: not even one job fits beside this process.
    """
    limit = prepared.recipe.train.memory
    if limit is None:
        return settings
    one = each(prepared, program, device)
    here = resident()
    most = (limit.bytes - here) // one
    if most < 1:
        raise Refused(
            f"--memory {limit} is not enough to tune: the process that decides holds {told(here)}, and each training takes "
            f"about {told(one)}. Give at least {enough(here + one)}."
        )
    return settings.model_copy(update={"jobs": min(settings.at_a_time(device.type), most)})
