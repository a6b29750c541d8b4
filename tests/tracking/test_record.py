"""What trackers are told: each step once, in order, in every life of a run; and that a tracker that fails harms nothing."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from deepwright.core.errors import Interrupted
from deepwright.tracking import Row, Tracker, Tracking, Writer, flat, report_figures
from deepwright.tracking.record import EVERY
from deepwright.training.events import Event, Kept, Planned, Resumed, RolledBack, Saved, Started, Stepped, Validated
from deepwright.training.journal import Journal


class Fake(Tracker):
    """Keeps what it is told; fails where it is said."""

    kind: Literal["fake"] = "fake"
    fails: str = ""
    told: int = -1

    def check(self) -> None: ...

    def begin(self, about: Any) -> "FakeWriter":
        return FakeWriter(self, about)


class Other(Fake):
    """Another one."""

    kind: Literal["other"] = "other"  # type: ignore[assignment]


LAST: dict[str, "FakeWriter"] = {}


class FakeWriter(Writer):
    def __init__(self, settings: Fake, about: Any):
        self._fails, self.told, self.about = settings.fails, settings.told, about
        self.identity = {"run": "a1"}
        self.rows: list[Row] = []
        self.writings, self.settings, self.end = 0, {}, None
        self._fail("begin")
        LAST[settings.kind] = self

    def _fail(self, place: str) -> None:
        if self._fails == place:
            raise ConnectionError(f"no way to {place}\nand much more")

    def describe(self, settings: Any) -> None:
        self._fail("describe")
        self.settings = settings

    def write(self, rows: Any) -> None:
        self._fail("write")
        self.writings += 1
        self.rows += rows

    def finish(self, state: Any, figures: Any, report: Any) -> None:
        self._fail("finish")
        self.end = (state, figures, report)


def stepped(step: int, loss: float = 1.0, **logs: float) -> Stepped:
    return Stepped(step, 100, float(step), loss, 0.0, logs, 0.01)


def validated(step: int, **figures: float) -> Validated:
    return Validated(step, 100, float(step), figures, True, step / 10)


LIFE: list[Event] = [
    Planned(0, 100, 0.0, 0.01), Started(0, 100, 0.0), stepped(5, 2.0), stepped(10, 1.5, accuracy=0.4),
    validated(10, loss=1.7), Saved(12, 12.0), RolledBack(15, 100, 15.0, 10, "the loss is nan", 0.5),
    stepped(20, 1.2), validated(20, loss=1.4), Kept(20, 20.0),
]  # fmt: skip
ROWS = [
    (5, {"train/loss": 2.0, "train/learning_rate": 0.01}),
    (10, {"train/loss": 1.5, "train/learning_rate": 0.01, "train/accuracy": 0.4, "epoch": 1.0, "validation/loss": 1.7}),
    (15, {"train/rolled_back_to_step": 10}),
    (20, {"train/loss": 1.2, "train/learning_rate": 0.01, "epoch": 2.0, "validation/loss": 1.4}),
]


class Told:
    """A run's trackers beside its journal."""

    def __init__(self, folder: Path, *trackers: Fake):
        self.folder, self.warnings, self.now = folder, [], 0.0
        self.journal = Journal(folder)
        self.tracking = Tracking(
            folder, trackers, lambda: {"seed": 3, "train": {"batch": 8}}, self.warnings.append, lambda: self.now
        )

    def __call__(self, *events: Event) -> None:
        for event in events:
            self.journal.append(event)
            self.tracking.event(event)


def rows(kind: str = "fake") -> list[tuple[int, dict[str, float]]]:
    return [(row.step, dict(row.figures)) for row in LAST[kind].rows]


def test_events_become_rows_one_a_step(tmp_path: Path) -> None:
    told = Told(tmp_path, Fake())
    with told.tracking.running():
        told(*LIFE)
    assert rows() == ROWS
    assert LAST["fake"].settings == {"seed": 3, "train.batch": 8}
    assert LAST["fake"].end == ("finished", {}, None)
    times = [row.time for row in LAST["fake"].rows]
    assert [time - times[0] for time in times] == pytest.approx([0.0, 5.0, 10.0, 15.0])


