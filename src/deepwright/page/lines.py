"""Charts over two axes: line, step, scatter and band."""

import math
from collections.abc import Iterator, Sequence

from deepwright.core.report import Chart, Series
from deepwright.page.axes import Axis, finite, linear, logarithmic, span
from deepwright.page.cells import show
from deepwright.page.frame import Frame, number_frame, svg
from deepwright.page.marks import Entry, colour, dash, line_entry, marker
from deepwright.page.markup import tag

__all__ = ["categories", "draw_lines"]

_FEW = 30  # points of a line that each get a marker
_TITLED = 400  # points of a chart that each get a title

Point = tuple[float, float, int]  # x, y, place in the series


def categories(chart: Chart) -> tuple[str, ...]:
    """The names along the x axis in order of first appearance; none where every x is a number."""
    values = [x for one in chart.series for x in one.x]
    if not any(isinstance(x, str) for x in values):
        return ()
    return tuple(dict.fromkeys(show(x) for x in values))


def draw_lines(chart: Chart) -> tuple[str, str]:
    """The drawing, and a sentence about what could not be drawn ("" where everything was)."""
    names = categories(chart)
    places = [_points(one, names) for one in chart.series]
    x, left_out = _across(chart, places, names)
    drawable = [[p for p in points if not x.log or p[0] > 0] for points in places]
    y = _up(chart, drawable)
    if chart.diagonal and not names and not x.log:
        x = y = _shared(x, y, drawable)
    marked = [chart.form == "scatter" or len(p) <= _FEW or len(chart.series) > 1 for p in drawable]
    frame = number_frame(chart, x, y, _entries(chart, marked), 250 if chart.diagonal else 190, names)
    titled = sum(len(points) for points in drawable) <= _TITLED
    parts = [_diagonal(frame)] if chart.diagonal and not names else []
    for place, (one, points) in enumerate(zip(chart.series, drawable, strict=True)):
        parts.append(tag("g", *_series(chart, frame, place, one, points, titled), class_=colour(place)))
    return svg(chart, frame.height, frame.under, *parts), left_out


def _points(one: Series, names: Sequence[str]) -> list[Point]:
    """The points both of whose values are known."""
    place = {name: float(k) for k, name in enumerate(names)}
    pairs = ((place[show(x)] if names else float(x), y, k) for k, (x, y) in enumerate(zip(one.x, one.y, strict=False)))
    return [(x, float(y), k) for x, y, k in pairs if y is not None and math.isfinite(x) and math.isfinite(y)]


def _across(chart: Chart, places: Sequence[Sequence[Point]], names: Sequence[str]) -> tuple[Axis, str]:
    if names:
        return Axis(-0.5, len(names) - 0.5, 0, 1, (), ()), ""
    values = [x for points in places for x, _, _ in points]
    axis = logarithmic(values, 0, 1) if chart.log_x else None
    if axis is None:
        return linear(*span(values, pad=0.02), 0, 1), ""
    low = sum(value <= 0 for value in values)
    return axis, f"{low} points at x ≤ 0 have no place on this logarithmic axis." if low else ""


def _up(chart: Chart, places: Sequence[Sequence[Point]]) -> Axis:
    values = [y for points in places for _, y, _ in points]
    for one, points in zip(chart.series, places, strict=True):
        for bounds in (one.low, one.high):
            values += finite(bounds[k] for _, _, k in points if k < len(bounds))
    return linear(*span(values), 0, 1)


def _shared(x: Axis, y: Axis, places: Sequence[Sequence[Point]]) -> Axis:
    """One stretch for both axes, so that y = x runs from corner to corner; exactly 0 to 1 for shares."""
    values = [value for points in places for px, py, _ in points for value in (px, py)]
    if values and min(values) >= 0 and 0.5 < max(values) <= 1:
        return linear(0.0, 1.0, 0, 1)
    return linear(min(x.low, y.low), max(x.high, y.high), 0, 1)


