"""TensorBoard's own reader finds what a run has told."""

import socket
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from deepwright.run import Run
from tests.tracking.conftest import Tracked, expected


def read(run: Run) -> EventAccumulator:
    reader = EventAccumulator(str(run.folder / "tensorboard"), size_guidance={"scalars": 0})
    reader.Reload()
    return reader


def curve(reader: EventAccumulator, name: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in reader.Scalars(name)]


def close(found: list[tuple[int, float]], wanted: list[tuple[int, float]]) -> bool:
    return found == [(step, pytest.approx(value, rel=1e-6)) for step, value in wanted]


@pytest.mark.parametrize("life", ["whole", "halves"])
def test_curves_settings_and_final_figures(tracked: Tracked, life: str) -> None:
    run = getattr(tracked, life)("tensorboard")
    reader = read(run)
    for name, wanted in expected(run).items():
        assert close(curve(reader, name), wanted), name
    ((step, parameters),) = curve(reader, "report/parameters")
    assert (step, parameters) == (20, sum(p.numel() for p in run.network.parameters()))
    content = reader.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert settings["model.width"].number_value == 8
    assert settings["train.optimizer.kind"].string_value == "adamw"
    assert tracked.warnings == []


def test_no_name_of_the_computer_is_in_the_file(tracked: Tracked) -> None:
    run = tracked.whole("tensorboard")
    (path,) = (run.folder / "tensorboard").iterdir()
    assert socket.gethostname() not in path.name
    assert socket.gethostname().encode() not in path.read_bytes()


def test_a_place_that_cannot_be_written_to_is_a_warning(tracked: Tracked, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Path.mkdir

    def full(self: Path, *words: Any, **more: Any) -> None:
        if self.name == "tensorboard":
            raise OSError(28, "No space left on device")
        usual(self, *words, **more)

    monkeypatch.setattr(Path, "mkdir", full)
    run = tracked.whole("tensorboard")
    assert run.state == "finished"
    (warning,) = tracked.warnings
    assert "'tensorboard' failed" in warning
    assert "No space left" in warning
