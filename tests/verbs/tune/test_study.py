"""Studies: what is finished is never lost or repeated, also across a kill; the same seed asks for the same trials."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepwright.core.errors import DiskError, Refused
from deepwright.ranges import Choice, Range, Real
from deepwright.verbs.tune.points import Point
from deepwright.verbs.tune.prunings import Halving, Hyperband, Median, NoPruning
from deepwright.verbs.tune.searches import CMAES, TPE, Grid, Random
from deepwright.verbs.tune.study import Study, local_storage

RANGES: dict[str, Range] = {"x": Real(0.0, 1.0), "y": Real(0.0, 1.0), "word": Choice(("p", "q"))}
PLAN = {"looks": 9}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    """A function that opens the study of a folder, as a process does."""
    studies: list[Study] = []

    def study(
        folder: str = "one", search: Any = None, pruning: Any = None, start: Point | None = None, **more: Any
    ) -> Study:
        (tmp_path / folder).mkdir(exist_ok=True)
        url = more.pop("url", local_storage(tmp_path / folder))
        given: dict[str, Any] = {"owner": "me", "better": "lower", **more}
        made = Study(url, "cars", given["owner"], given["better"], RANGES, search or TPE(startup=3), pruning or NoPruning(),
                     0, PLAN, given.get("shared", False))  # fmt: skip
        made.start = start
        studies.append(made)
        return made

    yield study
    for one in studies:
        one.close()


def cost(point: Point) -> float:
    return (float(point["x"]) - 0.3) ** 2 + (float(point["y"]) - 0.6) ** 2 + (point["word"] == "p")


def run(study: Study, trials: int) -> list[Point]:
    points = []
    for _ in range(trials):
        asked = study.ask()
        study.finish(asked, "done", cost(asked.point), facts={"seconds": 1.0})
        points.append(asked.point)
    return points


@pytest.mark.parametrize("search", [Random(), TPE(startup=3), Grid(), CMAES()], ids=lambda one: one.kind)
def test_a_killed_study_goes_on_with_the_trials_of_one_that_was_not(opened: Any, search: Any) -> None:
    whole = run(opened("whole", search), 12)
    run(opened("parts", search), 5)
    opened("parts", search).ask()  # running when its process is killed
    again = opened("parts", search)
    (left,) = again.left_over()
    assert (left.number, left.point) == (5, whole[5])
    again.finish(left, "done", cost(left.point))
    assert run(again, 6) == whole[6:]
    records = again.records()
    assert [one.point for one in records] == whole
    assert [one.number for one in records] == list(range(12))
    assert all(one.state == "done" for one in records)


def test_a_trial_killed_before_it_had_settings_gets_those_it_would_have_had(opened: Any) -> None:
    whole = run(opened("whole"), 4)
    study = opened("parts")
    run(study, 3)
    study._study.ask()  # killed between the two
    (left,) = opened("parts").left_over()
    assert left.point == whole[3]


def test_the_first_trial_is_the_default_except_on_a_grid(opened: Any) -> None:
    start: Point = {"x": 0.25, "y": 0.5, "word": "q"}
    assert opened("a", start=start).ask().point == start
    assert opened("b", Grid(), start=start).ask().point != start
    assert opened("c", Random()).ask().point != start


def test_how_trials_ended_is_kept(opened: Any) -> None:
    study = opened(better="higher")
    asked = [study.ask() for _ in range(4)]
    study.finish(asked[0], "done", 0.5, facts={"seconds": 2.0})
    study.look(asked[1], 1, 0.1)
    study.finish(asked[1], "pruned", reason="others were better")
    study.finish(asked[2], "failed", reason="The loss is nan.")
    again = opened(better="higher").records()
    assert [one.state for one in again] == ["done", "pruned", "failed", "running"]
    assert [one.value for one in again] == [0.5, 0.1, None, None]
    assert (again[2].reason, again[0].facts, again[1].looks) == ("The loss is nan.", {"seconds": 2.0}, {1: 0.1})
    best = study.best()
    assert best is not None
    assert best.number == 0


@pytest.mark.parametrize("pruning", [Hyperband(), Median(startup=1)], ids=lambda one: one.kind)
@pytest.mark.parametrize("better", ["lower", "higher"])
def test_bad_trials_are_given_up_and_good_ones_are_not(opened: Any, pruning: Any, better: str) -> None:
    study = opened(pruning=pruning, better=better, search=Random())
    sign = 1.0 if better == "lower" else -1.0
    looks: dict[int, int] = {}
    for number in range(14):
        asked = study.ask()
        given_up = False
        for look in range(1, 10):
            value = sign * (1.0 if number in (0, 13) else 5.0 + number) / look - (number == 13) * sign
            given_up = study.look(asked, look, value) == "give up"
            if given_up:
                break
        looks[number] = look
        study.finish(asked, "pruned" if given_up else "done", None if given_up else value)
    assert looks[0] == looks[13] == 9
    assert sum(looks[number] < 9 for number in range(1, 13)) >= 8
    assert sum(looks.values()) < 14 * 9 * 0.75


def test_a_trial_comes_past_known_looks_again(opened: Any) -> None:
    study = opened(pruning=Median(startup=1))
    asked = study.ask()
    study.look(asked, 1, 3.0)
    again = opened(pruning=Median(startup=1))
    (left,) = again.left_over()
    assert left.known == {1}
    assert again.look(left, 1, 99.0) == "go on"
    assert again.look(left, 2, 2.0) == "go on"
    assert again.records()[0].looks == {1: 3.0, 2: 2.0}


def to_the_rung(study: Study, look: int, value: float) -> None:
    asked = study.ask()
    assert study.look(asked, look, value) == "pause"
    study.pause(asked, look, {"seconds": 0.5})


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_a_trial_pauses_at_a_rung_and_goes_on_once_others_are_worse(opened: Any, better: str) -> None:
    sign = 1.0 if better == "lower" else -1.0
    study = opened(pruning=Halving(), better=better)
    for value in (2.0, 1.0):
        to_the_rung(study, 1, sign * value)
        assert study.rise() is None
    to_the_rung(study, 1, sign * 3.0)
    assert [(one.state, one.value, one.rung) for one in study.records()] == [
        ("paused", sign * value, 1) for value in (2.0, 1.0, 3.0)
    ]
    risen = study.rise()
    assert (risen.number, risen.known, risen.risen) == (1, {1}, 1)
    assert study.rise() is None, "it has gone"
    assert study.look(risen, 1, sign * 1.0) == "go on", "its last look is told again"
    assert study.look(risen, 2, sign * 0.9) == "go on"
    assert study.look(risen, 3, sign * 0.8) == "pause"
    assert study.best() is None


def test_a_kill_forgets_neither_who_waits_nor_who_went_on(opened: Any) -> None:
    study = opened(pruning=Halving())
    for value in (2.0, 1.0, 3.0):
        to_the_rung(study, 1, value)
    risen = study.rise()
    study.look(risen, 2, 0.9)
    again = opened(pruning=Halving())
    (left,) = again.left_over()
    assert (left.number, left.known, left.risen) == (1, {1, 2}, 1)
    assert [again.look(left, look, 0.9) for look in (1, 2, 3)] == ["go on", "go on", "pause"], (
        "also from its first step"
    )
    once_more = opened(pruning=Halving())
    (left,) = once_more.left_over()
    assert once_more.look(left, 3, 0.9) == "pause", "killed before it was kept that it waits"
    assert [asked.number for asked in once_more.paused()] == [0, 2]


def test_a_trial_that_waits_on_another_machine_does_not_go_on_here(opened: Any, tmp_path: Path) -> None:
    shared = {"url": local_storage(tmp_path), "shared": True, "pruning": Halving()}
    one, other = opened(owner="one", **shared), opened(owner="other", **shared)
    for study, value in ((other, 1.0), (one, 2.0), (one, 3.0)):
        to_the_rung(study, 1, value)
    assert one.rise() is None
    assert [asked.number for asked in one.paused()] == [1, 2]
    assert one.left_over() == []
    assert other.rise().number == 0
    assert one.rise(last=True).number == 1, "each machine brings one to its end, for the other may not come back"


@pytest.mark.parametrize("search", [TPE(startup=3), CMAES(population=4)], ids=lambda one: one.kind)
def test_a_search_learns_from_trials_that_wait(opened: Any, search: Any) -> None:
    """Points near the good ones of the first rung, though none is at its end; and the same ones after a kill."""

    def to_all(study: Study, count: int) -> None:
        for _ in range(count):
            asked = study.ask()
            study.look(asked, 1, 100 * cost(asked.point))
            study.pause(asked, 1, {})

    study = opened("whole", search, Halving(factor=100))
    to_all(study, 40)
    costs = [cost(one.point) for one in study.records()]
    assert sorted(costs[30:])[5] < 0.5 * sorted(costs[:8])[4]
    for count in (17, 23):
        to_all(opened("parts", search, Halving(factor=100)), count)
    assert [one.point for one in opened("parts", search, Halving()).records()] == [one.point for one in study.records()]


def test_what_a_search_was_told_does_not_change_when_a_trial_goes_on(opened: Any) -> None:
    study = opened(search=CMAES(), pruning=Halving())
    for value in (2.0, 1.0, 3.0):
        to_the_rung(study, 1, value)
    told = [study._tried(one) for one in study._study.get_trials()]
    risen = study.rise()
    study.look(risen, 2, 0.5)
    study.finish(risen, "done", 0.25)
    assert [study._tried(one) for one in study._study.get_trials()] == told


def test_machines_share_a_storage_and_leave_each_others_trials_alone(opened: Any, tmp_path: Path) -> None:
    url = local_storage(tmp_path)
    one = opened(url=url, owner="one", shared=True)
    other = opened(url=url, owner="other", shared=True)
    numbers = [study.ask().number for study in (one, other, one)]
    assert numbers == [0, 1, 2]
    assert [asked.number for asked in opened(url=url, owner="other", shared=True).left_over()] == [1]
    assert [record.mine for record in one.records()] == [True, False, True]


def test_importance_names_what_decides(opened: Any) -> None:
    study = opened(search=Random())
    assert study.importance() == {}
    for _ in range(40):
        asked = study.ask()
        study.finish(asked, "done", (float(asked.point["x"]) - 0.5) ** 2)
    shares = study.importance()
    assert next(iter(shares)) == "x"
    assert sum(shares.values()) == pytest.approx(1.0)


def growing_by(study: Study, pages: int | None) -> None:
    """A disk with room for so many more pages of the database; None: as much as it likes."""
    connection = study._storage.engine.raw_connection()  # the pool gives the same one again
    (count,) = connection.cursor().execute("PRAGMA page_count").fetchone()
    connection.cursor().execute(f"PRAGMA max_page_count = {2**30 if pages is None else count + pages}")
    connection.close()


@pytest.mark.parametrize("pages", range(3))
def test_a_full_disk_loses_and_repeats_nothing(opened: Any, pages: int) -> None:
    """Whichever write it is that does not fit."""
    whole = run(opened("whole"), 20)
    study, points = opened(), []
    growing_by(study, pages)

    def go_on() -> None:
        for _ in range(20):
            asked = study.ask()
            study.finish(asked, "done", cost(asked.point), facts={"seconds": 1.0, "log": 2000 * "long "})
            points.append(asked.point)

    with pytest.raises(DiskError, match=r"Cannot write .*/one/trials\.db: the disk is full"):
        go_on()
    study.close()
    again = opened()
    done = [one.point for one in again.records() if one.state == "done"]
    assert done[: len(points)] == points == whole[: len(points)]
    for asked in again.left_over():
        again.finish(asked, "done", cost(asked.point))
    run(again, 20 - len(again.records()))
    assert [one.point for one in again.records()] == whole


@pytest.mark.parametrize(
    "url", ["nonsense", "nosuch://a/b", "sqlite:////no/such/folder/a.db", "redis://x", "mysql://me:secret@x/y"]
)
def test_a_storage_that_cannot_be_opened_is_a_sentence(opened: Any, url: str) -> None:
    with pytest.raises(Refused, match=r"The storage .* (cannot be opened|which is not installed)") as told:
        opened(url=url)
    assert "secret" not in str(told.value)
    assert "None" not in str(told.value)
