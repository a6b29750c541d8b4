"""Every registered verb, on small runs of several kinds."""

from collections.abc import Callable
from pathlib import Path

import pytest

import deepwright.verbs.kinds  # noqa: F401  registers the kinds
from deepwright import registries
from deepwright.run import Run
from deepwright.testing import verbs
from deepwright.testing.settings import check_settings

NAMES = (
    "labels from plain columns",
    "a number from pictures",
    "tags from a picture",
    "a rare label",
    "creations",
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    return verbs.sample_runs(tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("kind", list(registries.verbs), ids=registries.verbs.kinds)
def test_a_verb_has_settings_and_a_run_it_fits(kind: type, runs: dict[str, Run], tmp_path: Path) -> None:
    check_settings(kind)
    assert set(NAMES) == set(runs)
    assert any(case.refused() is None for case in verbs.cases(verbs.quick(kind, tmp_path), runs))


@pytest.mark.parametrize("check", verbs.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", list(registries.verbs), ids=registries.verbs.kinds)
def test_a_verb_keeps_its_promises(
    kind: type, name: str, check: Callable[[verbs.Case], None], runs: dict[str, Run], tmp_path: Path
) -> None:
    check(verbs.Case(verbs.quick(kind, tmp_path), runs[name], name))
