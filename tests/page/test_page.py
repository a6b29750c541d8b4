"""The page as a document: nothing from outside, nothing hostile inside, nothing lost."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.resources import files
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.report import Chart, Grid, Headline, Pictures, Report, Series, Text
from deepwright.page.cells import LONGEST, clean, shorten
from deepwright.page.page import fragment, page
from tests.page.samples import classification, everything, picture, regression

ABOUT = {"Data": "cars.csv", "Target": "price"}
PIXEL = picture(1, 2)


class Elements(HTMLParser):
    """Every element with its attributes, and all text, as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def blocks_of(text: str) -> tuple:
    """One block of each kind with the text wherever a text can stand."""
    line = Series(text, (1.0, 2.0), (1.0, 2.0))
    bars = Series(text, (text, "b"), (1.0, 2.0))
    return (
        Text(text), Text(text, "warning"), Headline(text, text, text),
        Grid(text, (text, "b"), ((text, 1), (None, text)), text),
        Chart(text, text, "line", (line, line), text, text, note=text), Chart(text, text, "bar", (bars,), text, text),
        Chart(text, text, "heat", matrix=((1.0, 2.0),), x_names=(text, text), y_names=(text,),
              x_label=text, y_label=text),
        Pictures(text, (PIXEL, text), (text, text), (text, text), text),
    )  # fmt: skip


def document(text: str) -> str:
    report = Report("v", text, {"version": 1}, blocks_of(text))
    return page(text, [report, report], {text: text})


PLAIN = Elements(document("plain")).elements
nasty = st.one_of(
    st.text(alphabet=st.characters(codec=None), max_size=40),
    st.text(alphabet="<>\"'&;!-/= script\n\u202e\x00", max_size=40),
    st.sampled_from(
        (
            "</script>",
            "</style><script>x()</script>",
            "<!--",
            "]]>",
            '" onload="x()',
            "javascript:x()",
            "&lt;",
            "&#60;b&#62;",
        )
    ),
)


@settings(max_examples=120, deadline=None)
@given(nasty)
def test_no_text_changes_the_elements_of_the_page(text):
    """Whatever stands in names and cells: the same kinds of elements and attributes as with harmless text."""
    html = document(text)
    html.encode("utf-8")
    ElementTree.fromstring(html.partition("\n")[2])
    found = Elements(html)
    kinds = {tag for tag, _ in PLAIN} | {"td", "title", "b", "span", "wbr"}
    attributes = {name for _, attrs in PLAIN for name in attrs} | {"title", "transform"}
    for tag, attrs in found.elements:
        assert tag in kinds
        assert set(attrs) <= attributes, (tag, attrs)
        assert attrs.get("src", "data:image/").startswith("data:image/")
        assert attrs.get("href", "#").startswith(("#", "data:,"))
    assert sum(tag == "script" for tag, _ in found.elements) == 1
    assert sum(tag == "style" for tag, _ in found.elements) == 1


@settings(max_examples=60, deadline=None)
@given(nasty)
def test_a_cell_reads_as_it_was_written(text):
    report = Report("v", "t", {}, (Grid("g", ("a",), ((text,),)),))
    body = ElementTree.fromstring(fragment(report)).find(".//tbody/tr/*")
    expected = clean(text).replace("\r", "\n")
    assert "".join(body.itertext()) == shorten(expected, 1200)


def test_long_names_may_break_after_the_signs_that_join_their_words():
    cell = ElementTree.fromstring(
        fragment(Report("v", "t", {}, (Grid("g", ("a",), (("One_Story_1946_and_Newer",),)),)))
    )
    assert [one.tag for one in cell.find(".//tbody/tr/*")] == ["wbr"] * 4
    short = ElementTree.fromstring(fragment(Report("v", "t", {}, (Grid("g", ("a",), (("Two_Story",),)),))))
    assert len(short.find(".//tbody/tr/*")) == 0


def test_a_line_does_not_end_inside_a_flag():
    text = "If they are amounts: --task regress, or a--b"
    for block in (Grid("g", ("a",), ((text,),)), Text(text), Text(text, "warning")):
        body = ElementTree.fromstring(fragment(Report("v", "t", {}, (block,))))
        assert [one.text for one in body.iter("span") if one.get("class") == "flag"] == ["--task"]
        assert text in "".join(body.itertext())


def test_long_cells_are_cut_and_keep_the_rest_in_their_title():
    long = "ab " * 3_000
    for raw, longest in ((True, LONGEST), (False, 1200)):  # advice of ours is not cut where a strange cell is
        report = Report("v", "t", {}, (Grid("g", ("a",), ((long,),), raw=raw),))
        cell = ElementTree.fromstring(fragment(report)).find(".//tbody/tr/*")
        assert longest - 5 <= len(cell.text) <= longest
        assert cell.attrib["title"] == long


