"""The search with jobs that only pretend to train: who is asked, given up, stopped, replaced, and what is left behind."""

import signal
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deepwright.core.errors import DeepwrightError, InputError, Interrupted, RecipeError, TrainingError
from deepwright.ranges import Range, Real
from deepwright.recipe import Recipe
from deepwright.training.budget import Budget
from deepwright.verbs.tune.folder import TuneFolder
from deepwright.verbs.tune.plan import Plan
from deepwright.verbs.tune.points import Point
from deepwright.verbs.tune.prunings import Halving, Median, NoPruning
from deepwright.verbs.tune.search import Search
from deepwright.verbs.tune.searches import Grid, Random
from deepwright.verbs.tune.settings import Standing, Tune, TuneWatch
from deepwright.verbs.tune.study import Study, local_storage

RANGES: dict[str, Range] = {"x": Real(0.0, 1.0), "y": Real(0.0, 1.0)}
PLAN = Plan(Budget(90, "steps"), 90, 9, 100, 1.0, 1.0)
Ends = Callable[[int], dict[str, Any]]


def well(number: int) -> dict[str, Any]:
    return {
        "told": "ended",
        "state": "done",
        "value": 1.0 + number,
        "reason": "",
        "facts": {"seconds": 1.0, "steps": 90},
    }


@dataclass
class Jobs:
    """Answers at once, a second of the clock for every word.

    Args:
        ends: number of a trial → its last word. looks: it tells before.
    """

    count: int
    clock: list[float]
    ends: Ends = well
    looks: int = 0
    words: deque[tuple[int, dict[str, Any]]] = field(default_factory=deque)
    trials: dict[int, int] = field(default_factory=dict)
    at: dict[int, int] = field(default_factory=dict)
    kept: dict[int, int] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    waits: bool = False
    killed: list[int] = field(default_factory=list)
    deaf: bool = False

    def __len__(self) -> int:
        return self.count

    def send(self, place: int, **order: Any) -> None:
        if order.get("do") == "trial":
            number = int(Path(order["folder"]).name)
            self.trials[place], self.waits = number, order["waits"]
            self.at[place] = self.kept.pop(number, 0)
            self.order.append(number)
            self._go_on(place)
        elif order.get("answer") == "pause":
            self.kept[self.trials[place]] = self.at[place]
            facts = {"seconds": 0.1 * self.at[place]}
            self.words.append((place, {"told": "ended", "state": "paused", "value": 9.0, "reason": "", "facts": facts}))
        elif order.get("answer") == "give up":
            last = {"told": "ended", "state": "pruned", "value": 9.0, "reason": "", "facts": {"seconds": 0.2}}
            self.words.append((place, last))
        elif order.get("answer") == "go on":
            self._go_on(place)
        elif order.get("stop") and not self.deaf:
            self.words = deque(word for word in self.words if word[0] != place)
            self.words.append((place, {"told": "ended", "state": "stopped", "value": 2.0, "reason": "", "facts": {}}))

    def _go_on(self, place: int) -> None:
        self.at[place] += 1
        number, look = self.trials[place], self.at[place]
        if look > self.looks:
            self.words.append((place, self.ends(number)))
            return
        value = (1.0 if number == 0 else 5.0 + number) / look
        self.words.append((place, {"told": "look", "look": look, "best": value, "step": look, "total": self.looks}))
        if not self.waits:
            self._go_on(place)

    def next(self, seconds: float) -> tuple[int, dict[str, Any]] | None:
        self.clock[0] += 1.0
        return self.words.popleft() if self.words and not self.deaf else None

    def kill(self, place: int) -> None:
        self.killed.append(place)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Any]:
    """A function that makes a search over these jobs."""
    studies: list[Study] = []

    def search(
        jobs: Jobs, refused: Callable[[Point], DeepwrightError | None] = lambda point: None, **given: Any
    ) -> Search:
        settings = Tune(
            **{"trials": 6, "budget": Budget(1000.0, "seconds"), "search": Random(), "prune": NoPruning(), **given}
        )
        folder = TuneFolder(tmp_path, {"primary": "loss", "search_from": 0.0})

        def recipe(point: Point) -> Recipe:
            error = refused(point)
            if error is not None:
                raise error
            return Recipe()

        space = SimpleNamespace(ranges=RANGES)
        ground: Any = SimpleNamespace(folder=folder, space=space, base=lambda point: tmp_path, recipe=recipe)
        study = Study(
            local_storage(tmp_path),
            "s",
            "me",
            "lower",
            RANGES,
            settings.search,
            settings.prune,
            0,
            PLAN.to_dict(),
        )
        studies.append(study)
        told: list[Standing] = []
        made = Search(settings, ground, study, PLAN, jobs, TuneWatch(standing=told.append), lambda: jobs.clock[0])  # type: ignore[arg-type]
        made.__dict__["told"] = told
        return made

    yield search
    for one in studies:
        one.close()