@pytest.mark.parametrize("known", [-1, 5, 10])
def test_a_later_life_tells_what_is_missing_and_nothing_twice(tmp_path: Path, known: int) -> None:
    """The tracker has heard up to `known`; the newest checkpoint is of step 7, so that steps 8 to 20 come again."""
    first = Told(tmp_path, Fake())
    with first.tracking.running():
        first(*LIFE[:5])
    again = Told(tmp_path, Fake(told=known))
    again.journal.keep([event for event in again.journal.read() if event["step"] <= 7])
    with again.tracking.running():
        again(Resumed(7, 100, 7.0), *LIFE[3:])
    assert rows() == [row for row in ROWS if row[0] > known]
    assert LAST["fake"].about.known == {"run": "a1"}


def test_figures_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    told = Told(tmp_path, Fake())
    with told.tracking.running():
        told(LIFE[0], Stepped(3, 9, 0.0, 1.0, 0.0, {"accuracy": None}, 0.1), validated(3, auc=None))  # type: ignore[arg-type, dict-item]
    assert rows() == [(3, {"train/loss": 1.0, "train/learning_rate": 0.1, "epoch": 0.3})]


def test_writing_is_seldom_and_rarer_where_it_takes_long(tmp_path: Path) -> None:
    told = Told(tmp_path, Fake())
    usual = FakeWriter.write

    def slow(self: FakeWriter, new: Any) -> None:
        told.now += 1.0
        usual(self, new)

    with pytest.MonkeyPatch.context() as patch, told.tracking.running():
        patch.setattr(FakeWriter, "write", slow)
        told(LIFE[0])
        writings = []
        for step in range(1, 120):
            told.now += 1.0
            told(stepped(step))
            writings.append(LAST["fake"].writings)
    assert writings[1] == 1  # at once at first
    assert writings[40] == 1  # 50 s later again, since it took one
    assert writings[60] == 2
    assert EVERY <= 50


@pytest.mark.parametrize("place", ["begin", "describe", "write", "finish"])
def test_a_tracker_that_fails_is_left_out_with_one_warning(tmp_path: Path, place: str) -> None:
    LAST.clear()
    told = Told(tmp_path, Fake(fails=place), Other())
    with told.tracking.running():
        told(*LIFE)
    assert rows("other") == ROWS
    (warning,) = told.warnings
    assert warning == (f"The tracker 'fake' failed and is left out from here on (no way to {place}). Training goes on.")


@pytest.mark.parametrize(
    ("error", "state"),
    [(KeyboardInterrupt(), "interrupted"), (Interrupted("x"), "interrupted"), (ValueError(), "failed")],
)
def test_how_it_ended_is_told(tmp_path: Path, error: BaseException, state: str) -> None:
    told = Told(tmp_path, Fake())

    def train() -> None:
        with told.tracking.running():
            told(*LIFE[:4])
            raise error

    with pytest.raises(type(error)):
        train()
    assert LAST["fake"].end[0] == state
    assert rows() == [ROWS[0], (10, {k: v for k, v in ROWS[1][1].items() if k.startswith("train")})]


def test_figures_and_report_of_a_run_that_only_lacked_them(tmp_path: Path) -> None:
    told = Told(tmp_path, Fake())
    for event in LIFE:
        told.journal.append(event)
    with told.tracking.running():
        told.tracking.close("finished", {"test/rmse": 2.0}, tmp_path / "report.html")
    assert rows() == ROWS
    assert LAST["fake"].end == ("finished", {"test/rmse": 2.0}, tmp_path / "report.html")


def test_without_trackers_nothing_is_written(tmp_path: Path) -> None:
    told = Told(tmp_path)
    with told.tracking.running():
        told(*LIFE)
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]


def test_settings_are_flat() -> None:
    nested = {
        "a": 1, "b": {"c": [1, 2], "d": {}, "e": None, "f": []}, "g": [{"kind": "x", "n": 2}, {"kind": "y"}], "h": True,
    }  # fmt: skip
    assert flat(nested) == {"a": 1, "b.c": "1, 2", "g.0.kind": "x", "g.0.n": 2, "g.1.kind": "y", "h": True}


def test_figures_of_reports() -> None:
    part = {"value": 1.0, "low": 0.5, "high": None}
    evaluated = {"version": 1, "n": 9, "metrics": {"rmse": part}, "baselines": {"linear": {"rmse": part}}}
    assert report_figures(json.loads(json.dumps(evaluated))) == {
        "test/rmse": 1.0, "test/rmse/low": 0.5, "baseline/linear/rmse": 1.0, "baseline/linear/rmse/low": 0.5,
    }  # fmt: skip
    assert report_figures({"version": 1, "steps": 7, "reason": "budget", "done": True}) == {"report/steps": 7.0}
