"""A tune with real processes: from a table to a winner in a run; killed and gone on with; in Python and on the command line."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest

import deepwright as dw
from deepwright.core.errors import RecipeError, Refused, RunError
from deepwright.verbs.tune.settings import settled
from tests.cli.conftest import Cli, Said, flats, invoke

pytestmark = pytest.mark.slow
SMALL = ("--set", "train.budget=30steps", "--set", "model.width=16", "--set", "train.early_stopping=null")


@pytest.fixture
def cli() -> Cli:
    return invoke


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    flats().write_csv("flats.csv")
    return tmp_path


def points(folder: Path) -> list[tuple[int, str, str]]:
    """Number, state and settings of the finished trials in a storage.

    Opened for writing: a kill within a transaction leaves a journal, which SQLite has to undo before it can read.
    """
    with contextlib.closing(sqlite3.connect(folder / "trials.db")) as base:
        rows = base.execute(
            "select number, state, param_name, param_value from trials join trial_params using (trial_id) "
            "where state != 'RUNNING' order by number, param_name"
        ).fetchall()
    found: dict[tuple[int, str], str] = {}
    for number, state, name, value in rows:
        found[number, state] = found.get((number, state), "") + f" {name}={value}"
    return [(*key, text) for key, text in found.items()]


def test_a_tune_leaves_a_winner_a_report_and_an_ordinary_run(cli: Cli, here: Path) -> None:
    said: Said = cli("tune", "flats.csv", "--target", "y", "--ignore", "teuer", "--trials", 5, "--jobs", 2, "--budget", "3h",
                     "--space", "model.depth=int:1..3", "--space", "train.optimizer.lr=log:1e-3..1e-1", "--prune", "none", *SMALL,
                     "--json")  # fmt: skip
    assert said.code == 0, said.err
    assert said.err.startswith("Budget: 180min in all (--budget): about 80 % for the trials")
    assert "Each trial: 30 steps, " in said.err
    told = json.loads(said.out)
    assert (told["folder"], told["run"]) == (str(Path("runs/flats-tune-1")), str(Path("runs/flats-1")))
    assert [one["state"] for one in told["trials"]] == ["done"] * 5
    assert told["best"]["value"] == min(one["value"] for one in told["trials"])
    assert set(told["best"]["settings"]) == {"model.depth", "train.optimizer.lr"}
    assert told["trials"][0]["settings"] == {"model.depth": 2, "train.optimizer.lr": pytest.approx(0.002)}
    run = dw.load(told["run"])
    assert (run.state, run.recipe.model.width) == ("finished", 16)
    assert run.recipe.model.depth == told["best"]["settings"]["model.depth"]
    best = max((e for e in run.events() if e["event"] == "validated" and e["better"]), key=lambda e: e["step"])
    assert best["figures"]["loss"] == pytest.approx(told["best"]["value"], rel=1e-6), (
        "trained again, it is the same network"
    )
    if told["best"]["number"]:
        assert told["comparison"]["split"] == "test"
        assert told["comparison"]["n"] == int((run.parts == 2).sum())
        assert dw.load("runs/flats-tune-1/default").state == "finished"
    assert "How it was tuned" in (run.folder / "report.html").read_text(encoding="utf-8")
    assert "How it was tuned" in Path("runs/flats-tune-1/report.html").read_text(encoding="utf-8")
    assert not list(Path("runs/flats-tune-1").glob("bases/*/packed"))
    assert "finished" in cli("runs").out
    cli("resume", "runs/flats-tune-1").refused("is finished; its winner is", "deepwright tune", "spaces.yaml")
    cli("predict", "runs/flats-tune-1", "flats.csv").refused("is a tune, not a run")
    again = cli(
        "tune", "runs/flats-tune-1/spaces.yaml", "--trials", 1, "--jobs", 1, "--budget", "3h", "--json", "--quiet"
    )
    assert (again.code, again.err) == (0, "")
    assert json.loads(again.out)["trials"][0] == {**told["trials"][0], "seconds": pytest.approx(0, abs=1e9)}, (
        "the same plan"
    )


def test_the_same_seed_and_one_job_try_the_same_and_a_kill_changes_nothing(here: Path) -> None:
    words = [sys.executable, "-m", "deepwright", "tune", "flats.csv", "--target", "y", "--ignore", "teuer", "--trials", "7", "--jobs", "1",
             "--seed", "3", *SMALL, "--quiet"]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*words, "-o", "whole"], check=True, env=environment)
    child = subprocess.Popen([*words, "-o", "parts"], env=environment)
    folder = Path("parts/flats-tune-1")
    while child.poll() is None and not ((folder / "trials.db").exists() and len(_safe(folder)) >= 3):
        time.sleep(0.02)
    others = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert psutil.wait_procs(others, timeout=20)[1] == [], "the processes that train end with the one that decides"
    before = points(folder)
    assert 3 <= len(before) < 7
    subprocess.run([*words[:3], "resume", str(folder), "--quiet"], check=True, env=environment)
    after, whole = points(folder), points(Path("whole/flats-tune-1"))
    assert [one for one in after if one in before] == before
    assert after == whole
    one, other = (
        json.loads((place / "reports/tune.json").read_text())["data"] for place in (folder, Path("whole/flats-tune-1"))
    )
    assert [t["value"] for t in one["trials"]] == [t["value"] for t in other["trials"]]
    weights = [(place / "flats-1" / "weights.safetensors").read_bytes() for place in (Path("parts"), Path("whole"))]
    assert weights[0] == weights[1]


def _safe(folder: Path) -> list[Any]:
    try:
        return points(folder)
    except sqlite3.Error:
        return []


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
def test_ctrl_c_keeps_finished_trials(here: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "deepwright",
        "tune",
        "flats.csv",
        "--target",
        "y",
        "--ignore",
        "teuer",
        "--jobs",
        "2",
        *SMALL,
    ]
    child = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    folder = Path("runs/flats-tune-1")
    while child.poll() is None and not ((folder / "trials.db").exists() and len(_safe(folder)) >= 2):
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    assert (child.returncode, out) == (130, "")
    assert "of 50 trials; they are kept." in err
    assert f"Go on with: deepwright resume {folder}" in err
    assert "Traceback" not in err
    assert len(points(folder)) >= 2
    assert not list(folder.glob("lock-*.json"))


def test_python_tunes_frames_and_searches_settings_of_task_and_features(here: Path) -> None:
    tuned = dw.tune(
        flats(), target="y", ignore=["teuer"], trials=4, budget="1h", jobs=1, prune="none", search="random", quiet=True,
        space={"task.loss": ["mse", "huber"], "features.größe.clip": {"choice": [3.0, 6.0]}, "train.batch": [32, 64]},
        settings={"train.budget": "10steps", "model.width": 8}, out="runs",
    )  # fmt: skip
    assert tuned.report.data["primary"] == "rmse", "losses of different tasks cannot be compared"
    assert [one["state"] for one in tuned.report.data["trials"]] == ["done"] * 4
    assert len(list(tuned.folder.glob("bases/*/features.json"))) > 1
    assert tuned.run.recipe.task.loss == tuned.best["task.loss"]
    assert tuned.run.predict(flats()).height == 120
    with pytest.raises(RunError, match="is finished"):
        dw.resume(tuned.folder)
    if (tuned.run.folder / "soup.json").exists():
        with pytest.raises(Refused, match="no single training gives again"):
            dw.reproduce(tuned.run, flats(), quiet=True)
    else:
        told = dw.reproduce(tuned.run, flats(), quiet=True).data
        assert told["equal"], told["sentence"]


def test_combinations_that_are_refused_are_failed_trials(cli: Cli, here: Path) -> None:
    words = (
        "tune",
        "flats.csv",
        "--target",
        "teuer",
        "--ignore",
        "y",
        "--trials",
        3,
        "--jobs",
        1,
        "--budget",
        "3h",  # of the process: that of these tests may have run for long
        *SMALL[:2],
        "--space",
    )
    said = cli(*words, "model.kind=mlp,cnn", "--search", "grid", "--json")
    assert said.code == 0, said.err
    told = {one["settings"]["model.kind"]: one for one in json.loads(said.out)["trials"]}
    assert (told["mlp"]["state"], told["cnn"]["state"]) == ("done", "failed")
    assert "The model 'cnn' takes exactly one picture column" in told["cnn"]["reason"]


def test_networks_that_create_are_tuned_by_their_distance(here: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 8, 8), np.uint8)
    frame = pl.DataFrame({"photo": pl.Series(pixels)})
    tuned = dw.tune(
        frame, model={"kind": "gan", "width": 4, "latent": 4}, trials=2, jobs=1, quiet=True, budget="1h",
        space={"train.optimizer.lr": {"log": [1e-4, 1e-2]}}, settings={"train.budget": "3steps", "train.batch": 8},
    )  # fmt: skip
    data = tuned.report.data
    assert (data["primary"], data["pruning"]) == ("distance", "none")
    assert all(one["state"] == "done" for one in data["trials"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--budget", "20epochs"), "--budget: the budget of a tune is the time of everything"),
        (("--search", "tep"), "there is no search 'tep'. Did you mean 'tpe'?"),
        (("--prune", "halfing"), "there is no pruning 'halfing'. Did you mean 'halving'?"),
        (("--space", "model.widht=1,2"), "there is no key 'widht' under 'model'. Did you mean 'width'?"),
        (("--space", "model.width=int:0..9"), "--space model.width: model.width: expected 1 or more; got 0."),
        (("--space", "gone.yaml"), "--space gone.yaml: there is no such file."),
        (("--space", "seed=1,2"), "a seed cannot be tuned"),
        (("--search", "cmaes", "--space", "model.activation=relu,gelu"), "needs at least two settings that are numbers"),
        (("--storage", "nonsense"), "The storage nonsense cannot be opened"),
        (("--metric", "accuracy"), "The metric 'accuracy' does not fit this target."),
    ],
)  # fmt: skip
def test_mistakes_are_sentences(cli: Cli, here: Path, words: tuple[str, ...], told: str) -> None:
    cli("tune", "flats.csv", "--target", "y", *words).refused(told)


def test_everything_fixed_leaves_nothing_to_tune(here: Path) -> None:
    fixed = {"model.width": 8, "model.depth": 1, "model.dropout": 0.1, "model.activation": "relu", "train.batch": 8,
             "train.optimizer": {"kind": "adamw", "lr": 0.1, "weight_decay": 0.1}}  # fmt: skip
    with pytest.raises(Refused, match="Nothing is left to be tuned"):
        dw.tune("flats.csv", target="y", settings=fixed, quiet=True)
    with pytest.raises(RecipeError, match="is a space; use deepwright tune"):
        dw.train("flats.csv", target="y", settings={"train.batch": [32, 64]}, quiet=True)


def test_no_record_keeps_the_password_of_a_storage(tmp_path: Path) -> None:
    settings = settled(settled({"storage": "mysql://me:secret@machine/trials"}).record())
    assert "secret" not in str(settings)
    with pytest.raises(Refused, match=r"No record keeps the password of mysql://me:…@machine/trials\. Give the whole"):
        settings.reaching(None, tmp_path)
    assert settings.reaching("mysql://me:secret@there/trials", tmp_path).storage == "mysql://me:secret@there/trials"
    own, open_ = settled({}), settled({"storage": "mysql://machine/trials"})
    assert (own.reaching(None, tmp_path), open_.reaching(None, tmp_path)) == (own, open_)
    with pytest.raises(Refused, match="are in its own folder; leave --storage out"):
        own.reaching("mysql://machine/trials", tmp_path)
