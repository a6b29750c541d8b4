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
from deepwright.training.events import LIFE, Event, Resumed, Saved, Stepped, Validated
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


@pytest.fixture
def always_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint every `checkpoint_seconds`, whatever it costs."""
    monkeypatch.setattr("deepwright.training.loop.SAVE_SHARE", 0)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.folder / "weights.safetensors")


def dying_at(step: int) -> Watch:
    def event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step >= step:
            raise Killed

    return Watch(event)


@pytest.mark.usefixtures("always_saved")
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


def told(run: Run) -> list[dict[str, Any]]:
    """The events but for those of processes and the clock, without times."""
    times = ("seconds", "eta_seconds", "step_seconds")
    kept = (event for event in run.events() if event["event"] not in LIFE)
    return [{name: value for name, value in event.items() if name not in times} for event in kept]


@pytest.mark.parametrize("seconds", [1e-6, 1e6], ids=["often saved", "never saved"])
@pytest.mark.usefixtures("always_saved")
def test_events_after_a_resume_read_as_if_nothing_had_happened(wine: Path, tmp_path: Path, seconds: float) -> None:
    whole = train(draft(wine), out=tmp_path / "whole")
    with pytest.raises(Killed):
        train(draft(wine, **{"train.checkpoint_seconds": seconds}), out=tmp_path / "parts", watch=dying_at(20))
    again = resume(next((tmp_path / "parts").iterdir()))
    assert told(again) == told(whole)
    assert all(torch.equal(a, b) for a, b in zip(weights(again).values(), weights(whole).values(), strict=True))
    resumed = [event for event in again.events() if event["event"] == "resumed"]
    assert [(event["step"], event["broken"]) for event in resumed] == [(19 if seconds < 1 else 0, [])]


def test_a_plan_that_was_measured_is_obeyed_also_from_the_first_step(
    wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"train.budget": "20s", "train.longest": 2, "train.checkpoint_seconds": 1e6}
    with pytest.raises(Killed):
        train(draft(wine, **settings), out=tmp_path, watch=dying_at(2))
    planned = next(e for e in Run.load(tmp_path / "wine-1").events() if e["event"] == "planned")
    monkeypatch.setattr("deepwright.verbs.planning.probe", None)  # measuring again would fail
    again = resume(tmp_path / "wine-1").events()
    assert planned in again
    assert [event["choices"].items() >= planned["choices"].items() for event in again if event["event"] == "started"]


@pytest.mark.parametrize("harmed", [1, 2])
@pytest.mark.usefixtures("always_saved")
def test_a_broken_checkpoint_is_told_and_the_one_before_gives_the_same(wine: Path, tmp_path: Path, harmed: int) -> None:
    settings = {"train.checkpoint_seconds": 1e-6}
    whole = train(draft(wine), out=tmp_path / "whole")
    with pytest.raises(Killed):
        train(draft(wine, **settings), out=tmp_path / "parts", watch=dying_at(30))
    folder = tmp_path / "parts" / "wine-1"
    newest = sorted((folder / "checkpoints").iterdir(), reverse=True)[:harmed]
    for path in newest:
        flipped = bytearray(path.read_bytes())
        flipped[len(flipped) // 2] ^= 1
        path.write_bytes(flipped)
    heard: list[Event] = []
    again = resume(folder, watch=Watch(heard.append))
    (resumed,) = [event for event in heard if isinstance(event, Resumed)]
    assert resumed.step == (28 if harmed == 1 else 0)
    assert [text.split()[0] for text in resumed.broken] == [path.name for path in newest]
    assert told(again) == told(whole)
    assert all(torch.equal(a, b) for a, b in zip(weights(again).values(), weights(whole).values(), strict=True))
    assert len(list((folder / "checkpoints").iterdir())) == 2


@pytest.mark.parametrize("place", ["save_weights", "save_task"])
def test_a_death_after_the_last_step_leaves_no_half_finished_run(
    wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    whole = train(draft(wine), out=tmp_path / "whole")

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        watch = Watch(run=lambda run: patch.setattr(Run, place, die))
        with pytest.raises(Killed):
            train(draft(wine), out=tmp_path / "parts", watch=watch)
    folder = tmp_path / "parts" / "wine-1"
    assert Run.load(folder).state == "unfinished"
    again = resume(folder)
    assert told(again) == told(whole)
    assert (folder / "weights.safetensors").read_bytes() == (whole.folder / "weights.safetensors").read_bytes()
    assert (folder / "task.json").read_text() == (whole.folder / "task.json").read_text()


def test_a_death_in_the_report_leaves_the_report_to_be_made(wine: Path, tmp_path: Path) -> None:
    def die(run: Run) -> None:
        raise Killed

    with pytest.raises(Killed):
        train(draft(wine), out=tmp_path, then=die)
    folder = tmp_path / "wine-1"
    assert Run.load(folder).state == "finished"
    heard: list[Event] = []
    made: list[str] = []
    resume(folder, watch=Watch(heard.append), then=lambda run: made.append(run.state))
    assert (made, heard) == (["finished"], [])
    with pytest.raises(RunError, match="is finished"):
        resume(folder)


@pytest.mark.usefixtures("always_saved")
def test_early_stopping_holds_also_for_a_death_right_after_it(wine: Path, tmp_path: Path) -> None:
    settings = {"train.early_stopping": {"patience": 1}, "train.checkpoint_seconds": 1e-6, "train.optimizer.lr": 0.5}
    whole = train(draft(wine, **settings, **{"train.budget": "400steps"}), out=tmp_path / "whole")
    (stopped,) = [event for event in whole.events() if event["event"] == "stopped"]
    assert stopped["reason"] == "early stopping"

    def event(event: Event) -> None:
        if isinstance(event, Saved) and event.step == stopped["step"]:
            raise Killed

    with pytest.raises(Killed):
        train(draft(wine, **settings, **{"train.budget": "400steps"}), out=tmp_path / "parts", watch=Watch(event))
    assert told(resume(tmp_path / "parts" / "wine-1")) == told(whole)


def test_what_validation_taught_an_interrupted_task_does_not_steer_the_rest(wine: Path, tmp_path: Path) -> None:
    """Thresholds chosen at an interrupt must not decide which weights are the best later."""
    two = tmp_path / "two.csv"
    frame = pl.read_csv(wine)
    frame.with_columns((pl.col("target") == 1).cast(pl.String).alias("target")).write_csv(two)
    settings = {"evaluate.metric": "f1"}
    whole = train(draft(two, **settings), out=tmp_path / "whole")

    def event(event: Event) -> None:
        if isinstance(event, Validated) and event.step >= 10:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        train(draft(two, **settings), out=tmp_path / "parts", watch=Watch(event))
    again = resume(tmp_path / "parts" / "two-1")
    assert told(again) == told(whole)
    assert again.task == whole.task


def test_two_processes_cannot_train_one_run(wine: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def event(event: Event) -> None:
        if isinstance(event, Stepped) and not said:
            with pytest.raises(RunError) as error:
                resume(tmp_path / "wine-1")
            said.append(str(error.value))

    train(draft(wine), out=tmp_path, watch=Watch(event))
    assert "by this very process" in said[0]
    assert not list((tmp_path / "wine-1").glob("lock-*"))


@pytest.mark.usefixtures("always_saved")
def test_a_journal_that_lost_events_falls_back_to_where_it_is_whole(wine: Path, tmp_path: Path) -> None:
    whole = train(draft(wine), out=tmp_path / "whole")
    with pytest.raises(Killed):
        train(draft(wine, **{"train.checkpoint_seconds": 1e-6}), out=tmp_path / "parts", watch=dying_at(30))
    journal = tmp_path / "parts" / "wine-1" / "events.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-4]) + "\0\0\0\n" + lines[-1])
    with pytest.raises(RunError, match="deepwright resume"):
        Run.load(journal.parent).events()
    again = resume(journal.parent)
    assert told(again) == told(whole)
    resumed = next(event for event in again.events() if event["event"] == "resumed")
    assert "events before it are missing" in resumed["broken"][0]


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
    events = [event for event in run.events() if event["event"] != "estimated"]
    assert events[0]["event"] == "planned"
    assert events[0]["total"] >= 1
    assert events[1]["event"] == "started"
    assert {"threads", "validations", "reserve"} <= events[1]["choices"].keys()
    assert [event["event"] for event in events[-2:]] == ["stopped", "kept"]
    assert events[-2]["reason"] in ("budget", "deadline")


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


def test_moved_data_must_hold_the_same_rows_in_the_same_order(wine: Path, tmp_path: Path) -> None:
    run = train(draft(wine), out=tmp_path / "runs")
    frame = pl.read_csv(wine, infer_schema=False)
    copy = tmp_path / "copy.parquet"
    frame.with_columns(pl.exclude("target").cast(pl.Float64)).write_parquet(copy)
    assert Run.load(run.folder).moved(copy).data is not None
    with pytest.raises(RunError, match="in another order"):
        Run.load(run.folder).moved(frame.sort("alcohol"))


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
