"""A budget that leaves no time for steps, or hardly any: it is told of in a sentence, and not spent on measuring."""

from typing import Any

import pytest

from deepwright.training.budget import Budget
from deepwright.training.distributed import Ranks
from deepwright.training.events import Planned
from deepwright.training.pace import Pace
from deepwright.training.settings import Train
from deepwright.verbs import planning
from deepwright.verbs.planning import decide, too_short
from deepwright.verbs.probe import Probed


def planned(budget: str, now: float, step: float, **more: int) -> Pace:
    pace = Pace(Budget.parse(budget), 10.0, lambda: now, **more)
    pace.plan(step, reserve=0.5)
    return pace


@pytest.mark.parametrize("now", [4.4, 6.1])
def test_a_budget_that_is_over_before_the_first_step(now: float) -> None:
    told = too_short(planned("5s", now, 0.2))
    assert told is not None
    assert f"The budget of 5s is too short: starting, reading the data and measuring the pace took {now} s" in told
    assert f"Give at least {10 if now < 5 else 15}s" in told


def test_steps_that_fit_are_no_reason_for_words() -> None:
    assert too_short(planned("5s", 4.0, 0.1)) is None
    assert too_short(planned("1steps", 100.0, 0.1)) is None
    assert too_short(planned("60s", 3.0, 0.1, most=1)) is None, "one step was wanted"


def decided(now: float) -> tuple[dict[str, Any], Planned, list[float]]:
    """Of a budget of 10 s, after so many; and how many epochs were said to be afforded."""
    sized: list[float] = []
    settings = Train.model_validate({"budget": "10s"})
    pace = Pace(settings.budget, 10.0, lambda: now)
    copies: Any = None  # whoever asks for one fails
    return *decide(settings, True, 5000, pace, Ranks(), copies, lambda epochs: sized.append(epochs) is not None), sized


def test_nothing_is_measured_when_the_budget_is_over() -> None:
    choices, plan, sized = decided(14.0)
    assert (plan.total, plan.step_seconds, sized) == (1, 0.0, [0.0])
    assert (choices["threads"], choices["precision"], choices["validation_rows"]) == (1, "float32", 1000)


@pytest.mark.parametrize(("now", "few"), [(8.2, True), (7.0, False)])
def test_settings_are_compared_only_where_there_is_time(monkeypatch: pytest.MonkeyPatch, now: float, few: bool) -> None:
    asked: list[Any] = []

    def probe(copies: Any, precisions: Any, numbers: Any, seconds: float, judge: bool) -> Probed:
        asked.append((precisions, numbers))
        return Probed(1, "float32", 0.01)

    monkeypatch.setattr(planning, "probe", probe)
    monkeypatch.setattr(planning, "counts", lambda: (1, 2))
    _, plan, _ = decided(now)
    assert asked == [(("float32",), (1,)) if few else (("float32", "bfloat16"), (1, 2))]
    assert plan.total > 100
