"""The trainings of an arena with jobs that only pretend to train: who gets work, who fails, what a stop leaves behind."""

import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deepwright.core.errors import DiskError, Interrupted
from deepwright.verbs.arena.folder import ArenaFolder, Entrant
from deepwright.verbs.arena.trainings import FIRST, Trainings, reserve
from deepwright.verbs.arena.watching import ArenaWatch, Standing

Told = dict[str, Any]
TRAINED: Told = {"told": "trained", "state": "finished", "seconds": 10.0, "processor": 9.5}


@dataclass
class Jobs:
    """Tells a step, then what `ends` gives for a run and an order."""

    count: int
    ends: Callable[[str, Told], Told]
    words: deque[tuple[int, Told]] = field(default_factory=deque)
    sent: list[tuple[int, Told]] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count

    def send(self, place: int, **order: Any) -> None:
        self.sent.append((place, order))
        if order.get("stop"):
            self.words.append((place, {**TRAINED, "state": "interrupted"}))
            return
        if order["do"] == "train":
            self.words.append((place, {"told": "step", "step": 5, "total": 10, "left": 5.0}))
        told = self.ends(order["folder"], order)
        if told:
            self.words.append((place, told))

    def next(self, seconds: float) -> tuple[int, Told] | None:
        return self.words.popleft() if self.words else None


def contest(
    tmp_path: Path, jobs: Jobs, seconds: float = 0.0, names: str = "abc"
) -> tuple[ArenaFolder, Trainings, list[str], list[Standing]]:
    folder = ArenaFolder(tmp_path, {})
    folder.keep(amount=100.0, seconds=0.0, entrants=[Entrant(name, f"runs/{name}").to_dict() for name in names])
    said: list[str] = []
    stood: list[Standing] = []
    watch = ArenaWatch(line=said.append, warn=said.append, standing=stood.append)
    return folder, Trainings(folder, jobs, watch, lambda: seconds, "deepwright arena"), said, stood  # type: ignore[arg-type]


def test_as_many_at_a_time_as_there_are_jobs_and_each_says_how_far_it_is(tmp_path: Path) -> None:
    jobs = Jobs(2, lambda folder, _: TRAINED)
    folder, trainings, said, stood = contest(tmp_path, jobs)
    trainings.train()
    assert [place for place, _ in jobs.sent] == [0, 1, 0]
    assert [(one.state, one.processor) for one in folder.entrants] == [("trained", 9.5)] * 3
    assert "a: trained in 10 s, 10 s of processor time: runs/a" in said
    assert stood[0].running["a"] == (0.5, 5.0)
    assert ArenaFolder.load(tmp_path).entrants == folder.entrants, "all of it is on the disk"


@pytest.mark.parametrize(
    "told",
    [{"told": "failed", "reason": "The loss left for good."}, {"told": "gone", "reason": "Its process was killed."}],
)
def test_a_family_that_fails_is_told_of_and_the_others_go_on(tmp_path: Path, told: Told) -> None:
    jobs = Jobs(2, lambda folder, _: told if folder == "runs/b" else TRAINED)
    folder, trainings, said, _ = contest(tmp_path, jobs)
    trainings.train()
    assert [one.state for one in folder.entrants] == ["trained", "failed", "trained"]
    assert folder.entrants[1].reason == told["reason"]
    assert f"b takes no further part: {told['reason']}" in said


def test_a_stop_lets_trainings_keep_what_is_there_and_says_how_to_go_on(tmp_path: Path) -> None:
    def ends(folder: str, _: Told) -> Told:
        if folder == "runs/b":
            signal.raise_signal(signal.SIGINT)  # while a is over and b is under way
        return TRAINED if folder == "runs/a" else {}

    jobs = Jobs(1, ends)
    folder, trainings, *_ = contest(tmp_path, jobs)
    with pytest.raises(Interrupted) as stopped:
        trainings.train()
    assert str(stopped.value) == (
        f"Stopped; nothing is lost: a is trained; b and c go on where they are. Go on with: deepwright resume {tmp_path}"
    )
    assert jobs.sent[-1] == (0, {"stop": True})
    assert [(one.state, one.processor) for one in folder.entrants] == [
        ("trained", 9.5),
        ("waiting", 9.5),
        ("waiting", 0.0),
    ]
    jobs.ends = lambda *_: TRAINED
    Trainings(folder, jobs, ArenaWatch(), lambda: 0.0, "").train()  # type: ignore[arg-type]
    assert [(one.state, one.processor) for one in folder.entrants] == [
        ("trained", 9.5),
        ("trained", 19.0),
        ("trained", 9.5),
    ]


def test_a_full_disk_says_that_what_was_saved_is_kept(tmp_path: Path) -> None:
    _, trainings, *_ = contest(
        tmp_path, Jobs(1, lambda *_: {"told": "disk", "reason": "Cannot write x: the disk is full"})
    )
    with pytest.raises(DiskError, match="Cannot write x: the disk is full"):
        trainings.train()


@pytest.mark.parametrize(("used", "more"), [(0.0, 2000), (85.0, 1000), (93.0, 500), (98.5, None)])
def test_more_creations_are_compared_where_there_is_time(tmp_path: Path, used: float, more: int | None) -> None:
    """Two families on one job, each of which takes 0.1 s to make its first creations and 0.4 s to measure them."""

    def ends(_: str, order: Told) -> Told:
        if order["do"] == "train":
            return TRAINED
        return {"told": "compared", "found": {"all": False, "seconds": {"making": 0.1, "all": 0.5}}}

    jobs = Jobs(1, ends)
    _, trainings, *_ = contest(tmp_path, jobs, used, "ab")
    trainings.train()
    trainings.compare()
    compared = [order["most"] for _, order in jobs.sent if order["do"] == "compare"]
    assert compared == [FIRST, FIRST, *([] if more is None else [more, more])]


def test_nothing_more_is_compared_where_all_held_out_examples_were(tmp_path: Path) -> None:
    found = {"told": "compared", "found": {"all": True, "seconds": {"making": 0.0, "all": 0.0}}}
    jobs = Jobs(2, lambda _, order: TRAINED if order["do"] == "train" else found)
    folder, trainings, *_ = contest(tmp_path, jobs)
    trainings.train()
    trainings.compare()
    assert sum(order["do"] == "compare" for _, order in jobs.sent) == 3
    assert all(one.compared for one in folder.entrants)


def test_a_tenth_of_the_budget_is_for_comparing_and_seconds_a_family_at_least() -> None:
    assert reserve(600.0, 2) == 60.0
    assert reserve(20.0, 2) == 11.0
