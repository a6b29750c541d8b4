"""What the report of a tune says about which settings mattered."""

from typing import Any

from deepwright.core.report import Chart, Text
from deepwright.ranges import Real, Whole
from deepwright.verbs.tune.report import Story, tune_report
from deepwright.verbs.tune.study import ENOUGH, Record


def story(done: int, given_up: int, **more: Any) -> Story:
    ranges = {"train.optimizer.lr": Real(1e-4, 0.1, True), "model.depth": Whole(1, 4)}
    records = [
        Record(
            k, "done" if k < done else "pruned", 1.0 / (k + 1), {"train.optimizer.lr": 0.01, "model.depth": 1 + k % 4}
        )
        for k in range(done + given_up)
    ]
    told: dict[str, Any] = {
        "folder": "tune", "run": "run", "primary": "loss", "better": "lower", "ranges": ranges, "settings": {}, "records": records,
        "best": records[0], "default": None, "importance": {}, "comparison": None, "soup": None,
        "about": {"seconds": 1.0, "budget": "1min"}, **more,
    }  # fmt: skip
    return Story(**told)


def texts(told: Story) -> list[str]:
    return [block.text for block in tune_report(told).blocks if isinstance(block, Text)]


def test_too_few_finished_trials_to_say_what_mattered_are_said_to_be() -> None:
    few = "3 trials of 12 came to the end, too few to say what mattered (at least 8): give more --trials, or let all come to their end (--prune none)."
    assert few in texts(story(3, 9))
    assert texts(story(ENOUGH, 4)) == []


def test_what_mattered_is_drawn() -> None:
    told = story(ENOUGH, 0, importance={"model.depth": 0.8, "train.optimizer.lr": 0.2})
    (chart,) = [
        block for block in tune_report(told).blocks if isinstance(block, Chart) and block.title == "What mattered"
    ]
    assert (chart.series[0].x, chart.series[0].y) == (("depth", "lr"), (0.8, 0.2))
