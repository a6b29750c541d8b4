"""Parallel coordinates: a line a row over upright axes, the best group boldest (Inselberg 1985, The Visual Computer 1)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deepwright.core.report import Cell, Chart, Scale
from deepwright.page.axes import Axis, finite, linear, logarithmic, span
from deepwright.page.cells import cut_inside, show
from deepwright.page.frame import names_below, svg
from deepwright.page.marks import FONT, WIDTH, Entry, colour, dash, label, legend, marker
from deepwright.page.markup import tag, text_width, words

__all__ = ["FEW", "draw_parallel", "shown_on"]

FEW = 6  # axes up to which a drawing shrinks with the page; more keep their size and are scrolled
_APART = 62.0  # between two axes of a wide drawing
_TALL = 190.0
_LONGEST = 9  # characters of a label beside an axis
_LABELS = 12  # of an axis that are written
_PLACES = (0, 1, 4)  # of the groups among the series' colours: strong, strong, grey


@dataclass(frozen=True)
class _Upright:
    """One axis on the drawing: where it stands, and what turns a value into a height."""

    scale: Scale
    axis: Axis
    x: float

    def at(self, value: float | None) -> float | None:
        """The height of a value; None where it has no place."""
        if value is None or not math.isfinite(value) or (self.axis.log and value <= 0):
            return None
        if self.scale.labels and not 0 <= value < len(self.scale.labels):
            return None
        return self.axis.at(value)


def shown_on(scale: Scale, value: float | None) -> Cell:
    """A value as the axis calls it."""
    if value is None or not scale.labels or not math.isfinite(value):
        return value
    place = int(value)
    return scale.labels[place] if 0 <= place < len(scale.labels) else value


def draw_parallel(chart: Chart) -> tuple[str, str]:
    """The drawing, and a sentence about what could not be drawn."""
    groups = list(dict.fromkeys(chart.groups))
    signs, top = legend(_entries(groups), 0.0)
    top += 24
    bottom, count = top + _TALL, len(chart.scales)
    axes = [
        _axis(scale, [row[k] for row in chart.matrix if k < len(row)], bottom, top)
        for k, scale in enumerate(chart.scales)
    ]
    left, right = (_room(chart.scales[k], axes[k]) if axes else 0.0 for k in (0, -1))
    width = max(WIDTH, left + right + _APART * max(0, count - 1)) if count > FEW else WIDTH
    apart = (width - left - right) / max(1, count - 1)
    uprights = [
        _Upright(scale, axis, left + k * apart) for k, (scale, axis) in enumerate(zip(chart.scales, axes, strict=True))
    ]
    lines, whole = [], 0
    for place in reversed(range(len(chart.matrix))):  # the best last, on top of the others
        path = _path(uprights, chart.matrix[place])
        whole += path != ""
        lines.append(_line(chart, groups, place, path, uprights))
    names, places = [scale.name for scale in chart.scales], [one.x for one in uprights]
    below = names_below(names, places, bottom + 12, width=width)
    parts = [
        signs,
        *(_drawn_axis(one, top, bottom) for one in uprights),
        *lines,
        *(_ends(one, top, bottom) for one in uprights),
    ]
    lost = len(chart.matrix) - whole
    left_out = f"{lost} lines with unknown values are not drawn." if lost else ""
    return svg(chart, bottom + below.height + 16, *parts, below.drawn, width=width), left_out


def _axis(scale: Scale, values: Sequence[float | None], bottom: float, top: float) -> Axis:
    if scale.labels:
        room = 0.5 if len(scale.labels) == 1 else 0.0
        return Axis(-room, len(scale.labels) - 1 + room, bottom, top, (), ())
    axis = logarithmic(finite(values), bottom, top) if scale.log else None
    return axis or linear(*span(finite(values), pad=0.0), bottom, top)


def _room(scale: Scale, axis: Axis) -> float:
    """What the labels of an outer axis need to either side."""
    labels = [cut_inside(name, _LONGEST) for name in scale.labels] or [_short(axis.low), _short(axis.high)]
    return max(26.0, 4 + max(text_width(text, FONT) for text in labels) / 2)


def _place(chart: Chart, groups: Sequence[str], place: int) -> int:
    group = groups.index(chart.groups[place]) if place < len(chart.groups) else len(_PLACES)
    return min(group, len(_PLACES) - 1)


def _path(uprights: Sequence[_Upright], row: Sequence[float | None]) -> str:
    points = []
    for one, value in zip(uprights, row, strict=False):
        y = one.at(value)
        if y is None:
            return ""
        points.append(f"{one.x:.1f} {y:.1f}")
    return "M" + "L".join(points) if len(points) == len(uprights) and points else ""


def _line(chart: Chart, groups: Sequence[str], place: int, path: str, uprights: Sequence[_Upright]) -> str:
    if not path:
        return ""
    group = _place(chart, groups, place)
    name = chart.y_names[place] if place < len(chart.y_names) else show(place + 1)
    told = ", ".join(
        f"{one.scale.name} {show(shown_on(one.scale, value))}"
        for one, value in zip(uprights, chart.matrix[place], strict=False)
    )
    title = tag("title", words(f"{name}: {told}"))
    kind = ("line", "line", "line faint")[group]
    parts = [tag("path", title, d=path, class_=kind, stroke_dasharray=dash(0 if group == 0 else group + 1))]
    if group == 0:
        heights = (one.at(value) for one, value in zip(uprights, chart.matrix[place], strict=False))
        parts += [marker(0, one.x, y, 3.4) for one, y in zip(uprights, heights, strict=False) if y is not None]
    return tag("g", *parts, class_=colour(_PLACES[group]))


def _entries(groups: Sequence[str]) -> list[Entry]:
    shown: dict[int, list[str]] = {}
    for k, name in enumerate(groups):
        shown.setdefault(min(k, len(_PLACES) - 1), []).append(name)
    return [(" / ".join(names), _sign(group)) for group, names in shown.items()]


def _sign(group: int):
    def draw(x: float, y: float) -> str:
        kind = ("line", "line", "line faint")[group]
        line = tag("path", d=f"M{x:.1f} {y:.1f}h22", class_=kind, stroke_dasharray=dash(0 if group == 0 else group + 1))
        return tag("g", line, marker(0, x + 11, y) if group == 0 else "", class_=colour(_PLACES[group]))

    return draw


def _drawn_axis(one: _Upright, top: float, bottom: float) -> str:
    return tag("path", d=f"M{one.x:.1f} {top:.1f}V{bottom:.1f}", class_="axis")


def _ends(one: _Upright, top: float, bottom: float) -> str:
    """What the ends of an axis mean; every label of an axis of labels, as far as there is room."""
    if not one.scale.labels:
        low, high = _short(one.axis.low), _short(one.axis.high)
        return _halo(high, one.x, top - 6) + _halo(low, one.x, bottom + 12)
    names = list(enumerate(one.scale.labels))
    every = max(1, math.ceil(len(names) / _LABELS))
    return "".join(_halo(cut_inside(name, _LONGEST), one.x, one.axis.at(float(k)) + 4) for k, name in names[::every])


def _short(value: float) -> str:
    text = show(value)
    return text if text_width(text, FONT) <= _APART - 8 else f"{value:.1e}"


def _halo(text: str, x: float, y: float) -> str:
    return tag("g", label(text, x, y, anchor="middle"), class_="halo")
