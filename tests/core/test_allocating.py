"""Freed memory goes back to the system at once, where that is asked for."""

import os
import platform
import subprocess
import sys

import pytest

from deepwright.core.allocating import choose_allocating

HOLES = """
import sys
import numpy as np
from deepwright.core.allocating import returned_at_once
from deepwright.core.memory import resident
from contextlib import ExitStack
held = ExitStack()
if sys.argv[1] != "no":
    held.enter_context(returned_at_once())
    with returned_at_once():
        pass
if sys.argv[1] == "before":
    held.close()
before = np.ones(1 << 19)
del before  # glibc learns from it that pieces of this size are worth keeping
began, pieces, between = resident(), [], []
for _ in range(40):
    pieces.append(np.ones(400_000))
    between.append(bytes(2000))
del pieces
print((resident() - began) // 1_000_000)
"""


def left(asked: str) -> int:
    """MB that stay after 128 MB were freed, with little pieces in between that are still in use."""
    done = subprocess.run([sys.executable, "-c", HOLES, asked], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc only")
def test_large_pieces_go_back_although_small_ones_lie_between() -> None:
    assert left("no") > 60, "else there is nothing to mend"
    assert left("yes") < 20, "also after another's end"
    assert left("before") > 60, "steps of training find their pieces again"


def test_what_a_person_chose_for_polars_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("_RJEM_MALLOC_CONF", raising=False)
    choose_allocating()
    assert "dirty_decay_ms:0" in os.environ["_RJEM_MALLOC_CONF"]
    monkeypatch.setenv("_RJEM_MALLOC_CONF", "narenas:1")
    choose_allocating()
    assert os.environ["_RJEM_MALLOC_CONF"] == "narenas:1"