def test_raw_blocks_are_left_out_on_request_and_counted():
    secret = Grid("rows", ("a",), (("secret",),), raw=True)
    shown = Grid("figures", ("a",), (("public",),))
    mine = Pictures("pictures", (PIXEL,), ("secret",), ("secret",), raw=True)
    reports = [Report("v", "one", {}, (secret, shown)), Report("v", "two", {}, (mine,))]
    everything_shown, without = page("t", reports), page("t", reports, rows=False)
    assert "secret" in everything_shown
    assert "left out" not in everything_shown
    assert "secret" not in without
    assert PIXEL not in without
    assert "public" in without
    assert "2 blocks with rows or pictures of the data left out" in without


def test_the_page_needs_and_allows_nothing_from_outside():
    html = page("t", [regression(), classification(), everything()], ABOUT)
    policy = next(a["content"] for t, a in Elements(html).elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    markup = re.sub(r">[^<]*<", "><", html)  # what stands between tags is text
    assert not re.search(r'(src|href|action|data|srcset)="(?!#|data:)', markup)
    assert not re.search(r"url\(|@import|expression\(", "".join(re.findall(r"<style>(.*?)</style>", html, re.S)))
    assert ' style="' not in markup


def test_several_reports_get_a_table_of_contents_and_one_does_not():
    several, one = page("t", [regression(), classification()]), page("t", [regression()])
    links = [attrs["href"] for tag, attrs in Elements(several).elements if tag == "a"]
    ids = [attrs["id"] for _, attrs in Elements(several).elements if "id" in attrs]
    assert links == ["#report-1", "#report-2"]
    assert set(links) <= {f"#{name}" for name in ids}
    assert len(ids) == len(set(ids))
    assert "<nav" not in one


def test_what_it_is_about_stands_at_the_top():
    root = ElementTree.fromstring(page("cars-1", [], ABOUT).partition("\n")[2])
    assert [e.text for e in root.findall(".//header/dl/div/*")] == ["Data", "cars.csv", "Target", "price"]
    assert root.find(".//h1").text == root.find(".//title").text == "cars-1"


def test_tones_are_said_in_words():
    html = fragment(Report("v", "t", {}, tuple(Text("x", tone) for tone in ("good", "warning", "bad"))))
    assert [word in html for word in ("Good", "Warning", "Problem")] == [True] * 3


def test_every_chart_has_its_data_and_every_table_can_be_scrolled_by_keyboard():
    root = ElementTree.fromstring(page("t", [regression(), everything()]).partition("\n")[2])
    figures = [e for e in root.iter("figure") if e.find(".//{http://www.w3.org/2000/svg}svg") is not None]
    assert len(figures) > 8
    assert all(figure.find("details/div/table") is not None for figure in figures)
    boxes = [e for e in root.iter("div") if e.attrib.get("class", "").startswith("scroll")]
    assert all(b.attrib["tabindex"] == "0" and b.attrib["role"] == "region" and b.attrib["aria-label"] for b in boxes)
    assert len(list(root.iter("table"))) <= len(boxes)


def test_a_picture_that_is_not_in_the_page_is_not_asked_for():
    images = (
        PIXEL,
        "https://example.org/a.png",
        "data:image/svg+xml;base64,AAAA",
        'data:image/png;base64,AA" onerror="x',
    )
    html = fragment(Report("v", "t", {}, (Pictures("p", images, (), ()),)))
    assert [attrs["src"] for tag, attrs in Elements(html).elements if tag == "img"] == [PIXEL]
    assert html.count("This picture cannot be shown.") == 3


def test_a_picture_in_a_cell_is_drawn():
    html = fragment(Report("v", "t", {}, (Grid("g", ("photo",), ((PIXEL,),)),)))
    assert [attrs["alt"] for tag, attrs in Elements(html).elements if tag == "img"] == ["photo"]


def test_a_fragment_styles_nothing_but_itself_and_runs_no_script():
    html = Report("v", "t", {}, (Text("x"),))._repr_html_()
    assert "<script" not in html
    styles = re.sub(r"/\*.*?\*/", "", re.search(r"<style>(.*?)</style>", html, re.S)[1], flags=re.S)
    selectors = [
        part.strip() for rule in re.findall(r"([^{}]+)\{[^{}]*\}", styles) for part in rule.split(",") if part.strip()
    ]
    assert len(selectors) > 60
    assert [s for s in selectors if not re.search(r"(^|\s)\.dw\b", s)] == []


def test_a_report_through_json_gives_the_same_page():
    import json

    report = classification()
    again = Report.from_dict(json.loads(json.dumps(report.to_dict())))
    assert page("t", [again], ABOUT) == page("t", [report], ABOUT)


def test_the_same_report_gives_the_same_bytes():
    assert page("t", [everything()], ABOUT) == page("t", [everything()], ABOUT)


@pytest.mark.parametrize("name", ["blocks.css", "page.css", "theme.js"])
def test_styles_and_script_can_stand_in_the_page_as_they_are(name):
    text = files("deepwright.page").joinpath(name).read_text(encoding="utf-8")
    assert not set("<&") & set(text)


def test_the_page_and_the_terminal_need_no_heavy_packages():
    heavy = "torch numpy polars pandas rich matplotlib"
    code = (
        "import sys, deepwright.page.page, deepwright.cli.terminal; "
        f"print(*sorted(set(sys.modules) & set('{heavy}'.split())))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("", "", 0)
