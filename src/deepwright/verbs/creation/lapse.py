"""The time-lapse of a network that learns to create: at steps 1, 2, 4, 8 … and at the end, what it makes of fixed seeds.

Beside each drawing lie the weights that made it, so that another training can begin there (`verbs/branch.py`).
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import polars as pl

from deepwright.contracts import FittedFeature
from deepwright.core.files import write_bytes
from deepwright.core.seeds import derive
from deepwright.training.averages import weights
from deepwright.training.events import Event, Rendered
from deepwright.training.loop import Trainer
from deepwright.training.tensor_files import write_tensors
from deepwright.verbs.creation.making import sketched
from deepwright.verbs.creation.pictures import sheet

__all__ = ["LAPSE", "Lapse", "snapshots"]

LAPSE = "lapse"  # the folder of a run
DRAWN = 16
ROOM = 256_000_000  # bytes of weights that are kept; older ones go first, since little had been learnt then


class Lapse:
    """See the module.

    Args:
        created: the features of what is created. folder: of the run; None: nothing is kept.
    """

    def __init__(self, created: Mapping[str, FittedFeature], seed: int, folder: Path | None):
        self._created, self._seed = dict(created), derive(seed, "lapse")
        self._folder = None if folder is None else folder / LAPSE

    def each(self, trainer: Trainer) -> Iterator[Event]:
        """After a step: draw, and keep the weights, where its turn has come."""
        step = trainer.step
        if step & (step - 1) and step < trainer.pace.total:
            return
        with weights(trainer.network, trainer.live):
            made = sketched(trainer.network, self._seed, DRAWN)
            if self._folder is not None:
                write_tensors(self._folder / f"{_stem(step)}.safetensors", trainer.network.state_dict(), {"step": step})
                _make_room(self._folder, step)
        decoded = [feature.decode(made[name]) for name, feature in self._created.items()]
        cells = [one for one in decoded if one.dtype == pl.Binary]
        if not cells:
            return
        file = f"{_stem(step)}.png"
        if self._folder is not None:
            write_bytes(self._folder / file, sheet(cells[0].to_list()))
        yield Rendered(step, trainer.pace.clock(), f"{LAPSE}/{file}")


def snapshots(run: Path) -> dict[int, Path]:
    """The files of weights that the time-lapse of a run holds, by step."""
    found = sorted((run / LAPSE).glob("step-*.safetensors"))
    return {int(path.stem.removeprefix("step-")): path for path in found if path.stem.removeprefix("step-").isdecimal()}


def _stem(step: int) -> str:
    return f"step-{step:07d}"


def _make_room(folder: Path, step: int) -> None:
    """Remove the oldest weights up to `step` where all of them take too much; the newest stay."""
    taken, kept = 0, snapshots(folder.parent)
    for number in sorted((one for one in kept if one <= step), reverse=True):
        taken += kept[number].stat().st_size
        if taken > ROOM and number < step:
            with suppress(OSError):
                kept[number].unlink()
