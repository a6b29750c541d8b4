"""The journal of a run, events.jsonl: one event a line.

Each line is handed to the system as one write when the event happens, so that a killed process loses none. Before every
checkpoint the file is synced: after a power cut the journal holds at least what the newest checkpoint builds on. What lies
behind that may be cut short or torn; a resumed training drops it and tells it again.
"""

import contextlib
import io
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deepwright.core.files import make_folder, place_errors, sync_file, sync_folder, write_text
from deepwright.training.events import Event, to_dict

__all__ = ["Journal", "parse"]


def parse(text: str) -> tuple[list[dict[str, Any]], bool]:
    """The events up to the first whole line that holds none, and whether there is such a line."""
    events: list[dict[str, Any]] = []
    for line in text.split("\n")[:-1]:
        try:
            event = json.loads(line)
            if not isinstance(event["event"], str) or not isinstance(event["step"], int):
                raise ValueError("no event")
        except (ValueError, LookupError, TypeError):
            return events, True
        events.append(event)
    return events, False


class Journal:
    """Appends to a run's events and reads them back."""

    def __init__(self, folder: Path):
        self.path = folder / "events.jsonl"
        self.lines = 0  # known after `read` or `keep`
        self._synced_name = False

    def read(self) -> list[dict[str, Any]]:
        """All events up to the first line that is torn."""
        with contextlib.suppress(FileNotFoundError):
            events = parse(self.path.read_bytes().decode("utf-8", errors="replace"))[0]
            self.lines = len(events)
            return events
        self.lines = 0
        return []

    def keep(self, events: Sequence[dict[str, Any]]) -> None:
        """Replace the journal by these events.

        Raises:
            DiskError: it cannot be written; then it is as it was.
        """
        write_text(self.path, "".join(json.dumps(event) + "\n" for event in events))
        self.lines = len(events)

    def append(self, event: Event) -> None:
        """Add one event.

        Raises:
            DiskError: it cannot be written.
        """
        line = json.dumps(to_dict(event), allow_nan=False, default=float) + "\n"
        with place_errors(self.path):
            make_folder(self.path.parent)
            with open(self.path, "a+b", buffering=0) as file:
                before = _end_of_lines(file)
                try:
                    _write_all(file.write, line.encode())
                except OSError:
                    with contextlib.suppress(OSError):
                        file.truncate(before)
                    raise
        self.lines += 1

    def sync(self) -> None:
        """Put what was appended where no power cut can take it.

        Raises:
            DiskError: the disk reported a fault.
        """
        with place_errors(self.path):
            sync_file(self.path)
            if not self._synced_name:
                sync_folder(self.path.parent)
                self._synced_name = True


def _end_of_lines(file: io.FileIO) -> int:
    """Where the next line begins. What a crash has left of a line is dropped: a line behind it would be lost with it."""
    end = place = file.seek(0, os.SEEK_END)
    while place:
        start = max(0, place - 4096)
        file.seek(start)
        found = file.read(place - start).rfind(b"\n")
        if found >= 0:
            place = start + found + 1
            break
        place = start
    if place < end:
        file.truncate(place)
        file.seek(place)
    return place


def _write_all(write: Callable[[bytes], int | None], data: bytes) -> None:
    """A full disk may take a part of a line before it refuses the rest."""
    while data:
        data = data[write(data) or 0 :]
