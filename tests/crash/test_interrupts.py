"""Ctrl-C at any moment: exit code 130, a sentence, a run that answers, and the same bits in the end. The long one: -m tests.crash."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crash.interrupts import WAYS, interrupted, stopped_in
from tests.crash.lives import Reference, next_words
from tests.crash.phases import ELSEWHERE, NAMES
from tests.crash.server import QUIET, ROOT, Harm, Server


@pytest.mark.parametrize("way", WAYS)
def test_stopped_and_resumed(crash_server: Server, mlp: Reference, tmp_path: Path, way: str) -> None:
    phases, differing = interrupted(crash_server, mlp, tmp_path, random.Random(way), way)
    assert not differing, "\n".join([f"stopped in {phases}", *differing])


@pytest.mark.parametrize("phase", ["baselines", "report"])
def test_stopped_after_training(crash_server: Server, mlp: Reference, tmp_path: Path, phase: str) -> None:
    mlp.write(tmp_path)
    lived = mlp.live(crash_server, ["train", "recipe.yaml"], tmp_path, Harm(0.0, phase, signals=(signal.SIGINT,)))
    assert (lived.code, lived.phase) == (130, phase)
    assert "Its figures and report: deepwright resume runs/data-1" in lived.err.splitlines()[-1]
    assert next_words(tmp_path) == ["resume", "runs/data-1"]
    mlp.end(crash_server, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("phase", [name for name in NAMES if name not in (ELSEWHERE, "reading a checkpoint")])
def test_stopped_in_every_phase(crash_server: Server, mlp: Reference, tmp_path: Path, phase: str) -> None:
    assert not stopped_in(crash_server, mlp, tmp_path, phase)


@pytest.mark.long
def test_a_process_of_its_own_at_any_moment(mlp: Reference, tmp_path: Path) -> None:
    """With the interpreter's start, the imports and its end."""
    words = [sys.executable, "-c", "from deepwright.cli import main; main()", "train", "recipe.yaml"]
    environment = {**os.environ, **QUIET, "PYTHONPATH": str(ROOT / "src")}
    chance, began = random.Random(0), time.monotonic()
    mlp.write(tmp_path / "whole")
    subprocess.run(words, cwd=tmp_path / "whole", env=environment, check=True, capture_output=True)
    whole = time.monotonic() - began
    for number in range(40):
        folder = tmp_path / str(number)
        mlp.write(folder)
        child = subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        time.sleep(chance.uniform(0.05, 1.0) * whole)
        child.send_signal(chance.choice((signal.SIGINT, signal.SIGTERM)))
        err = child.communicate(timeout=300)[1]
        assert child.returncode in (0, 130, -signal.SIGINT, -signal.SIGTERM), (number, err)
        assert child.returncode >= 0 or not list(folder.glob("runs/*")), "only before anything of ours was loaded"
        assert child.returncode < 0 or "Traceback" not in err, (number, err)
