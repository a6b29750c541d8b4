"""Train and resume: whatever stops a training, what comes out is the same."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_wine

from deepwright.core.errors import Interrupted, RunError
from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.training.events import Event, Stepped, Validated
from deepwright.verbs.train import Watch, resume, train


class Killed(BaseException):
    """A death without farewell: nothing after it runs, as after kill -9."""


def draft(source: Path, **settings: Any) -> Draft:
    made = Draft()
    for name, value in {
        "data.source": str(source),
        "target": ["target"],
        "train.budget": "40steps",
        "train.early_stopping": None,
        **settings,
    }.items():
        made.put(tuple(name.split(".")), value, "test")
    return made


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wine") / "wine.csv"
    pl.from_pandas(load_wine(as_frame=True).frame).write_csv(path)
    return path


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.folder / "weights.safetensors")


def dying_at(step: int) -> Watch:
    def event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step >= step:
            raise Killed

    return Watch(event)


@pytest.mark.parametrize("step", [1, 7, 23, 39])
def test_a_killed_training_resumes_to_the_same_bits(wine: Path, tmp_path: Path, step: int) -> None:
    settings = {"train.checkpoint_seconds": 1e-6}
    whole = train(draft(wine, **settings), out=tmp_path / "whole")
    with pytest.raises(Killed):
        train(draft(wine, **settings), out=tmp_path / "parts", watch=dying_at(step))
    (folder,) = (tmp_path / "parts").iterdir()
    assert Run.load(folder).state == "unfinished"
    again = resume(folder)
    assert again.state == "finished"
    ours, theirs = weights(again), weights(whole)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert again.task == whole.task


def test_events_after_a_resume_read_as_if_nothing_had_happened(wine: Path, tmp_path: Path) -> None:
    settings = {"train.checkpoint_seconds": 1e-6}
    whole = train(draft(wine, **settings), out=tmp_path / "whole")
    with pytest.raises(Killed):
        train(draft(wine, **settings), out=tmp_path / "parts", watch=dying_at(20))
    again = resume(next((tmp_path / "parts").iterdir()))

    def told(run: Run) -> list[tuple[Any, ...]]:
        kept = [event for event in run.events() if event["event"] in ("stepped", "validated")]
        return [(event["event"], event["step"], event.get("loss"), str(event.get("figures"))) for event in kept]

    assert told(again) == told(whole)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(wine: Path, tmp_path: Path) -> None:
    first, second = (train(draft(wine), out=tmp_path) for _ in range(2))
    other = train(draft(wine, seed=1), out=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(weights(first).values(), weights(second).values(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(weights(first).values(), weights(other).values(), strict=True))
    assert [first.name, second.name, other.name] == ["wine-1", "wine-2", "wine-3"]


def test_an_interrupt_keeps_the_best_network_and_says_how_to_go_on(
    wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def event(event: Event) -> None:
        if isinstance(event, Validated) and event.step >= 10:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted, match="deepwright resume"):
        train(draft(wine), out=tmp_path, watch=Watch(event))
    run = Run.load(tmp_path / "wine-1")
    assert run.state == "interrupted"
    assert run.predict(wine).height == 178
    assert resume(run.folder).state == "finished"
    with pytest.raises(RunError, match="finished"):
        resume(run.folder)


def test_a_wall_clock_budget_holds_and_its_plan_is_in_the_events(wine: Path, tmp_path: Path) -> None:
    run = train(
        draft(wine, **{"train.budget": "3s", "train.early_stopping": None, "train.longest": None}), out=tmp_path
    )
    events = run.events()
    assert events[0]["event"] == "planned"
    assert events[0]["total"] >= 1
    assert events[1]["event"] == "started"
    assert {"threads", "validations", "reserve"} <= events[1]["choices"].keys()
    assert (events[-1]["event"], events[-1]["reason"]) in (("stopped", "budget"), ("stopped", "deadline"))


def test_a_slow_machine_gets_a_smaller_network_which_the_recipe_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "p.npz", image=pixels, label=np.arange(40) % 2)
    monkeypatch.setattr("deepwright.models.cnn.WORTHWHILE", 1e9)
    short = {"target": ["label"], "train.budget": "1s", "train.longest": 2}
    run = train(draft(tmp_path / "p.npz", **short), out=tmp_path / "runs")
    assert Run.load(run.folder).recipe.model.scale == 0.5
    assert run.network.trunk.width == Run.load(run.folder).network.trunk.width == 32


def test_changed_data_is_refused_before_anything_is_trained(wine: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(wine.read_bytes())
    with pytest.raises(Killed):
        train(draft(copy, **{"train.checkpoint_seconds": 1e-6}), out=tmp_path / "runs", watch=dying_at(5))
    folder = tmp_path / "runs" / "copy-1"
    copy.write_text(copy.read_text().replace("1", "2"))
    with pytest.raises(RunError, match="has changed"):
        resume(folder)
    copy.unlink()
    with pytest.raises(RunError, match="is gone"):
        resume(folder)
    assert resume(folder, wine).state == "finished"


def test_a_run_trains_again_from_its_own_recipe(wine: Path, tmp_path: Path) -> None:
    first = train(draft(wine), out=tmp_path / "a")
    second = train(Draft.read(first.folder / "recipe.yaml"), out=tmp_path / "b")
    assert (first.folder / "recipe.yaml").read_text() == (second.folder / "recipe.yaml").read_text()
    assert all(torch.equal(a, b) for a, b in zip(weights(first).values(), weights(second).values(), strict=True))


@pytest.mark.slow
def test_two_processes_learn_what_one_does(wine: Path, tmp_path: Path) -> None:
    alone = train(draft(wine), out=tmp_path / "one")
    words = ["train", str(wine), "--target", "target", "--budget", "40steps", "--set", "train.early_stopping=null"]
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
        "-m",
        "deepwright",
    ]
    done = subprocess.run([*launch, *words, "-o", str(tmp_path / "two")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    together = Run.load(tmp_path / "two" / "wine-1")
    assert together.state == "finished"
    for name, value in weights(together).items():
        torch.testing.assert_close(value, weights(alone)[name], rtol=1e-3, atol=1e-4)
