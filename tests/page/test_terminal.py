"""Reports on terminals of every kind."""

import io
import os
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from deepwright.cli.terminal import plain, render
from deepwright.core.report import Chart, Grid, Headline, Pictures, Report, Series, Text
from tests.page.samples import classification, everything, picture, regression


def printed(report: Report, encoding: str = "utf-8", width: int = 80, **options) -> str:
    """What a console with this encoding shows; a character it lacks is an error."""
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding, errors="strict", newline=""), width=width, **options)
    render(report, console)
    console.file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252", "cp437", "latin-1"])
@pytest.mark.parametrize("width", [20, 60, 120])
def test_every_block_fits_every_console(encoding, width):
    from rich.cells import cell_len

    for report in (regression(), classification(), everything()):
        text = printed(report, encoding, width)
        assert max(cell_len(line) for line in text.splitlines()) <= width


nasty = st.text(alphabet=st.characters(codec=None), max_size=30)


@settings(max_examples=80, deadline=None)
@given(nasty, st.sampled_from(("utf-8", "ascii", "cp1252")))
def test_no_text_steers_the_terminal(text, encoding):
    bars = Series(text, (text, "b"), (1.0, 2.0))
    blocks = (
        Text(text), Text(text, "bad"), Headline(text, text, text), Grid(text, (text,), ((text,), (1,)), text),
        Chart(text, text, "bar", (bars,), text, text),
        Chart(text, text, "line", (Series(text, (1.0, 2.0), (1.0, 2.0)),)),
        Chart(text, text, "heat", matrix=((1.0,),), x_names=(text,), y_names=(text,)),
        Pictures(text, (text,), (text,), (text,)),
    )  # fmt: skip
    out = printed(Report("v", text, {}, blocks), encoding)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", out)


def test_markup_in_a_cell_is_text():
    out = printed(
        Report("v", "t", {}, (Text("[red]a[/red] :smile: [/]"), Grid("g", ("[b]",), (("[link=x]y[/link]",),))))
    )
    for text in ("[red]a[/red] :smile: [/]", "[b]", "[link=x]y[/link]"):
        assert text in out


def test_headlines_come_first():
    out = printed(Report("v", "Title", {}, (Text("later"), Headline("MAE", "12.3", "95 %: 12 to 13"))))
    assert out.index("Title") < out.index("12.3") < out.index("later")


def test_tones_are_told_without_colour():
    out = printed(
        Report("v", "t", {}, (Text("fine", "good"), Text("mind", "warning"), Text("wrong", "bad"))), no_color=True
    )
    assert [line for line in out.splitlines() if line[2:] in ("fine", "mind", "wrong")] == [
        "✓ fine",
        "! mind",
        "✗ wrong",
    ]


def test_columns_that_do_not_fit_are_named():
    names = tuple(f"column{k}" for k in range(30))
    out = printed(Report("v", "t", {}, (Grid("g", names, (tuple(range(30)),)),)), width=60)
    assert "more columns" in out
    assert "column0" in out


def test_rows_that_are_not_shown_are_counted():
    out = printed(Report("v", "t", {}, (Grid("g", ("a",), tuple((k,) for k in range(1000))),)))
    assert "and 976 more rows" in out


def test_charts_are_told_in_a_line_and_drawn_small():
    line = Chart("Loss", "Loss falls.", "line", (Series("training", (1.0, 2.0, 3.0), (3.0, 2.0, 1.0)),))
    heat = Chart(
        "Confusion", "Few mistakes.", "heat", matrix=((5.0, 1.0), (2.0, 7.0)), x_names=("a", "b"), y_names=("a", "b")
    )
    out = printed(Report("v", "t", {}, (line, heat)))
    assert "Loss falls." in out
    assert "█▅▁ 3 → 1" in out
    assert re.search(r"a +5 +1", out)
    assert "#+_ 3 -> 1" in printed(Report("v", "t", {}, (line,)), "ascii")


@pytest.mark.parametrize("values", [(), (float("nan"),), (5.0, 5.0), (-1.7e308, 1.7e308), (float("inf"), 1.0, 2.0)])
@pytest.mark.parametrize("form", ["line", "step", "scatter", "band", "bar"])
def test_odd_values_are_drawn(form, values):
    names = tuple(float(k) for k in range(len(values)))
    assert "alt" in printed(Report("v", "t", {}, (Chart("c", "alt", form, (Series("s", names, values),)),)))


def test_pictures_are_named_and_never_dumped():
    report = Report(
        "v",
        "t",
        {},
        (Pictures("p", (picture(1),) * 20, ("shoe",) * 20, ("shoe",) * 20), Grid("g", ("a",), ((picture(1),),))),
    )
    out = printed(report)
    assert "- shoe" in out
    assert "8 more pictures" in out
    assert "(picture)" in out
    assert "base64" not in out


def test_signs_that_an_encoding_lacks_are_replaced():
    assert plain("5 – 7 ≤ x² → “y”…", "ascii") == '5 - 7 <= x2 -> "y"...'
    assert plain("5 – 7 €", "cp1252") == "5 – 7 €"
    assert plain("日本", "ascii") == "??"


def test_a_program_with_the_c_locale_prints_everything():
    code = (
        "from rich.console import Console; from deepwright.cli.terminal import render; "
        "from tests.page.samples import everything; render(everything(), Console())"
    )
    env = os.environ | {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "NO_COLOR": "1",
        "PYTHONPATH": os.getcwd(),
    }
    env.pop("PYTHONIOENCODING", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=False)
    assert done.stderr.decode() == ""
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert b"\x1b" not in done.stdout


def test_curves_of_one_chart_share_a_scale():
    """A line that hardly falls must not look like one that falls to the bottom."""
    steep, flat = Series("steep", (0.0, 1.0), (1.0, 0.0)), Series("a flat one", (0.0, 1.0), (1.0, 0.8))
    out = printed(Report("v", "t", {}, (Chart("c", "a", "line", (steep, flat)),)))
    assert "steep      █▁ 1 → 0" in out
    assert "a flat one █▇ 1 → 0.8" in out


def test_sentences_in_tables_are_never_cut():
    """What a kind is, what was decided about a column: the end matters as much as the beginning."""
    sentence = "The first words of a long sentence, and then many more of them until at last the end is reached."
    out = printed(Report("v", "t", {}, (Grid("g", ("column", "what"), (("x1", sentence),)),)))
    assert " ".join(sentence.split()) in " ".join(line.strip().removeprefix("x1").strip() for line in out.splitlines())
    assert "…" in printed(Report("v", "t", {}, (Grid("g", ("column", "what"), (("a", sentence),), raw=True),)))
