"""Every registered feature, on every sample column that suits it."""

import pytest

import deepwright.features  # noqa: F401  registers the kinds
from deepwright import registries
from deepwright.testing import features, samples
from deepwright.testing.settings import check_settings

COLUMNS = list(samples.columns().values())
CASES = [case for kind in registries.features for case in features.cases(kind, COLUMNS)]


@pytest.mark.parametrize("kind", list(registries.features), ids=registries.features.kinds)
def test_a_feature_has_settings_and_knows_its_columns(kind: type) -> None:
    check_settings(kind)
    features.check_suits(kind, COLUMNS)
    assert any(isinstance(case.settings, kind) for case in CASES), (
        "give deepwright.testing.samples a column of its kind"
    )


@pytest.mark.parametrize("check", features.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_feature_keeps_its_promises(case: features.Case, check: object) -> None:
    check(case)  # type: ignore[operator]
