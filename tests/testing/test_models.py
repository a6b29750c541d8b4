"""Every registered model, on every set of inputs it takes, with each of its options."""

from collections.abc import Callable

import pytest

import deepwright.models
import deepwright.objectives  # noqa: F401  registers the kinds
from deepwright import registries
from deepwright.testing import models

INPUTS = models.inputs()
CASES = [case for kind in registries.models for case in models.cases(kind, INPUTS)]


@pytest.mark.parametrize("kind", list(registries.models), ids=registries.models.kinds)
def test_a_model_has_settings_and_inputs(kind: type) -> None:
    models.check_kind(kind)
    assert any(isinstance(case.settings, kind) for case in CASES), (
        "give deepwright.testing.models a set of inputs for it"
    )


@pytest.mark.parametrize("check", models.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model_keeps_its_promises(case: models.Case, check: Callable[[models.Case], None]) -> None:
    check(case)
