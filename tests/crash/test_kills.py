"""SIGKILL at any instant: what is resumed comes to the same bits as what was never stopped. The long one: -m tests.crash."""

import random
from pathlib import Path

import pytest

from deepwright import registries
from deepwright.core.errors import InputError
from deepwright.testing.settings import check_sentence
from tests.crash.families import PICTURE, Family, creating, families, family, pairs, why_not
from tests.crash.lives import killed, reference
from tests.crash.server import Server
from tests.crash.situations import situations


@pytest.mark.parametrize(("model", "objective"), pairs())
def test_killed_and_resumed(crash_server: Server, tmp_path: Path, model: str, objective: str) -> None:
    found = family(model, objective)
    if found is None:
        reason = why_not(model, objective)
        assert isinstance(reason, InputError)
        check_sentence(reason)
        return
    check(crash_server, found, tmp_path)


def check(server: Server, found: Family, folder: Path) -> None:
    """One variant of the family, killed a few times."""
    chance = random.Random(f"{found.model} {found.objective}")
    known = reference(server, found, chance.choice(found.variants()), folder / "whole")
    phases, differing = killed(server, known, folder / "killed", chance)
    assert not differing, "\n".join([f"{known.variant.name}, killed in {phases}", *differing])


def test_codes_of_pictures_and_what_comes_next_are_resumed_together(crash_server: Server, tmp_path: Path) -> None:
    found = family("autoregressive", "autoregressive", PICTURE)
    assert found is not None
    check(crash_server, found, tmp_path)


def test_every_model_and_objective_belongs_to_a_family() -> None:
    found = list(families())
    assert {one.model for one in found} == set(registries.models.kinds)
    assert {one.objective for one in found} == set(registries.objectives.kinds)
    assert {one.model for one in found if one.inputs == PICTURE} >= {model for model, _ in creating()}
    assert len({one.name for one in found}) == len(found)


def test_every_situation_is_one_of_some_family() -> None:
    known = family("mlp", "supervised")
    assert known is not None
    assert {one.situation.name for one in known.variants()} == {one.name for one in situations()}
    assert {one.option for one in known.variants()} == set(known.options)
