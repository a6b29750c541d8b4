"""A run whose loss leaves for good: what the person reads, and what is left."""

import io
from pathlib import Path

import polars as pl
import pytest
import torch
from sklearn.datasets import load_wine

from deepwright.cli.progress import Progress
from deepwright.core.errors import RunError, TrainingError
from deepwright.draft import Draft
from deepwright.objectives.supervised import BoundSupervised
from deepwright.run import Run
from deepwright.training.events import Stepped, Validated
from deepwright.verbs.learning import learning_report
from deepwright.verbs.train import Watch, resume, train


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    path = tmp_path / "wine.csv"
    pl.from_pandas(load_wine(as_frame=True).frame).write_csv(path)
    made = Draft()
    for setting in (f"data.source={path}", "target=target", "train.budget=40steps", "train.early_stopping=null",
                    "model.width=16", "model.members=2", "train.checkpoint_seconds=0.000001"):  # fmt: skip
        made.set(setting)
    return made


def poison(monkeypatch: pytest.MonkeyPatch, *steps: int) -> None:
    """The supervised loss is no number at these steps."""
    usual = BoundSupervised.loss

    def loss(self, player, reps, batch, draw):  # type: ignore[no-untyped-def]
        made = usual(self, player, reps, batch, draw)
        return type(made)(made.value * float("nan")) if draw.step in steps else made

    monkeypatch.setattr(BoundSupervised, "loss", loss)


def test_it_is_told_on_the_terminal_in_the_events_and_in_the_report(
    draft: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, 20)
    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        run = train(draft, out=tmp_path / "runs", watch=Watch(progress.event))
    (event,) = [event for event in run.events() if event["event"] == "rolled_back"]
    assert (event["step"], event["rate"]) == (21, 0.5)
    sentence = "At step 21 the loss is nan. Training went back to the weights of step 20"
    assert f"Warning: {sentence}" in stream.getvalue()
    report = learning_report(run)
    assert report.data["rolled_back"] == [event]
    assert any(getattr(block, "text", "").startswith(sentence) for block in report.blocks)
    assert run.state == "finished"


def test_given_up_it_keeps_the_best_network_and_says_so(
    draft: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, 20, 30)
    with pytest.raises(TrainingError, match=r"given up\. Usual causes: .*best network so far is kept.*evaluate"):
        train(draft, out=tmp_path / "runs")
    run = Run.load(tmp_path / "runs" / "wine-1")
    assert (run.state, run.events()[-2]["reason"]) == ("finished", "diverged")
    assert all(value.isfinite().all() for value in run.network.state_dict().values())
    assert run.predict(tmp_path / "wine.csv").height == 178
    with pytest.raises(RunError, match="finished"):
        resume(run.folder)


class Killed(BaseException):
    """A death without farewell."""


@pytest.mark.parametrize("step", [10, 24])
def test_killed_before_or_after_it_ends_the_same(
    draft: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    poison(monkeypatch, 20)
    whole = train(draft, out=tmp_path / "whole")

    def die(event: object) -> None:
        if isinstance(event, Stepped | Validated) and event.step >= step:
            raise Killed

    with pytest.raises(Killed):
        train(draft, out=tmp_path / "parts", watch=Watch(die))
    again = resume(tmp_path / "parts" / "wine-1")
    ours, theirs = again.network.state_dict(), whole.network.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())

    def told(run: Run) -> list[tuple[str, int, object]]:
        return [(e["event"], e["step"], e.get("loss", e.get("figures", e.get("to")))) for e in run.events()
                if e["event"] in ("stepped", "validated", "rolled_back", "stopped")]  # fmt: skip

    assert told(again) == told(whole)
