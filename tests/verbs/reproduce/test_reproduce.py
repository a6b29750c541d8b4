"""Reproduce: the same bytes again, and the first thing named that is not as it was."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pytest
import torch
from PIL import Image

from deepwright.core.errors import Interrupted, Refused, RunError, TrainingError
from deepwright.core.files import read_json, write_json
from deepwright.core.sealed import unsealed, write_sealed
from deepwright.run import Run
from deepwright.training import determinism
from deepwright.training.events import Event, Stepped
from deepwright.training.tensor_files import read_tensors, write_tensors
from deepwright.training.threads import Threads
from deepwright.verbs import environment, thread_choice
from deepwright.verbs.learning import learning_report
from deepwright.verbs.manifest import recipe_hash
from deepwright.verbs.reproduce.reproduce import reproduce
from deepwright.verbs.train import Watch, resume, train
from tests.verbs.reproduce.conftest import Killed, draft, first, same, weights
from tests.verbs.test_rollback import poison


def test_the_same_bytes_come_out_in_a_run_of_its_own(run: Run) -> None:
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    for number in (1, 2):
        again = same(reproduce(run))
        assert again.folder == run.folder.parent / f"wine-1-again-{number}"
        assert weights(again) == weights(run)
        assert again.environment["reproduces"] == str(run.folder.resolve())
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before
    assert same(reproduce(again)).state == "finished", "what was done again can be done again"


def test_the_manifest_tells_what_has_to_be_known(run: Run) -> None:
    found = run.environment
    assert found["training"] == {
        "recipe": recipe_hash(run), "device": "cpu", "threads": 1, "precision": "float32", "deterministic": True, "why_not": "",
    }  # fmt: skip
    assert found["hashes"].keys() == {"weights", "task", "events"}
    assert found["hashes"]["weights"] == weights(run)
    assert {"source", "python", "packages", "processor", "simd", "cores", "processes", "variables"} <= found.keys()
    assert len(found["data"]["hashes"]["blocks"].split()) == 178


class Scheduled(Threads):
    """Changes at steps 5 and 9, as a neighbour might make it."""

    def after(self, step: int, seconds: float) -> int | None:
        count = {5: 2, 9: 1}.get(step)
        return None if count is None else self._change(count)


def test_changes_of_threads_are_followed(wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(thread_choice, "Threads", Scheduled)
        run = train(draft(wine), out=tmp_path)
    seen: list[int] = []

    def step(event: Event) -> None:
        if isinstance(event, Stepped):
            seen.append(torch.get_num_threads())

    again = same(reproduce(run, watch=Watch(step)))
    assert seen == [1] * 5 + [2] * 4 + [1] * 21
    assert [(e["step"], e["threads"]) for e in again.events() if e["event"] == "rethreaded"] == [(5, 2), (9, 1)]


def test_a_run_in_pieces_with_other_threads_from_a_resume_on_is_one_run_again(wine: Path, tmp_path: Path) -> None:
    def die(event: Event) -> None:
        if isinstance(event, Stepped) and event.step >= 12:
            raise Killed

    settings = {"train.checkpoint_seconds": 1e-6}
    with pytest.raises(Killed):
        train(draft(wine, **settings), out=tmp_path, watch=Watch(die))
    again = same(reproduce(resume(tmp_path / "wine-1", threads=2)))
    assert sum(event["event"] == "rethreaded" for event in again.events()) == 1


def test_a_wall_clock_budget_is_followed_without_a_clock(
    wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(draft(wine, **{"train.budget": "2s", "train.longest": 100_000}), out=tmp_path)
    monkeypatch.setattr("deepwright.training.pace.Pace.plan", None)  # nothing is planned,
    monkeypatch.setattr("deepwright.verbs.session.decide", None)  # nothing is measured
    again = same(reproduce(run))
    assert again.recipe == run.recipe
    assert weights(again) == weights(run)


@pytest.mark.parametrize("halves", [False, True])
def test_mapped_rows_give_the_bytes_of_rows_in_memory(
    run: Run, wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, halves: bool
) -> None:
    memory = psutil.virtual_memory()._replace(total=4096)
    monkeypatch.setattr("deepwright.data.pack.psutil.virtual_memory", lambda: memory)
    mapped: list[Path] = []
    reserve = __import__("deepwright.data.pack", fromlist=["pack"])._reserve
    monkeypatch.setattr("deepwright.data.pack._reserve", lambda *given: (mapped.append(given[1]), reserve(*given)))
    if halves:

        def die(event: Event) -> None:
            if isinstance(event, Stepped) and event.step >= 12:
                raise Killed

        settings = {"train.checkpoint_seconds": 1e-6}
        with pytest.raises(Killed):
            train(draft(wine, **settings), out=tmp_path / "parts", watch=Watch(die))
        again = resume(tmp_path / "parts" / "wine-1")
    else:
        again = same(reproduce(run))
    assert mapped, "it was not mapped"
    assert weights(again) == weights(run)


def changed(run: Run, **more: Any) -> Run:
    """The run with another record of its circumstances."""
    write_sealed(run.folder / "environment.json", {**unsealed(read_json(run.folder / "environment.json")), **more})
    return Run.load(run.folder)


def test_another_version_that_makes_no_difference_is_told(run: Run) -> None:
    packages = {**run.environment["packages"], "torch": "1.0"}
    report = reproduce(changed(run, packages=packages))
    same(report)
    (found,) = report.data["differences"]
    assert (found["about"], found["was"], found["is"]) == (
        "versions",
        "1.0",
        environment.circumstances(torch.device("cpu"))["packages"]["torch"],
    )
    assert "1 circumstance is not as then (torch was 1.0" in report.data["sentence"]


def tamper(run: Run, kind: str, change: Any) -> dict[str, Any]:
    """Change the last event of a kind in the journal."""
    path = run.folder / "events.jsonl"
    events = [json.loads(line) for line in path.read_text().splitlines()]
    event = [one for one in events if one["event"] == kind][-1]
    change(event)
    path.write_text("".join(json.dumps(one) + "\n" for one in events))
    return event


def test_a_changed_figure_is_named_with_its_step_behind_versions_and_hardware(run: Run) -> None:
    event = tamper(run, "validated", lambda event: event["figures"].update(loss=0.125))
    found = first(reproduce(run))
    assert found["text"].startswith(f"the validation loss at step {event['step']} was 0.125 and is ")
    simd = changed(run, simd="none", packages={**run.environment["packages"], "numpy": "1.0"})
    report = reproduce(simd)
    abouts = [one["about"] for one in report.data["differences"]]
    assert abouts == ["versions", "hardware", "events", "record"]
    assert "What came of it first: the validation loss" in report.data["sentence"]


def test_changed_weights_and_a_changed_preparation_are_named(run: Run) -> None:
    path = run.folder / "weights.safetensors"
    tensors = read_tensors(path)[0]
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.numel() > 1)
    tensors[name].view(-1)[1] += 0.5
    write_tensors(path, tensors)
    report = reproduce(run)
    assert first(report)["text"] == f"the weights '{name}': 1 of {tensors[name].numel()} numbers differ, by 0.5 at most"
    assert [one["about"] for one in report.data["differences"]] == ["weights", "record"]
    stored = unsealed(read_json(run.folder / "features.json"))
    stored["features"].pop("hue")
    write_sealed(run.folder / "features.json", stored)
    assert first(reproduce(Run.load(run.folder)))["text"] == "what was learnt about the column 'hue' (features.json)"


def test_a_changed_recipe_is_named_before_what_comes_of_it(run: Run) -> None:
    path = run.folder / "recipe.yaml"
    path.write_text(path.read_text().replace("dropout: 0.2", "dropout: 0.3"))
    report = reproduce(changed(Run.load(run.folder), python="3.0"))
    assert first(report)["text"].startswith("recipe.yaml is not as the training left it")
    assert [one["about"] for one in report.data["differences"]][:3] == ["record", "versions", "events"]


def test_a_changed_recipe_that_cannot_be_followed_is_named_as_the_cause(run: Run) -> None:
    path = run.folder / "recipe.yaml"
    path.write_text(path.read_text().replace("- target", "- targe"))
    with pytest.raises(RunError, match=r"recipe\.yaml of .* is not as the training left it.* no column 'targe'"):
        reproduce(Run.load(run.folder))


def test_a_recipe_may_say_where_its_data_moved(run: Run, wine: Path, tmp_path: Path) -> None:
    path = run.folder / "recipe.yaml"
    path.write_text(path.read_text().replace(str(wine), str(shutil.copyfile(wine, tmp_path / "moved.csv"))))
    same(reproduce(Run.load(run.folder)))


@pytest.mark.parametrize("place", [("python",), ("data", "rows"), ("data", "hashes", "blocks")])
def test_a_manifest_that_lacks_something_is_damaged(run: Run, place: tuple[str, ...]) -> None:
    stored = unsealed(read_json(run.folder / "environment.json"))
    inner = stored
    for name in place[:-1]:
        inner = inner[name]
    del inner[place[-1]]
    write_sealed(run.folder / "environment.json", stored)
    with pytest.raises(RunError, match=r"damaged: environment\.json cannot be read"):
        reproduce(Run.load(run.folder))


def test_an_interrupted_run_is_followed_to_where_it_was_interrupted(wine: Path, tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == 12:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        train(draft(wine), out=tmp_path, watch=Watch(interrupt))
    again = same(reproduce(Run.load(tmp_path / "wine-1")))
    assert (again.state, again.events()[-1]["step"]) == ("interrupted", 12)
    with pytest.raises(Interrupted, match=r"Start again with: deepwright reproduce .*wine-1$"):
        reproduce(resume(tmp_path / "wine-1"), watch=Watch(interrupt))


def test_roll_backs_and_runs_that_were_given_up_come_again(
    wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, 10)
    again = same(reproduce(train(draft(wine), out=tmp_path)))
    assert any(event["event"] == "rolled_back" for event in again.events())
    monkeypatch.undo()
    poison(monkeypatch, 10, 20)
    with pytest.raises(TrainingError):
        train(draft(wine), out=tmp_path)
    again = same(reproduce(Run.load(tmp_path / "wine-2")))
    assert again.events()[-2]["reason"] == "diverged"


def test_what_cannot_be_done_again_is_said_before_any_work(run: Run, wine: Path, tmp_path: Path) -> None:
    write_json(run.folder / "soup.json", {"format": 1})
    with pytest.raises(Refused, match="average of several trainings"):
        reproduce(run)
    (run.folder / "soup.json").unlink()
    weights, before = run.folder / "weights.safetensors", len(list(run.folder.parent.iterdir()))
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"damaged: weights\.safetensors cannot be read"):
        reproduce(run)
    assert len(list(run.folder.parent.iterdir())) == before
    weights.unlink()
    with pytest.raises(RunError, match=r"unfinished.*deepwright resume"):
        reproduce(run)
    in_memory = train(draft(None), pl.read_csv(wine), out=tmp_path / "frames")
    loaded = Run.load(in_memory.folder)
    with pytest.raises(RunError, match=r"handed over in memory.*--data"):
        reproduce(loaded)
    same(reproduce(loaded, pl.read_csv(wine)))
    same(reproduce(loaded, wine))


def test_frames_that_creations_were_learnt_from_may_come_as_a_file(wine: Path, tmp_path: Path) -> None:
    creating = {"task": "generate", "model": {"kind": "vae", "width": 8}, "target": None, "train.budget": "5steps",
                "model.width": None, "model.members": None, "model.dropout": None}  # fmt: skip
    run = train(draft(None, **creating), pl.read_csv(wine), out=tmp_path / "runs")
    same(reproduce(Run.load(run.folder), wine))


CREATING = {"task": "generate", "target": None, "model.members": None, "model.dropout": None, "train.validations": 2,
            "train.budget": "6steps", "train.batch": 16}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gan", "flow", "vae", "autoregressive"])
def test_rows_and_pictures_that_are_created_come_out_the_same(wine: Path, tmp_path: Path, kind: str) -> None:
    settings = {**CREATING, "model.kind": kind, "model.width": 8}
    same(reproduce(train(draft(wine, **settings), out=tmp_path)))
    folder, chance = tmp_path / "noise", np.random.default_rng(0)
    folder.mkdir()
    for number in range(24):
        Image.fromarray(chance.integers(0, 255, (8, 8, 3), np.uint8)).save(folder / f"{number:02}.png")
    same(reproduce(train(draft(folder, **settings), out=tmp_path)))


@pytest.mark.slow
def test_an_automaton_comes_out_the_same_though_its_picture_moved(tmp_path: Path) -> None:
    path = tmp_path / "texture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)).save(path)
    settings = {
        **CREATING,
        "model.kind": "automaton",
        "model.width": None,
        "train.budget": "2steps",
        "train.batch": None,
    }
    run = train(draft(path, **settings), out=tmp_path / "runs")
    path.rename(tmp_path / "moved.png")
    with pytest.raises(RunError, match=r"is gone: .*texture\.png"):
        reproduce(run)
    same(reproduce(run, tmp_path / "moved.png"))


def test_where_bits_are_not_promised_the_run_says_so(
    wine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(determinism, "_KEPT", ())
    said: list[str] = []
    run = train(draft(wine), out=tmp_path, watch=Watch(warn=said.append))
    why = "Trained again, this run would not give the same last bits: torch promises no fixed order of sums on cpu."
    assert said == [why]
    assert (run.environment["training"]["deterministic"], run.environment["training"]["why_not"]) == (False, why)
    assert any(getattr(block, "text", "") == why for block in learning_report(run).blocks)
    tamper(run, "validated", lambda event: event["figures"].update(loss=0.125))
    assert reproduce(run).data["sentence"].endswith(why)
