"""Ctrl-C: nothing is lost, exit code 130, and a sentence that says how to go on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from deepwright import api
from deepwright.run import Run
from deepwright.training.checkpoint import Checkpoints
from deepwright.training.events import Saved, Stepped
from deepwright.verbs import session
from tests.cli.conftest import Cli

WORDS = ("--target", "y", "--budget", "4000steps", "--set", "train.early_stopping=null")


def interrupting(monkeypatch: pytest.MonkeyPatch, step: int, times: int = 1) -> None:
    """Ctrl-C once step `step` is done."""
    told, left = session.Session._tell, [times]

    def tell(self: Any, event: Any) -> None:
        told(self, event)
        if isinstance(event, Stepped) and event.step >= step:
            while left[0]:
                left[0] -= 1
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(session.Session, "_tell", tell)


def test_ctrl_c_while_training_can_be_resumed(
    cli: Cli, here: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", table, "--target", "y", "--budget", "40steps", "--set", "train.early_stopping=null")
    with monkeypatch.context() as patch:
        interrupting(patch, 10)
        said = cli(*words)
    assert (said.code, said.out) == (130, "")
    assert "of 40; nothing is lost. Go on with: deepwright resume runs/flats-1" in said.err
    assert "Traceback" not in said.err
    assert "interrupted" in cli("runs").out
    assert cli("predict", "runs/flats-1", table).code == 0, "the best network so far answers"
    resumed = cli("resume", "runs/flats-1")
    assert resumed.code == 0, resumed.err
    assert "Report: " in resumed.out
    cli("resume", "runs/flats-1").refused("The run runs/flats-1 is finished.")
    assert cli(*words, "--quiet").code == 0
    whole, parts = ((Path(f"runs/flats-{k}") / "weights.safetensors").read_bytes() for k in (2, 1))
    assert whole == parts


def test_a_second_ctrl_c_stops_at_once(cli: Cli, here: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupting(monkeypatch, 10, times=2)
    said = cli("train", table, *WORDS, "--quiet")
    assert (said.code, said.out) == (130, "")
    assert said.err == "Stopped; what was saved is kept. Go on with: deepwright resume runs/flats-1\n"


def test_ctrl_c_while_reading(cli: Cli, here: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("deepwright.preparation.open_source", read)
    monkeypatch.setattr("sys.argv", ["deepwright", "train", "two words.csv"])
    said = cli("train", table, *WORDS, "--quiet")
    assert (said.code, said.out) == (130, "")
    again = "Stopped before training began; nothing was kept. Begin again with: deepwright train 'two words.csv'\n"
    assert said.err == again
    assert not Path("runs").exists()


def test_ctrl_c_while_baselines_learn(cli: Cli, here: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def learn(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("deepwright.verbs.complete.Evaluate", learn)
        said = cli("train", table, "--target", "y", "--budget", "5steps", "--quiet")
    assert said.code == 130
    sentence = "Stopped after training; the network is kept. Its figures and report: deepwright resume runs/flats-1\n"
    assert said.err == sentence
    assert cli("evaluate", "runs/flats-1", "--quiet").code == 0
    assert cli("resume", "runs/flats-1", "--quiet").code == 0
    assert Path("runs/flats-1/report.html").exists()


def test_ctrl_c_in_the_last_step_is_heard(cli: Cli, here: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupting(monkeypatch, 5)
    said = cli("train", table, "--target", "y", "--budget", "5steps", "--quiet")
    sentence = (
        "Stopped after the last step; the network is kept. Its figures and report: deepwright resume runs/flats-1\n"
    )
    assert (said.code, said.err) == (130, sentence)
    assert Run.load("runs/flats-1").state == "finished"


def test_ctrl_c_before_the_person_is_told_of_the_run_leaves_none(
    cli: Cli, here: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Run.create

    def create(*arguments: Any) -> Run:
        made(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "create", create)
    said = cli("train", table, *WORDS, "--quiet")
    assert (said.code, "nothing was kept" in said.err) == (130, True)
    assert list(Path("runs").iterdir()) == []


def test_a_killed_run_answers_with_the_best_network_of_its_checkpoint(
    cli: Cli, here: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", table, *WORDS, "--set", "train.checkpoint_seconds=1e-6", "--set", "train.inside_epochs=true")
    with monkeypatch.context() as patch:
        patch.setattr("deepwright.training.loop.SAVE_SHARE", 0)
        interrupting(patch, 200, times=2)
        cli(*words, "--quiet")
    run = Path("runs/flats-1")
    assert not (run / "weights.safetensors").exists(), "the second one leaves no time for it"
    said = cli("predict", run, table)
    assert said.code == 0, said.err
    assert "Warning: Training has not come to its end (step " in said.err
    assert "of 4000): this is the best network so far. Go on with: deepwright resume runs/flats-1" in said.err
    assert "Training has not come to its end" in cli("evaluate", run, "--no-baselines").out
    assert cli("report", run).code == 0
    best = Run.load(run).network.state_dict()
    newest = Checkpoints(run / "checkpoints").latest()
    assert newest is not None
    kept = newest.under("best")
    assert all(best[name].equal(value) for name, value in kept.items())
    shutil.rmtree(run / "checkpoints")
    for verb in (("predict", run, table), ("evaluate", run), ("report", run)):
        cli(*verb).refused(
            "has no weights yet", "no checkpoint holds a network that was validated", "deepwright resume"
        )


def test_an_interrupt_in_python_returns_the_best_network_so_far(
    here: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupting(monkeypatch, 10)
    run = api.train(table, target="y", budget="4000steps", quiet=True, settings={"train.early_stopping": None})
    assert isinstance(run, Run)
    assert run.state == "interrupted"
    assert run.predict(table).height == 120
    interrupting(monkeypatch, 10)
    assert api.resume(run.folder, quiet=True).state == "interrupted"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
def test_a_real_ctrl_c_in_another_process(here: Path, table: Path) -> None:
    words = [sys.executable, "-m", "deepwright", "train", str(table), *WORDS[:2], "--budget", "100000steps", *WORDS[4:]]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith("Run "):
                break
        log = Path("runs/flats-1/events.jsonl")
        while child.poll() is None and not (log.exists() and '"stepped"' in log.read_text(encoding="utf-8")):
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert (child.returncode, out) == (130, "")
    assert "Go on with: deepwright resume runs/flats-1" in err
    assert "Traceback" not in err
    assert Run.load("runs/flats-1").state == "interrupted"
    assert any(event["event"] == Saved.__name__.lower() for event in Run.load("runs/flats-1").events())