def test_all_trials_are_run_and_the_best_is_found(made: Any) -> None:
    search = made(Jobs(2, [0.0]))
    best = search.run()
    assert (best.number, best.value) == (0, 1.0)
    assert [one.state for one in search.study.records()] == ["done"] * 6
    assert search.folder.record["seconds"] > 0


def test_no_more_trials_than_a_grid_has_points(made: Any) -> None:
    search = made(Jobs(2, [0.0]), trials=50, search=Grid(points=2))
    search.run()
    assert len(search.study.records()) == 4


def test_the_same_settings_are_not_trained_twice(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(1, [0.0])
    search = made(jobs, trials=12, search=Grid(points=2))
    monkeypatch.setattr(search, "total", 12)  # the grid has four points
    search.run()
    records = search.study.records()
    assert [one.state for one in records] == ["done"] * 12
    assert all(one.reason.startswith("the same settings as trial") for one in records[4:])
    assert [one.value for one in records[4:]] == [one.value for one in records[:4]] * 2
    assert max(jobs.trials.values()) == 3


def test_trials_pause_and_only_the_best_go_on(made: Any) -> None:
    jobs = Jobs(1, [0.0], looks=9)
    search = made(jobs, prune=Halving(), trials=9)
    for number in range(9):
        checkpoints = search.folder.trial(number) / "checkpoints"
        checkpoints.mkdir(parents=True)
    search.run()
    records = search.study.records()
    assert jobs.order == [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 0]
    assert [one.state for one in records] == ["done"] + ["pruned"] * 8
    assert [records[number].reason for number in (1, 5)] == [
        "given up after 33 % of its steps: others were better by then",
        "given up after 11 % of its steps: others were better by then",
    ]
    assert records[1].facts == {"seconds": pytest.approx(0.3)}
    assert not list(search.folder.path.glob("trials/*/checkpoints"))


def test_jobs_side_by_side_pause_and_go_on(made: Any) -> None:
    jobs = Jobs(2, [0.0], looks=9)
    search = made(jobs, prune=Halving(), trials=9)
    search.run()
    assert [one.state for one in search.study.records()] == ["done"] + ["pruned"] * 8
    assert sorted(set(jobs.order)) == list(range(9))
    assert len(jobs.order) <= 14


def test_checkpoints_of_those_that_cannot_go_on_are_not_kept_till_the_end(made: Any) -> None:
    def ends(number: int) -> dict[str, Any]:
        left.append({int(path.parent.name) for path in search.folder.path.glob("trials/*/checkpoints")})
        return well(number)

    left: list[set[int]] = []
    search = made(Jobs(1, [0.0], ends, looks=9), prune=Halving(), trials=9)
    for number in range(9):
        (search.folder.trial(number) / "checkpoints").mkdir(parents=True)
    search.run()
    assert left == [{0, 1, 3}], "of each rung those that go on, and one in case of a failure"


def test_where_the_time_is_short_the_best_that_waits_goes_on_at_once(made: Any) -> None:
    jobs = Jobs(1, [0.0], looks=9)
    search = made(jobs, prune=Halving(), trials=1000, budget=Budget(60.0, "seconds"))
    search.plan = Plan(Budget(90, "steps"), 90, 9, 100, 15.0, 15.0)
    search.run()
    assert [one.number for one in search.study.records() if one.state == "done"] == [0]
    assert {one.state for one in search.study.records()} <= {"done", "pruned", "failed"}


def test_a_killed_search_goes_on_with_those_that_wait(made: Any) -> None:
    def ends(number: int) -> dict[str, Any]:
        raise KeyboardInterrupt

    jobs = Jobs(1, [0.0], ends, looks=9)
    search = made(jobs, prune=Halving(), trials=9)
    with pytest.raises(KeyboardInterrupt):
        search.run()
    assert [one.state for one in search.study.records()] == [
        "running", "paused", "pruned", "paused", *["pruned"] * 5
    ]  # fmt: skip
    again = made(Jobs(1, [0.0], looks=9, kept={0: 3}), prune=Halving(), trials=9)
    assert again.run().number == 0
    assert again.jobs.order == [0]
    assert [one.state for one in again.study.records()] == ["done"] + ["pruned"] * 8


def test_one_that_fails_on_its_way_up_makes_room(made: Any) -> None:
    def ends(number: int) -> dict[str, Any]:
        bad = {"told": "ended", "state": "failed", "value": None, "reason": "The loss is nan.", "facts": {}}
        return bad if number == 0 else well(number)

    search = made(Jobs(1, [0.0], ends, looks=9), prune=Halving(), trials=6)
    assert search.run().number == 1
    assert [one.state for one in search.study.records()] == ["failed", "done"] + ["pruned"] * 4


def test_bad_trials_are_given_up_with_a_reason(made: Any) -> None:
    search = made(Jobs(1, [0.0], looks=9), prune=Median(startup=1))
    search.run()
    records = search.study.records()
    assert [one.state for one in records] == ["done"] + ["pruned"] * 5
    assert records[1].reason == "given up after 11 % of its steps: others were better by then"


def test_failed_trials_are_kept_with_their_sentence_and_stop_nothing(made: Any) -> None:
    def ends(number: int) -> dict[str, Any]:
        bad = {"told": "ended", "state": "failed", "value": None, "reason": "The loss is nan at step 7.", "facts": {}}
        gone = {"told": "gone", "reason": "Its process was ended by signal 11."}
        return {1: bad, 2: gone}.get(number % 5, well(number))

    def refused(point: Point) -> DeepwrightError | None:
        return RecipeError("These do not go together.") if float(point["x"]) > 0.9 else None

    search = made(Jobs(2, [0.0], ends), refused, trials=20)
    search.run()
    reasons = {one.reason for one in search.study.records() if one.state == "failed"}
    assert reasons == {"The loss is nan at step 7.", "Its process was ended by signal 11.", "These do not go together."}
    assert len(search.study.records()) == 20


def test_all_failed_is_a_sentence(made: Any) -> None:
    search = made(Jobs(1, [0.0]), lambda point: RecipeError("These do not go together."))
    with pytest.raises(TrainingError, match=r"All 6 trials failed; 6 of them so: These do not go together\."):
        search.run()


def test_when_the_time_is_over_running_trials_are_stopped_and_said_to_be(made: Any) -> None:
    search = made(Jobs(2, [0.0]), trials=10_000, budget=Budget(30.0, "seconds"))
    search.run()
    records = search.study.records()
    assert search.clock() <= 30.0
    stopped = [one for one in records if one.reason.startswith("The time was over after")]
    assert 1 <= len(stopped) <= 2
    assert all(one.state in ("done", "failed") for one in records)


def test_those_that_do_not_listen_are_ended(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepwright.verbs.tune.search.GRACE", -1.0)
    search = made(Jobs(2, [0.0], deaf=True), budget=Budget(10.0, "seconds"))
    with pytest.raises(InputError, match=r"No trial came to its end in the time of 10s\. Give more with --budget"):
        search.run()
    assert sorted(search.jobs.killed) == [0, 1]


def test_an_interrupt_keeps_finished_trials_and_says_how_to_go_on(made: Any) -> None:
    def ends(number: int) -> dict[str, Any]:
        if number == 2:
            signal.raise_signal(signal.SIGINT)
        return well(number)

    search = made(Jobs(1, [0.0], ends))
    with pytest.raises(
        Interrupted, match=r"Stopped after 3 of 6 trials; they are kept\. The best so far is trial 0 \(1\)"
    ) as told:
        search.run()
    assert f"deepwright resume {search.folder.path}" in str(told.value)
    assert [one.state for one in search.study.records()] == ["done"] * 3
    again = made(Jobs(1, [0.0]))
    again.run()
    assert [one.state for one in again.study.records()] == ["done"] * 6


def test_how_far_it_is_is_told(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepwright.verbs.tune.search.SHOWN", -1.0)
    search = made(Jobs(2, [0.0], looks=3))
    search.run()
    told: list[Standing] = search.__dict__["told"]
    assert [one.share for one in told] == sorted(one.share for one in told)
    assert (told[-1].done, told[-1].running, told[-1].total, told[-1].best) == (6, 0, 6, (1.0, 0))
    assert all(0.0 <= one.seconds_left <= 1000.0 for one in told)


def test_weights_of_the_best_trials_only_are_kept(made: Any, tmp_path: Path) -> None:
    def ends(number: int) -> dict[str, Any]:
        (tmp_path / "trials" / str(number)).mkdir(parents=True)
        (tmp_path / "trials" / str(number) / "weights.safetensors").touch()
        return {**well(number), "value": float((number * 7) % 12)}

    search = made(Jobs(1, [0.0], ends), trials=12)
    search.run()
    kept = {int(path.parent.name) for path in tmp_path.glob("trials/*/weights.safetensors")}
    assert kept == {number for number in range(12) if (number * 7) % 12 < 8}
