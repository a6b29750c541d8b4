"""Every form of chart draws well-formed pictures inside their frame, and tells all its numbers in a table."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepwright.core.report import Chart, Series
from deepwright.page.blocks import blocks_html
from deepwright.page.cells import show
from deepwright.page.charts import data_table, draw
from deepwright.page.colours import HEAT_LEVELS, SERIES, THEMES, contrast, heat
from deepwright.page.heat import compact
from deepwright.page.marks import FONT, dash
from deepwright.page.markup import text_width
from deepwright.page.parallel import shown_on
from tests.page.samples import HOSTILE, classification, everything, regression

NAN, HUGE = float("nan"), 1.7e308
FORMS = ("line", "step", "scatter", "band", "bar")
SVG = "{http://www.w3.org/2000/svg}"

CASES = {
    "one point": ((2.0,), (3.0,)),
    "constant": ((1.0, 2.0, 3.0), (5.0, 5.0, 5.0)),
    "all zero": ((0.0, 0.0), (0.0, 0.0)),
    "negative": ((-3.0, -2.0, -1.0), (-9.0, -1.0, -4.0)),
    "huge": ((-HUGE, HUGE), (-HUGE, HUGE)),
    "tiny": ((5e-324, 1e-320), (0.0, 5e-324)),
    "missing": ((1.0, NAN, 3.0, 4.0), (1.0, 2.0, NAN, float("inf"))),
    "nothing known": ((1.0, 2.0), (NAN, NAN)),
    "names": (("a", "b", HOSTILE), (1.0, 2.0, 3.0)),
    "the same name twice": (("a", "a", "b"), (1.0, 2.0, 3.0)),
    "names and numbers": (("a", 2.0), (1.0, 2.0)),
    "many long names": (tuple(f"a name that is quite long {k}" for k in range(300)), (3.0,) * 300),
}  # fmt: skip


def parsed(chart: Chart) -> ElementTree.Element:
    """The drawing, after checking that nothing in it is not a number or far outside."""
    svg, _ = draw(chart)
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        for name in ("x", "y", "cx", "cy", "width", "height", "d", "transform"):
            for number in re.findall(r"[-+]?[a-z0-9.]+", element.attrib.get(name, "")):
                if not re.fullmatch(r"[A-Za-z]+", number):
                    assert abs(float(re.sub(r"^[A-Za-z]+|[A-Za-z].*$", "", number) or 0)) <= max(width, height) + 5, (
                        number
                    )
        assert not re.search(
            r"\b(nan|inf)\b", " ".join(element.attrib.get(k, "") for k in ("d", "x", "y", "width", "height"))
        )
    return root


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", FORMS)
def test_odd_data_is_drawn(form, case):
    x, y = CASES[case]
    for bounds in ((), (tuple(v - 1 for v in y), tuple(v + 1 for v in y))):
        for extra in ({}, {"diagonal": True}, {"log_x": True}):
            series = Series("one", x, y, *bounds)
            parsed(Chart("t", "alt", form, (series,), "x", "y", **extra))
            parsed(Chart("t", "alt", form, (series, Series(HOSTILE, x, y)), "x", "y", **extra))


numbers = st.floats(width=32)
points = st.lists(st.tuples(st.one_of(numbers, st.sampled_from("abc")), numbers), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FORMS), st.lists(points, max_size=4), st.booleans(), st.booleans())
def test_any_data_is_drawn_and_told(form, clouds, diagonal, log_x):
    series = tuple(
        Series(f"s{k}", tuple(x for x, _ in cloud), tuple(y for _, y in cloud)) for k, cloud in enumerate(clouds)
    )
    chart = Chart("t", "alt", form, series, diagonal=diagonal, log_x=log_x)
    parsed(chart)
    told = [cell for row in data_table(chart)[1] for cell in row]
    for one in series:
        for value in (*one.x, *one.y):
            assert any(value is cell or value == cell for cell in told)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(numbers, min_size=1, max_size=6), max_size=6))
def test_any_matrix_is_drawn_and_told(rows):
    chart = Chart("t", "alt", "heat", matrix=tuple(tuple(row) for row in rows), x_names=("a",), y_names=("b",))
    parsed(chart)
    table = data_table(chart)[1]
    assert [list(map(str, row[1:])) for row in table] == [list(map(str, row)) for row in rows]


@pytest.mark.parametrize("report", [regression(), classification(), everything()], ids=lambda r: r.title)
def test_the_page_shows_every_number_of_every_chart(report):
    def bare(text: str) -> str:  # figures of a column may share grouping and decimals
        return text.replace(",", "").rstrip("0").rstrip(".") if "." in text else text.replace(",", "")

    for chart in (block for block in report.blocks if isinstance(block, Chart)):
        root = ElementTree.fromstring(f"<div>{blocks_html([chart])}</div>")
        cells = {bare("".join(cell.itertext())) for cell in root.iter() if cell.tag in ("td", "th")}
        for one in chart.series:
            for value in (*one.y, *one.low, *one.high):
                assert bare(show(value)) in cells
        for row in chart.matrix:
            for place, value in enumerate(row):
                shown = shown_on(chart.scales[place], value) if chart.scales else value
                assert bare(show(shown)) in cells


def test_missing_values_break_a_line():
    chart = Chart("t", "alt", "line", (Series("a", (1.0, 2.0, 3.0, 4.0, 5.0), (1.0, 2.0, NAN, 4.0, 5.0)),))
    line = next(e for e in parsed(chart).iter(f"{SVG}path") if e.attrib.get("class") == "line")
    assert line.attrib["d"].count("M") == 2


def test_points_without_place_on_a_logarithmic_axis_are_told():
    chart = Chart("t", "alt", "line", (Series("a", (0.0, -1.0, 10.0, 100.0), (1.0, 2.0, 3.0, 4.0)),), log_x=True)
    assert draw(chart)[1].startswith("2 points at x ≤ 0")


def test_the_picture_is_described():
    root = parsed(Chart("t", "What it shows.", "line", (Series("a", (1.0,), (1.0,)),)))
    assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", "What it shows.")
    assert root.find(f"{SVG}desc").text == "What it shows."


@pytest.mark.parametrize("count", [1, 2, 5, 9, 14, 30, 61, 150, 400])
@pytest.mark.parametrize("length", [1, 4, 12, 40])
@pytest.mark.parametrize("form", ["bar", "line", "heat"])
def test_names_on_the_axis_never_overlap(form, count, length):
    names = tuple(f"{'n' * length}{k}" for k in range(count))
    if form == "heat":
        side = min(count, 40)
        chart = Chart("t", "a", "heat", matrix=((1.0,) * side,), x_names=names[:side], y_names=("y",))
    else:
        chart = Chart("t", "a", form, (Series("a", names, (1.0,) * count),))
    root = parsed(chart)
    turned = [e for e in root.iter(f"{SVG}g") if "rotate" in e.attrib.get("transform", "")]
    places = [float(re.search(r"translate\(([-\d.]+)", e.attrib["transform"])[1]) for e in turned]
    assert all(b - a >= 15.5 for a, b in pairwise(places))
    level: dict[str, list[tuple[float, float]]] = {}
    for text in root.iter(f"{SVG}text"):
        if "y" in text.attrib and not text.attrib.get("class") and text.attrib.get("text-anchor") == "middle":
            shown = (text.text or "") or "".join(text.itertext())
            half = text_width(shown, FONT) / 2
            level.setdefault(text.attrib["y"], []).append(
                (float(text.attrib["x"]) - half, float(text.attrib["x"]) + half)
            )
    for row in level.values():
        assert all(a[1] <= b[0] + 0.1 for a, b in pairwise(sorted(row)))


def test_cut_names_keep_the_whole_in_a_title():
    name = "a name that is much too long for any axis there is"
    root = parsed(Chart("t", "a", "bar", (Series("a", (name, "b"), (1.0, 2.0)),)))
    titles = [e.text for e in root.iter(f"{SVG}title")]
    assert name in titles


@pytest.mark.parametrize("side", [1, 3, 12, 40])
def test_heat_has_its_numbers_in_its_cells(side):
    matrix = tuple(tuple(float(r * side + c) for c in range(side)) for r in range(side))
    names = tuple(f"class {k}" for k in range(side))
    root = parsed(Chart("t", "a", "heat", matrix=matrix, x_names=names, y_names=names))
    cells = [e.text for e in root.iter(f"{SVG}text") if "in-cell" in e.attrib.get("class", "")]
    assert cells == [compact(value) for row in matrix for value in row]


@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_can_be_seen_on_its_ground(theme):
    colours = THEMES[theme]
    for name in (*(f"s{k}" for k in range(SERIES)), "more", "less"):
        assert contrast(colours[name], colours["card"]) >= 3, name
    for text in ("ink", "soft", "accent"):
        assert min(contrast(colours[text], colours[ground]) for ground in ("card", "ground")) >= 4.5, text
    for tone in ("good", "warning", "bad"):
        assert min(contrast(colours[name], colours[f"{tone}-ground"]) for name in (tone, "ink")) >= 4.5, tone
    levels = heat(theme)
    assert len(levels) == 2 * HEAT_LEVELS + 1
    assert min(contrast(ink, fill) for fill, ink in levels.values()) >= 4.5


# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB
_BLIND = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}


def _lab(linear: list[float]) -> tuple[float, float, float]:
    red, green, blue = (min(1.0, max(0.0, value)) for value in linear)
    white = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in white)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", _BLIND)
def test_colours_of_series_differ_for_colour_blind_people(theme, kind):
    seen = []
    for place in range(SERIES):
        parts = [value / 255 for value in bytes.fromhex(THEMES[theme][f"s{place}"][1:])]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        seen.append(_lab([sum(a * b for a, b in zip(row, linear, strict=True)) for row in _BLIND[kind]]))
    assert min(math.dist(a, b) for place, a in enumerate(seen) for b in seen[:place]) >= 9


def test_series_differ_without_colour():
    """The first seven lines differ by dashes alone; in a drawing of two, legend and lines carry dashes and markers."""
    assert len({dash(place) for place in range(7)}) == 7
    root = parsed(Chart("t", "a", "line", tuple(Series(f"s{k}", (1.0, 2.0), (1.0, 2.0)) for k in range(7))))
    lines = [e.attrib.get("stroke-dasharray") for e in root.iter(f"{SVG}path") if e.attrib.get("class") == "line"]
    assert len(lines) == 14
    assert len(set(lines)) == 7


def test_bars_of_one_name_do_not_hide_each_other():
    root = parsed(Chart("t", "a", "bar", (Series("a", ("x", "x", "y"), (1.0, 2.0, 3.0)),)))
    bars = [e for e in root.iter(f"{SVG}rect") if e.attrib["class"] == "bar"]
    assert len({bar.attrib["x"] for bar in bars}) == 3


def test_bins_of_a_histogram_stand_at_their_numbers():
    """Evenly spread numbers get an axis of round numbers, not one label a bar."""
    middle = tuple(250.0 + 500.0 * k for k in range(-10, 10))
    root = parsed(Chart("t", "a", "bar", (Series("rows", middle, tuple(float(k) for k in range(20))),)))
    bars = [one.attrib for one in root.iter(f"{SVG}rect") if one.attrib.get("class") == "bar"]
    assert len(bars) == 20
    edges = [(float(bar["x"]), float(bar["x"]) + float(bar["width"])) for bar in bars]
    assert all(0 < right[0] - left[1] < 1 for left, right in pairwise(edges))
    labels = [text.text for text in root.iter(f"{SVG}text")]
    assert {"0", "-4000", "4000"} <= set(labels)
    assert "250" not in labels
