"""Bar charts: upright where the names fit under them, else lying with the names on the left."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from deepwright.core.report import Chart, Series
from deepwright.page.axes import Axis, finite, linear, span
from deepwright.page.cells import cut_inside, show
from deepwright.page.frame import number_frame, numbers_below, svg
from deepwright.page.marks import FONT, WIDTH, Entry, colour, label, legend, marker
from deepwright.page.markup import tag, text_width, words

__all__ = ["draw_bars"]

_LYING = 60  # bars at most in a lying chart; more become too tall a drawing
_LONGEST = 22  # characters of a name beside a lying bar
_BINS = 5  # bars at least in a histogram
_VALUED = 16  # lying bars that get their value written at the end


def draw_bars(chart: Chart) -> tuple[str, str]:
    """The drawing, and a sentence about what could not be drawn."""
    names, places = _slots(chart)
    values = [value for one in chart.series for value in (*one.y, *one.low, *one.high)]
    low, high = span(values, zero=True)
    width = _bin_width(chart)
    if width:
        return _histogram(chart, width, linear(low, high, 0, 1)), ""
    wide = max((text_width(name, FONT) for name in names), default=0.0)
    numbers = all(_is_number(name) for name in names)
    fits = (wide + 8) * len(names) <= WIDTH - 50
    if fits or numbers or len(names) * len(chart.series) > _LYING:
        return _upright(chart, names, places, linear(low, high, 0, 1)), ""
    return _lying(chart, names, places, (low, high)), ""


def _bin_width(chart: Chart) -> float:
    """How far apart the bars stand where they are the bins of a histogram: one series over evenly spread numbers; else 0."""
    xs = chart.series[0].x if len(chart.series) == 1 else ()
    if len(xs) < _BINS or not all(isinstance(x, float) and math.isfinite(x) for x in xs):
        return 0.0
    gaps = [float(b) - float(a) for a, b in pairwise(xs)]
    return gaps[0] if gaps[0] > 0 and all(abs(gap - gaps[0]) < 1e-6 * gaps[0] for gap in gaps) else 0.0


def _histogram(chart: Chart, width: float, y: Axis) -> str:
    """Bars over an axis of numbers, each as wide as its bin."""
    one, values = chart.series[0], [float(x) for x in chart.series[0].x]
    frame = number_frame(chart, linear(values[0] - width / 2, values[-1] + width / 2, 0, 1), y, [], 190, ())
    zero, drawn = frame.y.at(0.0), []
    for k, value in enumerate(one.y):
        if value is not None and math.isfinite(value):
            left, right = (frame.x.at(values[k] + side * width / 2) for side in (-1, 1))
            end = frame.y.at(value)
            box = (left, min(zero, end), max(right - left - 0.6, 0.4), max(abs(end - zero), 0.5))
            drawn.append(_bar(one, k, box) + _interval(one, k, frame.y, (left + right) / 2, upright=True))
    return svg(chart, frame.height, frame.under, tag("g", *drawn, class_=colour(0)))


def _slots(chart: Chart) -> tuple[list[str], list[list[int]]]:
    """The categories in order of first appearance, and which of them each bar of each series stands for.

    A category that comes twice in one series gets two places, so that no bar hides another.
    """
    known: dict[tuple[str | float, int], int] = {}
    places = []
    for one in chart.series:
        seen: Counter[str | float] = Counter()
        places.append([])
        for x in one.x:
            key = x if isinstance(x, str) or math.isfinite(x) else show(x)
            seen[key] += 1
            places[-1].append(known.setdefault((key, seen[key]), len(known)))
    return [show(key) for key, _ in known], places


def _is_number(name: str) -> bool:
    return all(sign.isdigit() or sign in "+-−.,e" for sign in name)


def _entries(chart: Chart) -> list[Entry]:
    if len(chart.series) < 2:
        return []
    return [(one.name, _sign(place)) for place, one in enumerate(chart.series)]


def _sign(place: int):
    def draw(x: float, y: float) -> str:
        bar = tag("rect", x=x + 2, y=y - 6, width=18, height=12, class_="bar")
        return tag("g", bar, tag("g", marker(place, x + 11, y, 3.2), class_="on-bar"), class_=colour(place))

    return draw


def _at(one: Series, places: Sequence[int]) -> list[tuple[int, int, float]]:
    """(place of the category, place in the series, value) of every finite value."""
    pairs = enumerate(zip(places, one.y, strict=False))
    return [(place, k, float(y)) for k, (place, y) in pairs if y is not None and math.isfinite(y)]


def _upright(chart: Chart, names: Sequence[str], places: Sequence[Sequence[int]], y: Axis) -> str:
    frame = number_frame(chart, Axis(-0.5, max(len(names), 1) - 0.5, 0, 1, (), ()), y, _entries(chart), 190, names)
    slot = (frame.x.end - frame.x.start) / max(len(names), 1)
    share = 0.92 if len(names) > 12 and len(chart.series) == 1 else 0.76
    each = slot * share / max(len(chart.series), 1)
    zero, parts = frame.y.at(0.0), []
    for place, one in enumerate(chart.series):
        drawn = []
        for spot, k, value in _at(one, places[place]):
            left = frame.x.at(spot) - slot * share / 2 + place * each
            end = frame.y.at(value)
            drawn.append(_bar(one, k, (left, min(zero, end), max(each - 0.6, 0.4), max(abs(end - zero), 0.5))))
            drawn.append(_interval(one, k, frame.y, left + each / 2, upright=True))
            if len(chart.series) > 1 and each >= 7 and abs(end - zero) > 14:
                inside = zero - 8 if end <= zero else zero + 8  # at the foot, away from the interval
                drawn.append(tag("g", marker(place, left + each / 2, inside, 2.6), class_="on-bar"))
        parts.append(tag("g", *drawn, class_=colour(place)))
    return svg(chart, frame.height, frame.under, *parts)


def _lying(chart: Chart, names: Sequence[str], places: Sequence[Sequence[int]], bounds: tuple[float, float]) -> str:
    low, high = bounds
    signs, top = legend(_entries(chart), 0.0)
    if chart.x_label:
        signs += label(chart.x_label, 0, top + 12, "name", longest=58)
        top += 22
    count = len(chart.series)
    each = 17.0 if count == 1 else 13.0
    slot = each * count + 7
    left = 8 + max(text_width(cut_inside(name, _LONGEST), FONT) for name in names)
    valued = len(names) * count <= _VALUED and not any(one.low for one in chart.series)
    texts = [show(value) for one in chart.series for value in finite(one.y)]
    room = max((text_width(text, FONT) for text in texts), default=0.0) + 6 if valued else 10
    start = left + (room if valued and low < 0 else 0)
    x = linear(low, high, start, WIDTH - room, 4)
    bottom = top + 4 + slot * len(names)
    signs += _uprights(x, top + 2, bottom)
    for spot, name in enumerate(names):
        middle = top + 4 + slot * (spot + 0.5)
        signs += label(name, left - 6, middle + 4, anchor="end", longest=_LONGEST)
    for place, one in enumerate(chart.series):
        drawn = []
        for spot, k, value in _at(one, places[place]):
            y = top + 4 + slot * spot + 3 + place * each
            zero, end = x.at(0.0), x.at(value)
            drawn.append(_bar(one, k, (min(zero, end), y, max(abs(end - zero), 0.5), each - 1)))
            drawn.append(_interval(one, k, x, y + each / 2 - 0.5, upright=False))
            if count > 1 and abs(end - zero) > 12:
                inside = zero + 7 if end >= zero else zero - 7
                drawn.append(tag("g", marker(place, inside, y + each / 2 - 0.5, 2.6), class_="on-bar"))
            if valued:
                beside, anchor = (end + 4, None) if value >= 0 else (end - 4, "end")
                drawn.append(label(show(value), beside, y + each / 2 + 4, anchor=anchor))
        signs += tag("g", *drawn, class_=colour(place))
    height = bottom + 22
    if chart.y_label:
        signs += label(chart.y_label, (start + WIDTH) / 2, height + 10, "name", "middle", longest=52)
        height += 18
    return svg(chart, height, signs)


def _uprights(axis: Axis, top: float, bottom: float) -> str:
    lines = (
        tag("path", d=f"M{axis.at(value):.1f} {top:.1f}V{bottom:.1f}", class_="axis" if value == 0 else "grid")
        for value in axis.ticks
    )
    return "".join(lines) + numbers_below(axis, bottom + 15)


def _bar(one: Series, k: int, box: tuple[float, float, float, float]) -> str:
    x, y, width, height = box
    interval = f" ({show(one.low[k])} to {show(one.high[k])})" if k < min(len(one.low), len(one.high)) else ""
    title = tag("title", words(f"{one.name}: {show(one.x[k])} → {show(one.y[k])}{interval}"))
    return tag("rect", title, x=x, y=y, width=width, height=height, class_="bar")


def _interval(one: Series, k: int, axis: Axis, across: float, upright: bool) -> str:
    if k >= min(len(one.low), len(one.high)) or len(finite((one.low[k], one.high[k]))) < 2:
        return ""
    low, high = axis.at(one.low[k]), axis.at(one.high[k])
    path = f"M{across:.1f} {low:.1f}V{high:.1f}" if upright else f"M{low:.1f} {across:.1f}H{high:.1f}"
    return tag("path", d=path, class_="bar-whisker")
