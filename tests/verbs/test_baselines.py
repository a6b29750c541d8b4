"""Baselines: what they learn, how long they may, and what is said when one is missing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from deepwright.data.table import FrameTable
from deepwright.features import infer_features
from deepwright.features.number import Number
from deepwright.tasks import infer_task
from deepwright.verbs import baselines as module
from deepwright.verbs.baselines import Baselines, baselines, write_flat

CHANCE = np.random.default_rng(0)
ROWS = 400
X = CHANCE.normal(size=(ROWS, 3))
INPUTS = {
    "a": X[:, 0],
    "b": np.where(CHANCE.random(ROWS) < 0.1, None, X[:, 1]),
    "c": [f"k{int(v > 0)}" for v in X[:, 2]],
}
VALUE = 3 * X[:, 0] + (X[:, 2] > 0)


def run(
    targets: dict[str, Any], seconds: float = 60.0, inputs: dict[str, Any] = INPUTS, rows: int = 300
) -> tuple[Baselines, Any, Any]:
    frame = pl.DataFrame({**inputs, **targets}, strict=False)
    table = FrameTable(frame, "t")
    features = {}
    for name, settings in infer_features({name: frame[name] for name in inputs}, {}).settings.items():
        features[name] = settings.fit(settings.summarise(frame[name]), name)
    wanted = frame.select(list(targets))
    settings = infer_task(wanted).settings
    task = settings.fit(settings.summarise(wanted), list(targets))
    test = np.arange(rows, frame.height)
    fields = task.encode(frame[test].select(list(targets)))
    return baselines(features, task, (table, np.arange(rows)), (table, test), fields, seconds), task, task.truth(fields)


def test_numbers() -> None:
    result, _, truth = run({"y": VALUE})
    assert result.notes == []
    errors = {who: (answer["value"] - truth["value"]).square().mean().item() for who, answer in result.answers.items()}
    assert errors["linear"] < 0.2 < errors["constant"]
    assert errors["boosting"] < errors["constant"] / 3


def test_several_numbers_of_very_different_size() -> None:
    result, _, truth = run({"y": VALUE, "z": 1e9 * VALUE + 1e12, "w": 1e-9 * X[:, 0]})
    assert result.notes == []
    for place, scale in enumerate((1.0, 1e9, 1e-9)):
        error = (result.answers["linear"]["value"][:, place] - truth["value"][:, place]).double().square().mean().sqrt()
        assert error < 0.5 * scale


def test_labels() -> None:
    labels = [f"label {n}" for n in np.clip(VALUE, -1, 1).round().astype(int)]
    result, task, truth = run({"y": labels})
    for answer in result.answers.values():
        assert answer["probability"].shape == (100, len(task.labels))
        assert torch.allclose(answer["probability"].sum(1).double(), torch.ones(100).double(), atol=1e-5)
    right = {who: (a["probability"].argmax(1) == truth["label"]).double().mean() for who, a in result.answers.items()}
    assert right["linear"] > right["constant"] + 0.1
    assert right["boosting"] > right["constant"] + 0.1


def test_lists_of_labels() -> None:
    lists = [
        [name for name, has in zip(("up", "right", "never"), (row[0] > 0, row[2] > 0, False), strict=True) if has]
        for row in X
    ]
    lists[0].append("never")
    result, _, _ = run({"y": lists})
    assert set(result.answers) == {"constant", "linear", "boosting"}
    assert result.notes == []


def test_a_label_that_only_test_rows_have_is_unlikely() -> None:
    result, task, _ = run({"y": ["a", "b"] * 150 + ["c"] * 100})
    assert result.answers["linear"]["probability"][:, task.labels.index("c")].max() == 0.0


def test_huge_and_empty_cells_break_nothing() -> None:
    inputs = {
        **INPUTS,
        "huge": [1e300 if n % 7 == 0 else n * 1.0 for n in range(ROWS)],
        "late": [None] * 300 + [1.5, 2.5] * 50,
    }
    result, _, _ = run({"y": [None if n % 3 == 0 else value for n, value in enumerate(VALUE)]}, inputs=inputs)
    assert result.notes == []
    assert all(answer["value"].isfinite().all() for answer in result.answers.values())


def test_what_takes_too_long_is_ended_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/sleep")
    popen = subprocess.Popen
    children = []

    def sleeping(command: list[str], **settings: Any) -> Any:
        children.append(popen(["/bin/sleep", "60"], **settings))
        return children[-1]

    monkeypatch.setattr(module.subprocess, "Popen", sleeping)
    result, _, _ = run({"y": VALUE}, seconds=0.0)
    assert result.notes == [f"The baseline '{name}' did not finish within its 0 s." for name in ("linear", "boosting")]
    assert set(result.answers) == {"constant"}
    assert children[0].returncode is not None


def test_one_that_fails_says_why_and_the_other_goes_on(tmp_path: Path) -> None:
    np.save(tmp_path / "train.npy", np.array([[1.0], [np.inf], [2.0]] * 10, np.float32))
    np.save(tmp_path / "test.npy", np.zeros((3, 1), np.float32))
    np.savez(tmp_path / "in.npz", known=np.arange(30.0)[:, None], labels=np.array(False), classes=np.array([2]))
    failures = module._run(tmp_path, 60.0)
    assert "infinity" in failures["linear"]
    assert (tmp_path / "boosting.npy").exists() or "boosting" in failures
    assert not (tmp_path / "linear.npy").exists()


def test_a_child_that_dies_is_told_of_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen
    dying = [sys.executable, "-c", "import sys; sys.exit('out of memory')"]
    monkeypatch.setattr(module.subprocess, "Popen", lambda command, **settings: popen(dying, **settings))
    result, _, _ = run({"y": VALUE})
    assert result.notes == [f"The baseline '{name}' failed: out of memory." for name in ("linear", "boosting")]


def test_at_most_so_many_rows_are_learnt_from_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 100)
    result, _, _ = run({"y": VALUE})
    assert result.notes == ["Baselines learnt from 100 of 300 training rows."]
    assert module.MOST_ROWS == 100
    assert set(result.answers) == {"constant", "linear", "boosting"}


def test_the_child_imports_no_torch() -> None:
    code = "import sys; import deepwright.verbs.estimators; sys.exit('torch' in sys.modules or 'polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_child_ends_when_its_parent_does() -> None:
    child = "from deepwright.verbs.estimators import end_with_parent as end; import threading, time; "
    child += "threading.Thread(target=end, daemon=True).start(); print(1, flush=True); time.sleep(60)"
    end = "os._exit(1)" if sys.platform == "win32" else "os.kill(os.getpid(), 9)"
    parent = "import os, subprocess, sys; from deepwright.verbs.baselines import _lifeline\n"
    parent += f"with _lifeline() as line: subprocess.Popen([sys.executable, '-c', {child!r}], stdin=line); {end}"
    # The child holds the parent's standard output open: it is read to its end only once both have ended.
    done = subprocess.run([sys.executable, "-c", parent], stdout=subprocess.PIPE, timeout=50)
    assert done.returncode != 0


def test_flat_columns_are_written_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"a": [1.0, None, 1e40, 4.0, 5.0], "b": [2.0, 3.0, 4.0, 5.0, 6.0]})
    features = {name: Number().fit(Number().summarise(frame[name]), name) for name in frame.columns}
    monkeypatch.setattr("deepwright.data.table.PIECE", 2)
    write_flat(tmp_path / "x.npy", features, FrameTable(frame, "t"), np.array([0, 1, 2, 4]))
    written = np.load(tmp_path / "x.npy", allow_pickle=False)
    assert written.dtype == np.float32
    assert np.array_equal(written, np.float32([[1, 2], [np.nan, 3], [1e30, 4], [5, 6]]), equal_nan=True)
