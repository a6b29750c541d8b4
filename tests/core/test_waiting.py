"""How compute threads wait is chosen once, from what the cores have to do."""

import os

import pytest

from deepwright.core import waiting

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Sets how many processes want to run; the environment says nothing of waiting, and is restored afterwards."""
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that what the call sets is taken back
        monkeypatch.delenv(name)
    monkeypatch.setattr(waiting, "_LOAD", tmp_path / "loadavg")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return (tmp_path / "loadavg").write_text


@pytest.mark.parametrize(("running", "crowded"), [("1", False), ("2", False), ("3", True), ("90", True)])
def test_more_that_wants_to_run_than_cores_is_a_crowd(load, running, crowded):
    load(f"0.10 0.20 0.30 {running}/162 4711\n")
    assert waiting.crowded() == crowded


@pytest.mark.parametrize("content", ["", "0.1 0.2", "a b c d e", None])
def test_a_system_that_does_not_tell_counts_as_crowded(load, content):
    if content is not None:
        load(content)
    assert waiting.crowded()


def test_free_cores_are_waited_on_awake_for_a_moment(load):
    load("0.10 0.20 0.30 1/162 4711\n")
    waiting.choose_waiting()
    assert 0 < int(os.environ["GOMP_SPINCOUNT"]) < 300_000
    assert "OMP_WAIT_POLICY" not in os.environ


def test_busy_cores_are_waited_on_asleep(load):
    load("9.10 9.20 9.30 9/162 4711\n")
    waiting.choose_waiting()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert "GOMP_SPINCOUNT" not in os.environ


@pytest.mark.parametrize("name", NAMES)
def test_what_the_person_said_is_left_alone(load, monkeypatch, name):
    load("0.10 0.20 0.30 1/162 4711\n")
    monkeypatch.setenv(name, "7")
    waiting.choose_waiting()
    assert {known: os.environ[known] for known in NAMES if known in os.environ} == {name: "7"}
