"""The probe: picks what is fastest now by the mean, keeps to its seconds, and takes half precision only where it is as good."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from deepwright.training.threads import computing
from deepwright.verbs import probe as probing
from deepwright.verbs.probe import SECONDS, compared, probe, threads_by_work
from tests.training.toys import trainer


@dataclass
class Steps:
    """A trainer whose steps only take time, by a clock of their own."""

    cost: Callable[[int], float]
    mean_loss: float = 1.0
    validation: Any = None
    step: int = 0

    def advance(self) -> None:
        CLOCK[0] += self.cost(self.step)
        self.step += 1


CLOCK = [0.0]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    CLOCK[0] = 0.0
    monkeypatch.setattr(probing.time, "perf_counter", lambda: CLOCK[0])
    with computing(None):
        yield


def by_threads(costs: dict[int, float]) -> Callable[[str], Steps]:
    return lambda precision: Steps(lambda step: costs[torch.get_num_threads()])


@pytest.mark.parametrize(
    ("costs", "best"), [({1: 0.01, 2: 0.006}, 2), ({1: 0.01, 2: 0.17}, 1), ({1: 0.01, 2: 0.0099}, 1), ({1: 0.3, 2: 0.16}, 2)]
)  # fmt: skip
def test_the_fastest_number_of_threads_is_found_within_a_second(costs: dict[int, float], best: int) -> None:
    found = probe(by_threads(costs), ("float32",), (1, 2), SECONDS)
    assert found.threads == torch.get_num_threads() == best
    assert found.step_seconds == pytest.approx(costs[best])
    assert CLOCK[0] < 1.0 or max(costs.values()) > 0.1


def test_rare_long_steps_count() -> None:
    """Beside a neighbour most steps of two threads may be quick, and a few wait for a whole turn of it."""
    cost = lambda step: 0.02 if torch.get_num_threads() == 1 else (0.3 if step % 5 == 4 else 0.005)  # noqa: E731
    assert probe(lambda precision: Steps(cost), ("float32",), (1, 2), SECONDS).threads == 1


@pytest.mark.parametrize(("costs", "number"), [({1: 0.010, 2: 0.009}, 1), ({1: 0.010, 2: 0.006}, 2)])
def test_the_usual_number_stays_unless_another_is_clearly_faster(costs: dict[int, float], number: int) -> None:
    assert probe(by_threads(costs), ("float32",), (1, 2), SECONDS, usual=1).threads == number


def test_a_step_of_seconds_is_not_tried_many_times() -> None:
    found = probe(by_threads({1: 5.0, 2: 3.0}), ("float32",), (1, 2), SECONDS)
    assert found.threads == 2
    assert CLOCK[0] <= 2 * 3.0


def test_many_cores_are_tried_within_the_seconds_too() -> None:
    costs = {count: 0.004 * (1 + abs(count - 8) / 4) for count in (1, 2, 4, 8, 16)}
    assert probe(by_threads(costs), ("float32",), tuple(costs), SECONDS).threads == 8
    assert CLOCK[0] < 1.0


@pytest.mark.parametrize(
    ("cost", "loss", "precision"),
    [(0.006, 1.01, "bfloat16"), (0.0097, 1.0, "float32"), (0.006, 1.1, "float32"), (0.006, float("nan"), "float32")],
)
def test_half_precision_must_be_faster_and_as_good(cost: float, loss: float, precision: str) -> None:
    def make(wanted: str) -> Steps:
        return Steps(lambda step: cost, loss) if wanted == "bfloat16" else Steps(lambda step: 0.010)

    assert probe(make, ("float32", "bfloat16"), (1,), SECONDS).precision == precision


@pytest.mark.parametrize(("cost", "precision"), [(0.3, "bfloat16"), (0.39, "float32")])
def test_half_precision_of_long_steps_is_compared_too(cost: float, precision: str) -> None:
    def make(wanted: str) -> Steps:
        return Steps(lambda step: cost if wanted == "bfloat16" else 0.4)

    found = probe(make, ("float32", "bfloat16"), (1,), SECONDS)
    assert (found.precision, found.step_seconds) == (precision, pytest.approx(0.3 if precision == "bfloat16" else 0.4))
    assert CLOCK[0] < 8 * 0.4


def test_a_comparison_leaves_the_number_of_threads_as_it_is() -> None:
    with computing(2):
        means = compared(Steps(lambda step: {1: 0.01, 2: 0.03}[torch.get_num_threads()]), (1, 2))
        assert torch.get_num_threads() == 2
    assert means == pytest.approx({1: 0.01, 2: 0.03})


def test_a_real_trainer_can_be_probed() -> None:
    found = probe(lambda precision: trainer("supervised", steps=10**6), ("float32",), (1,), 0.0, judge=True)
    assert (found.threads, found.precision) == (1, "float32")
    assert threads_by_work(trainer("supervised")) == 1
