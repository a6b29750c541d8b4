"""A chart as a drawing and as a table of all its numbers."""

from deepwright.core.report import Cell, Chart
from deepwright.page.bars import draw_bars
from deepwright.page.cells import show
from deepwright.page.heat import WIDE, draw_heat
from deepwright.page.lines import draw_lines
from deepwright.page.parallel import FEW, draw_parallel, shown_on

__all__ = ["data_table", "draw", "is_empty", "keeps_size"]

_DRAW = {
    "line": draw_lines,
    "step": draw_lines,
    "scatter": draw_lines,
    "band": draw_lines,
    "bar": draw_bars,
    "heat": draw_heat,
    "parallel": draw_parallel,
}


def draw(chart: Chart) -> tuple[str, str]:
    """The chart as one `<svg>`, and a sentence about what could not be drawn ("" where everything was)."""
    return _DRAW[chart.form](chart)


def is_empty(chart: Chart) -> bool:
    """Whether there is nothing to draw."""
    if chart.form in ("heat", "parallel"):
        return not any(chart.matrix)
    return not any(min(len(one.x), len(one.y)) for one in chart.series)


def keeps_size(chart: Chart) -> bool:
    """Whether the drawing is too wide to be shrunk to a phone, and is scrolled instead."""
    if chart.form == "parallel":
        return len(chart.scales) > FEW
    return chart.form == "heat" and max((len(row) for row in chart.matrix), default=0) > WIDE


def data_table(chart: Chart) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """Column names and rows that hold every number of the chart.

    Series over the same x stand side by side; others below each other with their name in front.
    """
    if chart.form == "heat":
        return _matrix_table(chart)
    if chart.form == "parallel":
        return _lines_table(chart)
    if chart.series and all(one.x == chart.series[0].x for one in chart.series):
        return _side_by_side(chart)
    bounds = any(one.low or one.high for one in chart.series)
    names = ("series", chart.x_label or "x", chart.y_label or "y", *(("low", "high") if bounds else ()))
    rows: list[tuple[Cell, ...]] = []
    for one in chart.series:
        for k, x in enumerate(one.x):
            interval = (_item(one.low, k), _item(one.high, k)) if bounds else ()
            rows.append((one.name, x, _item(one.y, k), *interval))
    return names, rows


def _item(values: tuple[float, ...], k: int) -> float | None:
    return values[k] if k < len(values) else None


def _side_by_side(chart: Chart) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    names, columns = [chart.x_label or "x"], [chart.series[0].x]
    for one in chart.series:
        name = chart.y_label or one.name if len(chart.series) == 1 else one.name
        names.append(name)
        columns.append(one.y)
        if one.low or one.high:
            names += [f"{name}: low", f"{name}: high"] if len(chart.series) > 1 else ["low", "high"]
            columns += [one.low, one.high]
    count = len(chart.series[0].x)
    return tuple(names), [tuple(_item(column, k) for column in columns) for k in range(count)]


def _matrix_table(chart: Chart) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    columns = max((len(row) for row in chart.matrix), default=0)
    corner = f"{chart.y_label or 'row'} \\ {chart.x_label or 'column'}"
    heads = [chart.x_names[c] if c < len(chart.x_names) else str(c + 1) for c in range(columns)]
    rows = [(chart.y_names[r] if r < len(chart.y_names) else show(r + 1), *row) for r, row in enumerate(chart.matrix)]
    return (corner, *heads), rows


def _lines_table(chart: Chart) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    heads = (chart.y_label or "line", *(scale.name for scale in chart.scales), "group")
    rows: list[tuple[Cell, ...]] = []
    for place, row in enumerate(chart.matrix):
        name = chart.y_names[place] if place < len(chart.y_names) else show(place + 1)
        group = chart.groups[place] if place < len(chart.groups) else None
        rows.append((name, *(shown_on(scale, value) for scale, value in zip(chart.scales, row, strict=False)), group))
    return heads, rows
