"""An arena with real processes: equal time, one report; stopped and gone on with; a family that fails beside one that does not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import deepwright as dw
from deepwright.core.errors import RecipeError, RunError
from deepwright.core.report import Report
from deepwright.training.budget import Budget
from deepwright.verbs.arena.arena import Arena, arena, resume_arena
from deepwright.verbs.arena.folder import ArenaFolder
from deepwright.verbs.arena.watching import ArenaWatch
from tests.cli.conftest import invoke
from tests.verbs.arena.conftest import draft, write_rows

pytestmark = pytest.mark.slow
NAMES = ["vae", "autoregressive"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Arena, list[str]]:
    place = tmp_path_factory.mktemp("arena")
    said: list[str] = []
    watch = ArenaWatch(line=said.append)
    return arena(draft(write_rows(place)), Budget.parse("14s"), NAMES, 2, place / "runs", watch), said


def test_each_family_has_the_same_share_on_one_thread_and_a_run(found: tuple[Arena, list[str]]) -> None:
    made, said = found
    record = ArenaFolder.load(made.folder).record
    assert (record["stage"], record["jobs"], record["threads"]) == ("finished", 2, 1)
    assert {one.kind for one in made.entrants} == set(NAMES)
    for one in made.entrants:
        run = dw.load(one.run)
        assert (run.state, run.recipe.model.kind) == ("finished", one.kind)
        assert run.recipe.train.budget == Budget(record["share"], "seconds")
        assert run.recipe.train.threads == 1
        planned = next(event for event in run.events() if event["event"] == "planned")
        assert planned["choices"]["threads"] == 1
        assert 0 < one.processor <= one.seconds + 0.5, "one thread takes no more processor time than there is"
        assert (run.folder / "report.html").exists()
        assert any(text.startswith(f"{one.kind}: trained in ") for text in said)
    assert f"{record['share']:g} s each, 2 at a time, 1 thread each." in said[0]


def test_the_report_is_kept_and_names_the_nearest(found: tuple[Arena, list[str]]) -> None:
    made, _ = found
    stored = Report.from_dict(json.loads((made.folder / "reports" / "arena.json").read_text(encoding="utf-8")))
    assert stored == made.report
    entrants = made.report.data["entrants"]
    distances = [one["measured"]["rows"]["distance"]["made"]["value"] for one in entrants]
    assert distances == sorted(distances)
    assert made.best == Path(entrants[0]["run"])
    assert all(one["processor_seconds"] > 0 for one in entrants)
    assert "Families beside real examples" in (made.folder / "report.html").read_text(encoding="utf-8")
    assert not (made.folder / "base").exists(), "the packed rows are not needed any more"
    with pytest.raises(RunError, match="is finished"):
        resume_arena(made.folder)


def test_figures_are_those_of_generate(found: tuple[Arena, list[str]]) -> None:
    made, _ = found
    first = made.report.data["entrants"][0]
    again = dw.load(first["run"]).generate(n=1, apart=0, measure=256, record=False)
    rows = {name: value for name, value in again.data["measured"]["rows"].items() if name != "target"}
    assert {name: first["measured"]["rows"][name] for name in rows} == rows


def test_a_run_of_an_arena_is_done_again_bit_for_bit(found: tuple[Arena, list[str]]) -> None:
    made, _ = found
    assert dw.load(made.entrants[0].run).reproduce().data["equal"]


def test_steps_are_no_budget_that_families_could_share(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="the same time, so write for example 10min"):
        arena(draft(rows), Budget.parse("100steps"), (), None, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_refused_family_is_listed_and_the_other_is_compared(rows: Path, tmp_path: Path) -> None:
    made = arena(draft(rows, "model.mixture=4"), Budget.parse("8s"), ["vae", "flow"], 2, tmp_path / "runs")
    first, second = made.report.data["entrants"]
    assert (first["model"], first["state"], second["model"], second["state"]) == ("vae", "trained", "flow", "failed")
    assert "model.mixture" in second["reason"]
    assert second["run"] is None


def test_ctrl_c_ends_the_children_keeps_what_is_there_and_can_be_gone_on_with(rows: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "deepwright", "arena", str(rows), "--models", "vae,autoregressive", "--budget", "10min", "--jobs", "2",
             "-o", str(tmp_path / "runs")]  # fmt: skip
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=tmp_path, start_new_session=True) as process:
        runs = [tmp_path / "runs" / f"cars-{k}" for k in (1, 2)]
        _wait(lambda: all(_stepped(run) for run in runs), 300.0)
        children = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120.0)
    assert process.returncode == 130
    assert "Traceback" not in err
    folder = tmp_path / "runs" / "arena-1"
    assert f"Go on with: deepwright resume {folder}" in err.splitlines()[-1]
    _wait(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children), 20.0)
    assert [dw.load(run).state for run in runs] == ["interrupted", "interrupted"]
    steps = {run: dw.load(run).events()[-1]["step"] for run in runs}
    assert all(one.processor > 0 for one in ArenaFolder.load(folder).entrants)
    assert "arena" in invoke("runs", tmp_path / "runs").out
    for run in runs:  # a few more steps are enough
        text = (run / "recipe.yaml").read_text(encoding="utf-8")
        (run / "recipe.yaml").write_text(_shorter(text, dw.load(run).events()), encoding="utf-8")
    said = invoke("resume", folder, "--json")
    assert said.code == 0, said.err
    assert [one["state"] for one in json.loads(said.out)["entrants"]] == ["trained", "trained"]
    for run in runs:
        events = [event["event"] for event in dw.load(run).events()]
        assert "resumed" in events
        assert dw.load(run).events()[-1]["step"] >= steps[run]


def test_an_arena_goes_on_as_it_began(rows: Path, tmp_path: Path) -> None:
    folder = ArenaFolder(tmp_path, {})
    folder.keep(stage="training", jobs=1, threads=1, seconds=0.0, entrants=[])
    invoke("resume", tmp_path, "--threads", 2).refused("An arena goes on as it began; leave --threads out.")


def _shorter(recipe: str, events: list[dict[str, Any]]) -> str:
    """The recipe with a budget that is over soon after the last event."""
    seconds = events[-1]["seconds"] + 3.0
    return "\n".join(
        f"  budget: {seconds:.1f}s" if line.startswith("  budget: ") else line for line in recipe.splitlines()
    )


def _stepped(run: Path) -> bool:
    path = run / "events.jsonl"
    return path.exists() and '"stepped"' in path.read_text(encoding="utf-8")


def _wait(done: Any, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.1)
