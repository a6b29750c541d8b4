"""Progress: a line every ten seconds without a terminal, a bar on one, a live bar in a notebook."""

import html
import io
import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from deepwright.cli import progress as module
from deepwright.cli.progress import Progress, duration
from deepwright.training.events import Planned, Stepped, Stopped, Validated
from deepwright.verbs.arena.watching import Standing as Families
from deepwright.verbs.tune.settings import Standing


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def told(progress: Progress) -> None:
    progress.tell("reading")
    progress.line("Run runs/cars-1: mlp on 3 inputs.")
    progress.event(Planned(0, 200, 0.0, 0.0))
    progress.event(Stepped(50, 200, 5.0, 0.7, 75.0))
    progress.event(Validated(50, 200, 5.0, {"rmse": 3.25}, True))
    progress.event(Stepped(100, 200, 10.0, 0.5, 50.0))


def test_how_far_a_tune_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.01)
    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        progress.standing(Standing("trials", 7, 4, 1, 2, 3, 50, 0.25, "rmse", (0.4125, 3), 380.0))
        lines = lines_of(stream, "tri")
    assert (
        " 25% of 50 trials: 7 done, 4 given up, 1 failed, 2 running, 3 paused; best rmse 0.4125 (trial 3); at most 6:20 min left"
        in lines
    )


def test_how_far_the_families_of_an_arena_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.01)
    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        progress.families(Families({"gan": (0.5, 60.0), "vae": (0.0, None)}, 0.125, 500.0))
        assert " 12% gan 50% (60 s left), vae 0%; all in at most 8:20 min" in lines_of(stream, "gan")


def lines_of(stream: io.StringIO, wanted: str) -> list[str]:
    """The lines written, as soon as one of them has `wanted`."""
    until = time.monotonic() + 10
    while wanted not in stream.getvalue() and time.monotonic() < until:
        time.sleep(0.005)
    return stream.getvalue().splitlines()


def test_plain_lines_come_by_the_clock_even_when_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.01)
    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        progress.tell("reading")
        assert "reading" in lines_of(stream, "reading")
        told(progress)
        line = " 50% step 100 of 200, loss 0.5, validation rmse 3.25, 50 s left"
        assert line in lines_of(stream, line)
    count = len(stream.getvalue().splitlines())
    time.sleep(0.05)
    assert len(stream.getvalue().splitlines()) == count, "nothing more is said at the end"
    assert "\r" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_the_same_line_comes_again_but_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.005)
    monkeypatch.setattr(module, "AGAIN", 4)
    stream, began = io.StringIO(), time.monotonic()
    with Progress(stream=stream) as progress:
        progress.tell("reading")
        count = lines_of(stream, "reading\nreading").count("reading")
        ticks = (time.monotonic() - began) / 0.005
    assert 2 <= count <= 1 + ticks / 4


def test_ten_seconds_lie_between_two_lines() -> None:
    assert module.EVERY == 10.0
    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        told(progress)
        progress.event(Stopped(200, 200, 20.0, "budget"))
    assert stream.getvalue().splitlines() == [
        "Run runs/cars-1: mlp on 3 inputs.",
        "Trained 200 steps in 20 s: the budget is used up; best validation rmse 3.25.",
    ]


def test_a_terminal_gets_a_bar_that_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    with Progress(stream=stream) as progress:
        told(progress)
        assert lines_of(stream, "step 100 of 200")
        progress.tell("[odd] words")
        assert lines_of(stream, "[odd] words")
    assert "━" in stream.getvalue()
    assert "step 100 of 200" in stream.getvalue()
    assert "Run runs/cars-1: mlp on 3 inputs." in stream.getvalue()
    assert "[odd] words" in stream.getvalue()
    assert "\x1b[?25h" in stream.getvalue(), "the cursor is shown again"


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    written = {}
    for name, value in (("coloured", None), ("plain", "1")):
        monkeypatch.delenv("NO_COLOR", raising=False)
        if value:
            monkeypatch.setenv("NO_COLOR", value)
        stream = Terminal()
        with Progress(stream=stream) as progress:
            told(progress)
        written[name] = stream.getvalue()
    assert "\x1b[38;" in written["coloured"] or "\x1b[3" in written["coloured"]
    assert "\x1b[3" not in written["plain"]


def test_quiet_says_nothing() -> None:
    stream = Terminal()
    with Progress(quiet=True, stream=stream) as progress:
        told(progress)
    assert stream.getvalue() == ""


def test_a_notebook_gets_one_live_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    handle = SimpleNamespace(update=shown.append)
    display: Any = ModuleType("IPython.display")
    display.display, display.HTML = lambda first, display_id: handle, str
    shell: Any = ModuleType("IPython")
    shell.get_ipython, shell.display = lambda: SimpleNamespace(kernel=object()), display
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    with Progress() as progress:
        progress.event(Planned(0, 200, 0.0, 0.0))
        progress.event(Stepped(200, 200, 5.0, 0.7, 0.0))
        progress.line("Trained.")
    assert capsys.readouterr() == ("Trained.\n", "")
    assert any(text.startswith('<progress max="1" value="1.000"') for text in shown)
    assert any(html.escape("step 200 of 200") in text for text in shown)
    assert shown[-1] == ""


def test_durations_in_words() -> None:
    assert [duration(s) for s in (0, 42.4, 200, 7300)] == ["0 s", "42 s", "3:20 min", "2:01 h"]


def test_the_plan_says_when_the_weights_are_ready_and_the_range_of_the_end_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module.time, "time", lambda: 1_000_000.0)
    choices = {"threads": 2, "validations": 4, "validation_seconds": 300.0}
    ready = module.time.strftime("%H:%M", module.time.localtime(1_000_000.0 + 2400 + 1200))
    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        progress.event(Planned(0, 200_000, 0.0, 0.012, choices))
        progress.event(Validated(100_000, 200_000, 9.0, {"rmse": 3.25}, True, 5.0, (3.0, 3.2, 9)))
        progress.event(Stepped(100_000, 200_000, 5.0, 0.5, 50.0))
        assert progress._face._newest.endswith("validation rmse 3.25, at the end 3 to 3.2 (from 9), 50 s left")
    assert stream.getvalue().splitlines() == [
        f"Plan: 200,000 steps, 12 ms each with 2 threads; the weights are ready at about {ready}."
    ]
