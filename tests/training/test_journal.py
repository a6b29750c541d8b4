"""The journal: what a killed process or a full disk leaves of it."""

import errno
import os

import pytest

from deepwright.core.errors import DiskError
from deepwright.training import journal as module
from deepwright.training.events import Saved
from deepwright.training.journal import Journal, parse

LINES = [f'{{"event": "saved", "step": {step}, "seconds": 1.0}}' for step in range(3)]


@pytest.mark.parametrize(
    ("text", "known", "harmed"),
    [
        ("", 0, False),
        ("\n".join([*LINES, ""]), 3, False),
        ("\n".join([*LINES, LINES[0][:20]]), 3, False),
        ("\n".join([LINES[0], LINES[1][:20], LINES[2], ""]), 1, True),
        ("\n".join([LINES[0], "[1, 2]", ""]), 1, True),
        ("\n".join([LINES[0], '{"event": "saved", "step": "x"}', ""]), 1, True),
        (LINES[0] + "\n" + "\0" * 40, 1, False),
    ],
)
def test_events_up_to_the_first_line_that_is_none(text, known, harmed):
    events, broken = parse(text)
    assert ([event["step"] for event in events], broken) == (list(range(known)), harmed)


def test_lines_are_counted_kept_and_appended(tmp_path):
    journal = Journal(tmp_path)
    assert journal.read() == []
    for step in range(3):
        journal.append(Saved(step, 0.1))
    journal.sync()
    assert journal.lines == 3
    with open(journal.path, "a") as file:
        file.write('{"event": "sav')
    again = Journal(tmp_path)
    events = again.read()
    assert (len(events), again.lines) == (3, 3)
    again.keep(events[:2])
    again.append(Saved(7, 0.2))
    assert [event["step"] for event in Journal(tmp_path).read()] == [0, 1, 7]
    assert again.lines == 3


@pytest.mark.parametrize("left", ['{"event": "sav', "x" * 10_000, "\0" * 40])
@pytest.mark.parametrize("whole", [0, 2])
def test_a_line_that_was_cut_short_is_replaced_by_the_next(tmp_path, left, whole):
    journal = Journal(tmp_path)
    for step in range(whole):
        journal.append(Saved(step, 0.1))
    with open(journal.path, "a") as file:
        file.write(left)
    Journal(tmp_path).append(Saved(7, 0.2))
    events, harmed = parse(journal.path.read_text())
    assert ([event["step"] for event in events], harmed) == ([*range(whole), 7], False)


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    journal = Journal(tmp_path)
    journal.append(Saved(1, 0.1))
    before = journal.path.read_bytes()

    def half(write, data):
        write(data[:9])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "_write_all", half)
    with pytest.raises(DiskError, match="disk is full"):
        journal.append(Saved(2, 0.1))
    assert journal.path.read_bytes() == before
    assert journal.lines == 1
