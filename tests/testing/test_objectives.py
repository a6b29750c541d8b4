"""Every registered objective, with every model and set of inputs it can be bound to, with each of its options."""

from collections.abc import Callable

import pytest

import deepwright.models
import deepwright.objectives  # noqa: F401  registers the kinds
from deepwright import registries
from deepwright.testing import objectives
from deepwright.testing.settings import check_settings, variants

CASES = [case for kind in registries.objectives for case in objectives.cases(kind, list(registries.models))]


@pytest.mark.parametrize("kind", list(registries.objectives), ids=registries.objectives.kinds)
def test_an_objective_has_settings_that_can_be_used(kind: type) -> None:
    check_settings(kind)
    for settings in (kind(), *variants(kind())):
        assert any(case.settings == settings for case in CASES), f"{settings} can be bound to no model"


@pytest.mark.parametrize("check", objectives.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_objective_keeps_its_promises(case: objectives.Case, check: Callable[[objectives.Case], None]) -> None:
    check(case)
