"""SIGKILL at any instant: what is resumed comes to the same bits as what was never stopped. The long one: -m tests.crash."""

import random
from pathlib import Path

import pytest

from deepwright import registries
from deepwright.core.errors import InputError
from deepwright.testing.settings import check_sentence
from tests.crash.families import families, family, pairs, why_not
from tests.crash.lives import killed, reference
from tests.crash.server import Server


@pytest.mark.parametrize(("model", "objective"), pairs())
def test_killed_and_resumed(crash_server: Server, tmp_path: Path, model: str, objective: str) -> None:
    found = family(model, objective)
    if found is None:
        reason = why_not(model, objective)
        assert isinstance(reason, InputError)
        check_sentence(reason)
        return
    known = reference(crash_server, found, found.options[0], tmp_path / "whole")
    chance = random.Random(f"{model} {objective}")
    for number in range(2):
        _, differing = killed(crash_server, known, tmp_path / str(number), chance, at_call=number % 2 == 1)
        assert not differing, "\n".join(differing)


def test_every_model_and_objective_belongs_to_a_family() -> None:
    found = list(families())
    assert {one.model for one in found} == set(registries.models.kinds)
    assert {one.objective for one in found} == set(registries.objectives.kinds)
