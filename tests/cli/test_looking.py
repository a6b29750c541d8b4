"""Looking on at long answers: nothing where it is quick, a line with the time that is left where it is not."""

import pytest

from deepwright.cli import looking, progress
from deepwright.core.telling import tell


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(looking.time, "monotonic", lambda: now[0])
    return now


def test_what_is_left_is_told_once_there_is_something_to_wait_for(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, float, str]] = []
    monkeypatch.setattr(progress.Progress, "part", lambda self, *one: shown.append(one))
    with looking.looking_on(quiet=True):
        tell("answering", 0, 400)
        clock[0] += 0.5
        tell("answering", 20, 400)
        assert shown == []
        clock[0] += 1.5
        tell("answering", 100, 400)
    assert shown == [("answering", 0.25, "100 of 400; 6 s left")]
