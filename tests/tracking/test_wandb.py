"""What Weights & Biases' own command reads from a run's offline file; nothing is sent, no process stays."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from deepwright.run import Run
from tests.tracking.conftest import Tracked, expected

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[bytes]]:
    """What comes in at a proxy that all web calls, also of child processes, would go through."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    heard.append(server.accept()[0].recv(200))
                except OSError:
                    return

        threading.Thread(target=listen, daemon=True).start()
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            for spelt in (name, name.lower()):
                monkeypatch.setenv(spelt, f"http://127.0.0.1:{server.getsockname()[1]}")
        for name in ("NO_PROXY", "no_proxy", "WANDB_MODE", "WANDB_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        yield heard
        server.shutdown(socket.SHUT_RDWR)
    assert heard == []


def records(run: Run) -> list[dict[str, Any]]:
    """The one offline file of a run, read by the library's command."""
    (path,) = (run.folder / "wandb").glob("offline-run-*/run-*.wandb")
    words = [str(Path(sys.executable).with_name("wandb")), "leet", "inspect", "--json", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, env=os.environ)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("life", ["whole", "halves"])
def test_curves_settings_and_final_figures(tracked: Tracked, life: str) -> None:
    run = getattr(tracked, life)("wandb")
    assert tracked.warnings == []
    assert not [child for child in psutil.Process().children(recursive=True) if "wandb" in child.name()]
    told = records(run)
    history = [record["history"]["item"] for record in told if "history" in record]
    steps = [row["_step"] for row in history]
    assert steps == sorted(set(steps))
    for name, wanted in expected(run).items():
        assert [(row["_step"], row[name]) for row in history if name in row] == wanted, name
    config: dict[str, Any] = {}
    for record in told:
        for part in (record.get("run", {}).get("config", {}), record.get("config", {})):
            config |= part.get("update", {})
    assert (config["model.width"], config["train.optimizer.kind"]) == (8, "adamw")
    summary: dict[str, Any] = {}
    for record in told:
        summary |= record.get("summary", {}).get("update", {})
    assert summary["report/parameters"] == sum(p.numel() for p in run.network.parameters())
    (copy,) = (run.folder / "wandb").glob("offline-run-*/files/report.html")
    assert copy.read_bytes() == (run.folder / "report.html").read_bytes()
    assert not copy.is_symlink()
    whole = json.dumps([record for record in told if "output_raw" not in record])
    assert socket.gethostname() not in whole
