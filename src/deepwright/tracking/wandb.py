"""Weights & Biases: offline, in the run folder, unless the person has set WANDB_MODE. Send it later with: wandb sync"""

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import Field

from deepwright.core.errors import need
from deepwright.registries import trackers
from deepwright.tracking.tracker import About, Row, State, Tracker, Writer

__all__ = ["WandB"]


@trackers.register
class WandB(Tracker):
    """Curves, settings and the report for Weights & Biases, in the folder `wandb` of the run.

    Nothing is sent unless WANDB_MODE says so, and nothing is recorded about the person, the computer or the code.

    Args:
        project: the group of runs it belongs to.
    """

    kind: Literal["wandb"] = "wandb"
    project: str = Field(default="deepwright", min_length=1)

    def check(self) -> None:
        need("wandb", "wandb")

    def begin(self, about: About) -> "WandBWriter":
        return WandBWriter(self, about)


class WandBWriter(Writer):
    """Offline it begins anew in every life, since a closed file cannot be gone on with: the journal is told again.

    Online it goes on after the last step that the server has.
    """

    def __init__(self, settings: WandB, about: About):
        self._ours = not _served()  # its background service, then, is ours to end
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        mode = os.environ.get("WANDB_MODE") or "offline"
        known = about.known.get("run")
        run = known or uuid.uuid4().hex[:8]
        self.identity: Mapping[str, str] = {"run": run}
        if mode == "offline":
            for old in (about.folder / "wandb").glob(f"offline-run-*-{run}"):
                shutil.rmtree(old)
        quiet = wandb.Settings(
            mode=mode, console="off", silent=True, symlink=False, disable_git=True, disable_code=True,
            disable_job_creation=True, x_disable_meta=True, x_disable_machine_info=True, x_disable_stats=True,
            x_save_requirements=False, host="", username="", email="",
        )  # fmt: skip
        self._run = wandb.init(
            dir=str(about.folder), id=run, name=about.name, project=settings.project,
            resume="allow" if known and mode == "online" else None, reinit="create_new", settings=quiet,
        )  # fmt: skip
        self._end = wandb.teardown
        self.told = self._run.step - 1 if self._run.resumed else -1

    def describe(self, settings: Mapping[str, Any]) -> None:
        self._run.config.update(_plain(settings), allow_val_change=True)

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._run.log(dict(row.figures), step=row.step)

    def finish(self, state: State, figures: Mapping[str, float], report: Path | None) -> None:
        for name, value in figures.items():
            self._run.summary[name] = value
        if report is not None:
            shutil.copy(report, self._run.dir)  # what lies there is sent along
        self._run.finish(exit_code=int(state == "failed"))
        if self._ours:
            self._end()


def _served() -> bool:
    """Whether the background service of other tracked runs is there already."""
    return any("wandb-core" in child.name() for child in psutil.Process().children())


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, bool | int | float | str | None) else str(value)
        for name, value in settings.items()
    }
