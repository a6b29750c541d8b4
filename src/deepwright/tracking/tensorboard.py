"""TensorBoard: one file in the run folder. See it with: tensorboard --logdir RUN/tensorboard"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from deepwright.core.errors import need
from deepwright.registries import trackers
from deepwright.tracking.tracker import About, Row, State, Tracker, Writer

__all__ = ["TensorBoard"]

NAME = "events.out.tfevents.deepwright"  # the library's own names hold the name of the computer


@trackers.register
class TensorBoard(Tracker):
    """Curves and settings for TensorBoard, in the folder `tensorboard` of the run."""

    kind: Literal["tensorboard"] = "tensorboard"

    def check(self) -> None:
        need("tensorboard", "tensorboard")

    def begin(self, about: About) -> "TensorBoardWriter":
        return TensorBoardWriter(about)


class TensorBoardWriter(Writer):
    """Begins the file anew in every life: what it held is told again from the journal, so nothing is there twice."""

    told = -1

    def __init__(self, about: About):
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        self.identity: Mapping[str, str] = {}
        path = about.folder / "tensorboard" / NAME
        path.parent.mkdir(exist_ok=True)
        self._file = open(path, "wb")  # noqa: SIM115  closed by `finish`
        self._records, self._event = RecordWriter(self._file), Event
        self._last = 0
        self._put(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def describe(self, settings: Mapping[str, Any]) -> None:
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        plain = {
            name: value if isinstance(value, bool | int | float) else str(value) for name, value in settings.items()
        }
        self._put(self._event(wall_time=time.time(), summary=hparams_pb(plain)))

    def _put(self, event: Any) -> None:
        self._records.write(event.SerializeToString())

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            event = self._event(wall_time=row.time, step=row.step)
            for name, value in row.figures.items():
                event.summary.value.add(tag=name, simple_value=value)
            self._put(event)
            self._last = row.step
        self._file.flush()

    def finish(self, state: State, figures: Mapping[str, float], report: Path | None) -> None:
        if figures:
            self.write([Row(self._last, time.time(), figures)])
        self._file.close()
