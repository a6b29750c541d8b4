"""One process at a time: who is there is named, who is gone is not waited for."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from deepwright.core import lock
from deepwright.core.errors import RunError
from deepwright.core.lock import Holder, holder, locked
from deepwright.core.processes import alive, birth

OTHER = """
import sys
from pathlib import Path
from deepwright.core.lock import locked
with locked(Path(sys.argv[1]), "deepwright train cars.csv"):
    print("held", flush=True)
    sys.stdin.read()
"""


def claim(folder: Path, **changes: object) -> Path:
    """A claim as another process would leave it."""
    path = folder / "lock-00000000.json"
    path.write_text(json.dumps(asdict(replace(Holder.me(folder, "deepwright resume x"), **changes))))
    return path


def test_the_run_is_held_inside_the_block_only(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert len(list(tmp_path.glob("lock-*.json"))) == 1
        with pytest.raises(RunError, match="by this very process"), locked(tmp_path):
            pass
    assert not list(tmp_path.iterdir())
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_living_holder_is_named_and_a_killed_one_is_not_waited_for(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(RunError) as error, locked(tmp_path):
            pass
        for word in (str(tmp_path), f"process {child.pid}", "since 2", "deepwright train cars.csv", "Wait for it"):
            assert word in str(error.value)
        assert (found := holder(tmp_path)) is not None
        assert found.process == child.pid
    finally:
        child.kill()  # no farewell; its claim stays
    if os.name == "posix":  # a zombie, not yet waited for, is as dead as one that is gone
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not alive(child.pid)
    assert len(list(tmp_path.glob("lock-*.json"))) == 1
    with locked(tmp_path):
        assert (found := holder(tmp_path)) is not None
        assert found.process == os.getpid()
    child.communicate()
    assert not list(tmp_path.iterdir())


def test_a_claim_of_another_machine_is_respected_with_a_way_out(tmp_path: Path) -> None:
    path = claim(tmp_path, host="elsewhere", process=1)
    with pytest.raises(RunError) as error, locked(tmp_path):
        pass
    for word in ("process 1 on elsewhere", f"delete {path}", "deepwright resume x"):
        assert word in str(error.value)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "changes", [{"birth": "of an earlier process with this number"}, {"place": "1:2"}, {"process": 2**22 + 1}]
)
def test_a_claim_that_nobody_stands_behind_is_removed(tmp_path: Path, changes: dict[str, object]) -> None:
    path = claim(tmp_path, **changes)
    with locked(tmp_path):
        assert not path.exists()


def test_a_claim_without_content_is_waited_for_and_then_removed(tmp_path: Path) -> None:
    path = tmp_path / "lock-00000000.json"
    path.write_bytes(b"")
    with pytest.raises(RunError, match="an unknown machine"), locked(tmp_path):
        pass
    os.utime(path, (0, 0))
    with locked(tmp_path):
        assert not path.exists()


def test_of_many_that_ask_at_once_one_at_a_time_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "TRIES", 200)
    inside, most, done = [0], [0], [0]

    def ask() -> None:
        for _ in range(3):
            try:
                with locked(tmp_path):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    done[0] += 1
                    inside[0] -= 1
            except RunError:
                continue

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
    assert done[0] >= 1
    assert not list(tmp_path.iterdir())


def test_a_process_is_known_by_its_birth() -> None:
    assert birth(os.getpid()) == birth(os.getpid()) != birth(1)
    assert alive(os.getpid())
    assert not alive(2**22 + 1)
