"""The frame of a chart: legend, grid lines, tick labels that never overlap, names of the axes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from deepwright.core.report import Chart
from deepwright.page.axes import Axis
from deepwright.page.cells import cut_inside
from deepwright.page.marks import FONT, WIDTH, Entry, label, legend
from deepwright.page.markup import tag, text_width, words

__all__ = ["Frame", "Names", "names_below", "number_frame", "numbers_below", "svg"]

_TURN = 40  # degrees of turned labels
_LONGEST_TURNED = 16  # characters


@dataclass(frozen=True)
class Names:
    """Labels under an axis of names: the markup, the height they take, how far they reach to the left of `start`."""

    drawn: str
    height: float
    reach: float


@dataclass(frozen=True)
class Frame:
    """What surrounds the marks: axes laid on the drawing, everything drawn under the marks, the whole height."""

    x: Axis
    y: Axis
    under: str
    height: float


def svg(chart: Chart, height: float, *parts: str, width: float = WIDTH) -> str:
    """The drawing as one picture for assistive programs, described by the chart's `alt`."""
    return tag(
        "svg",
        tag("desc", words(chart.alt or chart.title)),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        width=width if width > WIDTH else None,  # wider ones keep their size and are scrolled
        viewBox=f"0 0 {width:g} {math.ceil(height)}",
        role="img",
        aria_label=chart.alt or chart.title,
    )


def names_below(
    names: Sequence[str], places: Sequence[float], y: float, left: float = 0.0, width: float = WIDTH
) -> Names:
    """Labels at the places along y: level where they fit; numbers thinned out; else turned, cut and thinned out.

    Args:
        left: where the drawing's plot begins. width: of the whole drawing.
    """
    if not names:
        return Names("", 0.0, 0.0)
    slot = places[1] - places[0] if len(places) > 1 else WIDTH
    widths = [text_width(name, FONT) for name in names]
    every = math.ceil((max(widths) + 8) / slot)
    if every <= 1 or all(_numeric(name) for name in names):
        drawn = [
            label(names[k], min(places[k], width - widths[k] / 2), y + 14, anchor="middle")
            for k in range(0, len(names), max(every, 1))
        ]
        return Names("".join(drawn), 18.0, max(0.0, widths[0] / 2 - (places[0] - left)))
    every = math.ceil(16 / slot)
    angle, drawn, deep, reach = math.radians(_TURN), [], 0.0, 0.0
    for k in range(0, len(names), every):
        x = places[k] + 4
        text = label(names[k], 0, 0, anchor="end", longest=_LONGEST_TURNED)
        drawn.append(tag("g", text, transform=f"translate({x:.1f} {y + 12:.1f}) rotate(-{_TURN})"))
        wide = text_width(cut_inside(names[k], _LONGEST_TURNED), FONT)
        deep = max(deep, wide * math.sin(angle))
        reach = max(reach, wide * math.cos(angle) - (x - left))
    return Names("".join(drawn), deep + 18, reach)


def _numeric(name: str) -> bool:
    try:
        float(name.replace(",", "").replace("−", "-"))
    except ValueError:
        return False
    return True


def number_frame(chart: Chart, x: Axis, y: Axis, entries: Sequence[Entry], tall: float, names: Sequence[str]) -> Frame:
    """A frame around a plot `tall` units high; the axes given are stretched onto it.

    Args:
        x: an axis of numbers, or of the places 0, 1, 2 … of `names`.
        names: the categories under the x axis; none for an axis of numbers.
    """
    signs, top = legend(entries, 0.0)
    if chart.y_label:
        top += 6 if entries else 0
        signs += label(chart.y_label, 0, top + 12, "name", longest=54)
        top += 18
    top += 10
    left = 8 + max([12.0, *(text_width(text, FONT) for text in y.labels)])
    right, bottom = WIDTH - 10, top + tall
    across = _laid(x, left, right)
    below = names_below(names, _places(across, len(names)), bottom, left) if names else _numbers(across, bottom)
    if below.reach > left - 2 and names:  # turned labels of the first categories need room on the left
        left = min(below.reach + 8, WIDTH * 0.3)
        across = _laid(x, left, right)
        below = names_below(names, _places(across, len(names)), bottom, left)
    up = _laid(y, bottom, top)
    signs += _lines(up, left, right) + below.drawn
    height = bottom + below.height + 4
    if chart.x_label:
        signs += label(chart.x_label, (left + right) / 2, height + 10, "name", "middle", longest=48)
        height += 18
    return Frame(across, up, signs, height)


def _laid(axis: Axis, start: float, end: float) -> Axis:
    return Axis(axis.low, axis.high, start, end, axis.ticks, axis.labels, axis.log)


def _places(axis: Axis, count: int) -> list[float]:
    return [axis.at(float(k)) for k in range(count)]


def _numbers(axis: Axis, bottom: float) -> Names:
    marks = "".join(tag("path", d=f"M{axis.at(value):.1f} {bottom:.1f}v4", class_="axis") for value in axis.ticks)
    return Names(marks + numbers_below(axis, bottom + 16), 20.0, 0.0)


def numbers_below(axis: Axis, y: float) -> str:
    """The labels of a level axis: every one, or every second, third … where they would touch."""
    halves = [text_width(text, FONT) / 2 for text in axis.labels]
    centres = [min(axis.at(value), WIDTH - half) for value, half in zip(axis.ticks, halves, strict=True)]
    for every in range(1, len(centres) + 1):
        kept = list(zip(centres, halves, axis.labels, strict=True))[::every]
        if all(a[0] + a[1] + 6 <= b[0] - b[1] for a, b in pairwise(kept)):
            return "".join(label(text, centre, y, anchor="middle") for centre, _, text in kept)
    return ""


def _lines(axis: Axis, left: float, right: float) -> str:
    """A line and a label for each tick; zero and the lower edge stand out."""
    parts = []
    for value, text in zip(axis.ticks, axis.labels, strict=True):
        y = axis.at(value)
        parts.append(
            tag("path", d=f"M{left:.1f} {y:.1f}H{right:.1f}", class_="axis" if value == 0 else "grid")
            + label(text, left - 6, y + 4, anchor="end")
        )
    return "".join(parts) + tag("path", d=f"M{left:.1f} {axis.start:.1f}H{right:.1f}", class_="axis")
