"""MLflow: a database in the run folder, or the server that the person named in MLFLOW_TRACKING_URI.

See it with: mlflow ui --backend-store-uri sqlite:///RUN/mlflow/mlflow.db
"""

import hashlib
import logging
import os
import re
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from deepwright.core.errors import need
from deepwright.registries import trackers
from deepwright.tracking.tracker import About, Row, State, Tracker, Writer

__all__ = ["MLflow"]

AT_ONCE = 100  # settings, and a tenth of the figures, that a server takes in one call
LONGEST = 500  # letters of a setting
STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
QUIET = {  # unless the person has set them
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a server that is away must not hold up the training
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


@trackers.register
class MLflow(Tracker):
    """Curves, settings and the report for MLflow, in the folder `mlflow` of the run or where MLFLOW_TRACKING_URI says.

    Args:
        experiment: the group of runs it belongs to.
    """

    kind: Literal["mlflow"] = "mlflow"
    experiment: str = Field(default="deepwright", min_length=1)

    def check(self) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        need("mlflow", "mlflow")
        need("sqlalchemy", "mlflow")
        need("alembic", "mlflow")

    def begin(self, about: About) -> "MLflowWriter":
        self.check()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own libraries, about each other
            return MLflowWriter(self, about)


class MLflowWriter(Writer):
    """Asks the tracked run for its last step, and tells what is newer."""

    def __init__(self, settings: MLflow, about: About):
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self._metric, self._param = Metric, Param
        named = os.environ.get("MLFLOW_TRACKING_URI")
        place = about.folder.resolve() / "mlflow"
        if not named:
            place.mkdir(exist_ok=True)
        uri = named or f"sqlite:///{place / 'mlflow.db'}"
        self._client = MlflowClient(tracking_uri=uri)
        store = hashlib.sha256(uri.encode()).hexdigest()[:16]  # an address may hold a password
        known = about.known.get("run") if about.known.get("store") == store or not named else None
        self._run = known or self._create(settings, about, None if named else (place / "artifacts").as_uri())
        self.identity: Mapping[str, str] = {"run": self._run, "store": store if named else ""}
        self._new_run = not known
        if known:
            self._client.update_run(self._run, status="RUNNING")
        self._known = set(self._client.get_run(self._run).data.metrics)
        histories = (self._client.get_metric_history(self._run, name) for name in self._known)
        self.told = max((point.step for history in histories for point in history), default=-1)

    def _create(self, settings: MLflow, about: About, artifacts: str | None) -> str:
        found = self._client.get_experiment_by_name(settings.experiment)
        group = (
            self._client.create_experiment(settings.experiment, artifact_location=artifacts)
            if found is None
            else found.experiment_id
        )
        return self._client.create_run(group, run_name=about.name).info.run_id

    def describe(self, settings: Mapping[str, Any]) -> None:
        if not self._new_run:
            return  # what is there cannot be changed
        params = [self._param(_allowed(name), str(value)[:LONGEST]) for name, value in settings.items()]
        for start in range(0, len(params), AT_ONCE):
            self._client.log_batch(self._run, params=params[start : start + AT_ONCE])

    def write(self, rows: Sequence[Row]) -> None:
        points = [
            self._metric(_allowed(name), value, int(1000 * row.time), row.step)
            for row in rows
            for name, value in row.figures.items()
        ]
        for start in range(0, len(points), 10 * AT_ONCE):
            self._client.log_batch(self._run, metrics=points[start : start + 10 * AT_ONCE])
        self.told = max([self.told, *(row.step for row in rows)])

    def finish(self, state: State, figures: Mapping[str, float], report: Path | None) -> None:
        new = {name: value for name, value in figures.items() if _allowed(name) not in self._known}
        if new:
            self.write([Row(max(0, self.told), time.time(), new)])
        if report is not None:
            self._client.log_artifact(self._run, str(report))
        self._client.set_terminated(self._run, STATUS[state])


def _allowed(name: str) -> str:
    """The name with the signs that MLflow takes."""
    return re.sub(r"[^/\w.\- :]", "_", name)[:250]
