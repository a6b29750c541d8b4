"""Heat maps: a matrix with its numbers in the cells, on a text colour that can be read on each fill."""

import math

from deepwright.core.report import Chart
from deepwright.page.axes import finite
from deepwright.page.cells import cut_inside, show
from deepwright.page.colours import HEAT_LEVELS
from deepwright.page.frame import names_below, svg
from deepwright.page.marks import FONT, WIDTH, label
from deepwright.page.markup import tag, text_width, words

__all__ = ["WIDE", "compact", "draw_heat"]

WIDE = 10  # columns from which a drawing keeps its size and scrolls instead of shrinking
_CELL = 26.0  # width of a cell in a wide drawing
_LONGEST = 16  # characters of a name on the left


def draw_heat(chart: Chart) -> tuple[str, str]:
    """The drawing, and a sentence about what could not be drawn."""
    rows, columns = len(chart.matrix), max((len(row) for row in chart.matrix), default=0)
    y_names = [*chart.y_names, *(str(k + 1) for k in range(len(chart.y_names), rows))][:rows]
    x_names = [*chart.x_names, *(str(k + 1) for k in range(len(chart.x_names), columns))][:columns]
    left = 10 + max((text_width(cut_inside(name, _LONGEST), FONT) for name in y_names), default=0.0)
    width = max(WIDTH, left + columns * _CELL + 4) if columns > WIDE else WIDTH
    wide = (width - left - 4) / max(columns, 1)
    tall = min(wide, 64.0) if columns <= WIDE else 22.0
    parts, top = [], 4.0
    if chart.y_label:
        parts.append(label(f"{chart.y_label} ↓", 0, 12, "name"))
        top = 22.0
    for r, row in enumerate(chart.matrix):
        y = top + r * tall
        parts.append(label(y_names[r], left - 6, y + tall / 2 + 4, anchor="end", longest=_LONGEST))
        for c, value in enumerate(row):
            title = f"{chart.y_label or 'row'} {y_names[r]}, {chart.x_label or 'column'} {x_names[c]}: {show(value)}"
            parts.append(_cell(value, _most(chart), (left + c * wide, y, wide, tall), title))
    bottom = top + rows * tall
    below = names_below(x_names, [left + (c + 0.5) * wide for c in range(columns)], bottom, left, width)
    height = bottom + below.height + 4
    parts.append(below.drawn)
    if chart.x_label:
        parts.append(label(f"{chart.x_label} →", (left + width) / 2, height + 10, "name", "middle"))
        height += 18
    return svg(chart, height, *parts, width=width), ""


def _most(chart: Chart) -> float:
    return max((abs(value) for value in finite(value for row in chart.matrix for value in row)), default=0.0)


def _cell(value: float | None, most: float, box: tuple[float, float, float, float], title: str) -> str:
    x, y, width, height = box
    known = value is not None and math.isfinite(value)
    level = round(abs(value) / most * HEAT_LEVELS) if known and most else 0
    if known and value and not level:
        level = 1  # something must look different from nothing
    name = f"m{level}" if known and value < 0 else f"h{level}"
    fill = tag(
        "rect",
        tag("title", words(title)),
        x=x,
        y=y,
        width=max(width - 1, 0.5),
        height=max(height - 1, 0.5),
        class_=name,
    )
    text = compact(value)
    size = min(FONT, FONT * (width - 4) / max(text_width(text, FONT), 0.1))
    if size < 7 or height < size:
        return fill
    place = {"x": x + (width - 1) / 2, "y": y + height / 2 + size * 0.35}
    number = tag("text", words(text), text_anchor="middle", class_=f"{name}-ink in-cell", font_size=size, **place)
    return fill + number


def compact(value: float | None) -> str:
    """A number in at most about five characters.

    >>> compact(7.0), compact(0.12345), compact(12345.0), compact(3.4e6), compact(None)
    ('7', '0.12', '12k', '3.4M', '–')
    """
    if value is None or not math.isfinite(value):
        return show(value)
    size = abs(value)
    for unit, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if unit <= size < unit * 1000:
            scaled = value / (1e3 if sign == "k" else unit)
            return f"{scaled:.{0 if abs(scaled) >= 10 else 1}f}{sign}"
    if size >= 1e12 or (size and size < 1e-3):
        return f"{value:.0e}"
    return f"{value:.0f}" if value == int(value) or size >= 100 else f"{value:.2g}"
