"""Every registered task, on every sample of targets that suits it, with each of its options."""

from collections.abc import Callable

import pytest

import deepwright.tasks  # noqa: F401  registers the kinds
from deepwright import registries
from deepwright.testing import samples, tasks
from deepwright.testing.settings import check_settings

FRAMES = list(samples.targets().values())
CASES = [case for kind in registries.tasks for case in tasks.cases(kind, FRAMES)]


@pytest.mark.parametrize("kind", list(registries.tasks), ids=registries.tasks.kinds)
def test_a_task_has_settings_and_knows_its_targets(kind: type) -> None:
    check_settings(kind)
    tasks.check_suits(kind, FRAMES)
    assert any(isinstance(case.settings, kind) for case in CASES), "give deepwright.testing.samples targets of its kind"


@pytest.mark.parametrize("check", tasks.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_task_keeps_its_promises(case: tasks.Case, check: Callable[[tasks.Case], None]) -> None:
    check(case)
