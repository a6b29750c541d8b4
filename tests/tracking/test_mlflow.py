"""MLflow's own client finds what a run has told, in the run folder; no address is called."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from deepwright.run import Run
from tests.tracking.conftest import Tracked, expected

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # its libraries warn about each other


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"called {address}")

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def client(uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri)


def own(run: Run) -> str:
    return f"sqlite:///{run.folder}/mlflow/mlflow.db"


def check(uri: str, run: Run) -> None:
    """One tracked run, with everything in it once."""
    reader = client(uri)
    (group,) = [found for found in reader.search_experiments() if found.name == "deepwright"]
    (found,) = reader.search_runs([group.experiment_id])
    assert (found.info.run_name, found.info.status) == (run.name, "FINISHED")
    for name, wanted in expected(run).items():
        points = reader.get_metric_history(found.info.run_id, name)
        assert sorted((point.step, point.value) for point in points) == wanted, name
    assert found.data.params["model.width"] == "8"
    assert found.data.params["train.optimizer.kind"] == "adamw"
    assert found.data.metrics["report/parameters"] == sum(p.numel() for p in run.network.parameters())
    assert [file.path for file in reader.list_artifacts(found.info.run_id)] == ["report.html"]


def test_a_whole_run_and_one_in_two_lives(tracked: Tracked) -> None:
    for run in (tracked.whole("mlflow"), tracked.halves("mlflow")):
        check(own(run), run)
        assert not (Path.cwd() / "mlruns").exists()
    assert tracked.warnings == []
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_an_address_that_the_person_named(tracked: Tracked, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sqlite:///{tracked.folder}/everything.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tracked.folder)
    run = tracked.halves("mlflow")
    check(uri, run)
    assert not (run.folder / "mlflow").exists()
    assert uri not in (run.folder / "tracking.json").read_text(encoding="utf-8")