def _entries(chart: Chart, marked: Sequence[bool]) -> list[Entry]:
    entries: list[Entry] = []
    if len(chart.series) > 1:
        area = [chart.form != "scatter" and bool(one.low) for one in chart.series]
        entries = [line_entry(one.name, k, marked[k], area[k]) for k, one in enumerate(chart.series)]
        if chart.form == "scatter":
            entries = [(one.name, _dot_entry(k)) for k, one in enumerate(chart.series)]
    if chart.diagonal and not categories(chart):
        line = ("y = x", lambda x, y: tag("path", d=f"M{x:.1f} {y:.1f}h22", class_="diagonal"))
        entries.append(line)
    return entries


def _dot_entry(place: int):
    return lambda x, y: tag("g", marker(place, x + 11, y, 4), class_=colour(place))


def _diagonal(frame: Frame) -> str:
    low, high = max(frame.x.low, frame.y.low), min(frame.x.high, frame.y.high)
    if not low < high:
        return ""
    ends = [f"{frame.x.at(value):.1f} {frame.y.at(value):.1f}" for value in (low, high)]
    return tag("path", d=f"M{ends[0]}L{ends[1]}", class_="diagonal")


def _series(
    chart: Chart, frame: Frame, place: int, one: Series, points: Sequence[Point], titled: bool
) -> Iterator[str]:
    laid = [(frame.x.at(x), frame.y.at(y), k) for x, y, k in points]
    bounded = min(len(one.low), len(one.high))
    if chart.form == "scatter":
        yield from (_whisker(frame, one, px, k) for px, _, k in laid if k < bounded)
        small = 2.4 if len(laid) > 200 else 3.4
        dots = (marker(place, px, py, small, _title(one, k) if titled else None) for px, py, k in laid)
        yield tag("g", *dots, class_="cloud" if len(laid) > 50 else None)
        return
    if bounded:
        yield _area(frame, one, [(px, k) for px, _, k in laid if k < bounded])
    path = "".join(_run(run, chart.form == "step") for run in _runs(laid))
    if path:
        yield tag("path", d=path, class_="line", stroke_dasharray=dash(place))
    every = 1 if len(laid) <= _FEW else max(1, len(laid) // 7)
    if len(chart.series) > 1 or every == 1:
        yield from (marker(place, px, py, 3.2, _title(one, k)) for px, py, k in laid[:: max(1, every)])


def _title(one: Series, k: int) -> str:
    interval = f" ({show(one.low[k])} to {show(one.high[k])})" if k < min(len(one.low), len(one.high)) else ""
    return f"{one.name}: {show(one.x[k])} → {show(one.y[k])}{interval}"


def _runs(laid: Sequence[Point]) -> Iterator[list[Point]]:
    """Stretches without a missing value between: a line must not bridge what is not known."""
    run: list[Point] = []
    for point in laid:
        if run and point[2] != run[-1][2] + 1:
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def _run(run: Sequence[Point], step: bool) -> str:
    (x, y, _), *rest = run
    if step:
        return f"M{x:.1f} {y:.1f}" + "".join(f"H{px:.1f}V{py:.1f}" for px, py, _ in rest)
    return f"M{x:.1f} {y:.1f}" + "".join(f"L{px:.1f} {py:.1f}" for px, py, _ in rest)


def _area(frame: Frame, one: Series, laid: Sequence[tuple[float, int]]) -> str:
    known = [(px, k) for px, k in laid if len(finite((one.low[k], one.high[k]))) == 2]
    if not known:
        return ""
    upper = [f"{px:.1f} {frame.y.at(one.high[k]):.1f}" for px, k in known]
    lower = [f"{px:.1f} {frame.y.at(one.low[k]):.1f}" for px, k in reversed(known)]
    if len(known) == 1:  # an area of no width cannot be seen
        return _whisker(frame, one, *known[0])
    return tag("path", d="M" + "L".join(upper + lower) + "z", class_="area")


def _whisker(frame: Frame, one: Series, x: float, k: int) -> str:
    if len(finite((one.low[k], one.high[k]))) < 2:
        return ""
    low, high = frame.y.at(one.low[k]), frame.y.at(one.high[k])
    return tag("path", d=f"M{x:.1f} {low:.1f}V{high:.1f}", class_="whisker")
