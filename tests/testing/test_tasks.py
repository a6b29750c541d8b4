"""Every registered task, on every sample of targets that suits it, with each of its options."""

from collections.abc import Callable

import pytest

import deepwright.tasks  # noqa: F401  registers the kinds
from deepwright import registries
from deepwright.testing import samples, tasks
from deepwright.testing.settings import check_settings

FRAMES = list(samples.targets().values())
ANSWERING = [kind for kind in registries.tasks if kind.learns == "target"]
CASES = [case for kind in ANSWERING for case in tasks.cases(kind, FRAMES)]


@pytest.mark.parametrize("kind", ANSWERING, ids=lambda kind: kind.__name__)
def test_a_task_has_settings_and_knows_its_targets(kind: type) -> None:
    check_settings(kind)
    tasks.check_suits(kind, FRAMES)
    assert any(isinstance(case.settings, kind) for case in CASES), "give deepwright.testing.samples targets of its kind"


@pytest.mark.parametrize("kind", [kind for kind in registries.tasks if kind.learns == "inputs"])
def test_a_task_that_creates_has_settings_and_suits_no_target(kind: type) -> None:
    check_settings(kind)
    assert all(kind.suits(frame) is None for frame in FRAMES)


@pytest.mark.parametrize("check", tasks.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_task_keeps_its_promises(case: tasks.Case, check: Callable[[tasks.Case], None]) -> None:
    check(case)
