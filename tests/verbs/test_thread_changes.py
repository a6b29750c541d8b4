"""The number of threads in a run: chosen at the start, written into the recipe, every change an event that is followed."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from sklearn.datasets import load_wine

from deepwright.core.files import file_hash
from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.training.events import Event, Stepped
from deepwright.training.threads import Threads
from deepwright.verbs import planning, thread_choice
from deepwright.verbs.probe import Probed
from deepwright.verbs.train import Watch, resume, train


class Killed(BaseException):
    """A death without farewell."""


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wine") / "wine.csv"
    pl.from_pandas(load_wine(as_frame=True).frame).write_csv(path)
    return path


def draft(source: Path, **settings: Any) -> Draft:
    made = Draft()
    for name, value in {
        "data.source": str(source), "target": ["target"], "train.budget": "30steps", "train.early_stopping": None,
        "train.checkpoint_seconds": 1e-6, **settings,
    }.items():  # fmt: skip
        made.put(tuple(name.split(".")), value, "test")
    return made


def dying_at(step: int) -> Watch:
    def event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step >= step:
            raise Killed

    return Watch(event)


def changes(run: Run) -> list[tuple[int, int]]:
    return [(event["step"], event["threads"]) for event in run.events() if event["event"] == "rethreaded"]


def weights(run: Run) -> str:
    return file_hash(run.folder / "weights.safetensors")


def test_the_number_chosen_is_in_the_recipe_and_obeyed_by_who_trains_from_it(
    wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def step(event: Event) -> None:
        if isinstance(event, Stepped):
            seen.append(torch.get_num_threads())

    with monkeypatch.context() as patch:
        patch.setattr(planning, "counts", lambda: (1, 2))
        patch.setattr(planning, "FEW_STEPS", 0)
        patch.setattr(planning, "probe", lambda *_: Probed(2, "float32", 0.01))
        run = train(draft(wine), out=tmp_path / "a", watch=Watch(step))
    assert (run.recipe.train.threads, run.recipe.train.precision, set(seen)) == (2, "float32", {2})
    assert torch.get_num_threads() != 2, "the caller's own number comes back"
    assert Run.load(run.folder).recipe == run.recipe
    seen.clear()
    again = train(Draft.read(run.folder / "recipe.yaml"), out=tmp_path / "b", watch=Watch(step))
    assert set(seen) == {2}
    assert weights(again) == weights(run)
    assert (again.folder / "recipe.yaml").read_bytes() == (run.folder / "recipe.yaml").read_bytes()


class Scheduled(Threads):
    """Changes at steps 5 and 9, as a neighbour might make it."""

    def after(self, step: int, seconds: float) -> int | None:
        count = {5: 2, 9: 1}.get(step)
        return None if count is None else self._change(count)


@pytest.mark.parametrize("death", [4, 5, 7, 9, 20])
def test_recorded_changes_are_followed_after_a_death(
    wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(thread_choice, "Threads", Scheduled)
        whole = train(draft(wine), out=tmp_path / "whole")
        with pytest.raises(Killed):
            train(draft(wine), out=tmp_path / "parts", watch=dying_at(death))
    (folder,) = (tmp_path / "parts").iterdir()
    with monkeypatch.context() as patch:
        if death <= 9:  # what had not happened yet happens as before
            patch.setattr(thread_choice, "Threads", Scheduled)
        again = resume(folder)
    assert changes(whole) == changes(again) == [(5, 2), (9, 1)]


def test_who_resumes_may_ask_for_another_number_and_it_is_recorded(wine: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(draft(wine), out=tmp_path, watch=dying_at(10))
    with pytest.raises(Killed):
        resume(tmp_path / "wine-1", watch=dying_at(20), threads=2)
    seen: list[int] = []

    def step(event: Event) -> None:
        if isinstance(event, Stepped):
            seen.append(torch.get_num_threads())

    run = resume(tmp_path / "wine-1", watch=Watch(step))
    assert set(seen) == {2}
    (change,) = changes(run)
    assert change[1] == 2
    assert run.recipe.train.threads == 1, "the recipe says what it was at the start"


def test_where_the_number_must_not_change_the_person_is_told_once(
    wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Threads):
        def after(self, step: int, seconds: float) -> int | None:
            if step in (10, 20):
                self.slow(17.0)
            return None

    told: list[str] = []
    monkeypatch.setattr(thread_choice, "Threads", Slow)
    monkeypatch.setattr(thread_choice, "counts", lambda: (1, 2))
    monkeypatch.setattr(thread_choice, "compared", lambda *_: {1: 0.17, 2: 0.01})
    run = train(draft(wine), out=tmp_path, watch=Watch(warn=told.append))
    (sentence,) = told
    assert f"deepwright resume {run.folder} --threads 2" in sentence
    assert "17.0 times as long" in sentence
    assert changes(run) == []


def test_a_comparison_in_the_middle_changes_no_bit(wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Comparing(Threads):
        def after(self, step: int, seconds: float) -> int | None:
            if step == 10:
                self.slow(2.0)
            return None

    plain = train(draft(wine, **{"model.dropout": 0.3}), out=tmp_path)
    monkeypatch.setattr(thread_choice, "Threads", Comparing)
    monkeypatch.setattr(thread_choice, "counts", lambda: (1, 2))
    compared = train(draft(wine, **{"model.dropout": 0.3}), out=tmp_path)
    assert weights(plain) == weights(compared)
