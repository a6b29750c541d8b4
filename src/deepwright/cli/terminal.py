"""Report blocks on a terminal: headlines first, tables that fit, charts in a line; plain signs on plain terminals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepwright.core.report import Block, Cell, Chart, Grid, Headline, Pictures, Report, Series, Text
from deepwright.page.blocks import is_picture
from deepwright.page.cells import clean, column, cut_inside, is_number, shorten, show
from deepwright.page.charts import data_table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as Words

__all__ = ["plain", "render"]

_LINES = "▁▂▃▄▅▆▇█"
_PLAIN_LINES = "_.-=+*%#"
_TONES = {"good": ("✓", "+", "green"), "warning": ("!", "!", "yellow"), "bad": ("✗", "x", "red")}
_ROWS = 24  # of a table; the page has them all
_BARS = 20  # categories of a bar chart that are drawn
_CLASSES = 12  # of a heat map that are shown
_LONGEST = 48  # characters of a cell
_SHORT = 20  # characters of captions that share a line
_SENTENCE = 1200  # characters of a cell of our own
_SIGNS = str.maketrans({
    "–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "×": "x", "·": ".", "≤": "<=",
    "≥": ">=", "→": "->", "←": "<-", "↑": "^", "↓": "v", "²": "2", "³": "3", "±": "+/-", "∞": "inf", "•": "*", "\u00a0": " ", "\u202f": " ",
    "ε": "epsilon", "σ": "sigma", "µ": "u", "Δ": "delta", "≈": "~", "✓": "+", "✗": "x", "\ufffd": "?",
})  # fmt: skip


def render(report: Report, console: Console) -> None:
    """Print a report: its headlines, then every other block in order.

    No text can steer the terminal or be taken for markup, and every character is one that the console's encoding has.
    """
    heads = [block for block in report.blocks if isinstance(block, Headline)]
    painter = _Painter(console)
    painter.title(report.title, "bold underline")
    if heads:
        painter.headlines(heads)
    for block in report.blocks:
        if not isinstance(block, Headline):
            painter.block(block)


def plain(text: str, encoding: str) -> str:
    """The text in characters that the encoding has; the nearest sign stands for what it lacks.

    >>> plain("95 % – 3×10", "ascii"), plain("Škoda", "ascii"), plain("RMSE ↓, accuracy ↑", "ascii")
    ('95 % - 3x10', '?koda', 'RMSE v, accuracy ^')
    """
    if encoding.lower().replace("-", "").startswith("utf"):
        return text
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_SIGNS).encode(encoding, "replace").decode(encoding)
    return text


class _Painter:
    """Prints blocks to one console."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.encoding = console.encoding
        self.rich_signs = self.encoding.lower().startswith("utf")

    def words(self, text: str, style: str = "") -> Words:
        from rich.text import Text as Words

        # tabs would make widths wrong; no markup is read, "[red]" in a cell stays as it is
        return Words(plain(clean(text).expandtabs(4), self.encoding), style=style)

    def say(self, text: str, style: str = "") -> None:
        self.console.print(self.words(text, style), highlight=False, overflow="fold")

    def title(self, text: str, style: str = "bold") -> None:
        if text:
            self.console.print()
            self.say(shorten(_line(text), 200), style)

    def block(self, block: Block) -> None:
        if isinstance(block, Text):
            self.text(block)
        elif isinstance(block, Grid):
            self.grid(block)
        elif isinstance(block, Chart):
            self.chart(block)
        elif isinstance(block, Pictures):
            self.pictures(block)
        else:
            raise TypeError(f"No way to print a block of type {type(block).__name__}.")

    def text(self, block: Text) -> None:
        if block.tone == "plain":
            self.say(block.text)
            return
        sign, simple, style = _TONES[block.tone]
        self.say(f"{sign if self.rich_signs else simple} {block.text}", style)

    def headlines(self, heads: Sequence[Headline]) -> None:
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for style in ("", "bold", "dim"):
            table.add_column(style=style, overflow="fold")
        for head in heads:
            texts = (head.label, head.value, head.detail)
            table.add_row(*(self.words(" ".join(shorten(text, 200).split())) for text in texts))
        self.console.print(table)
        self.console.print()

    def grid(self, block: Grid) -> None:
        self.title(block.title)
        if not block.rows:
            self.say("No rows.", "dim")
        else:
            self.table(block.columns, block.rows[:_ROWS], _LONGEST if block.raw else _SENTENCE)
        if len(block.rows) > _ROWS:
            self.say(
                f"… and {len(block.rows) - _ROWS:,} more rows (in report.html, where there is one, or with --json)",
                "dim",
            )
        if block.note:
            self.say(block.note, "dim")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], longest: int = _LONGEST) -> None:
        """As many columns from the left as fit the width; a sentence tells how many do not."""
        count = max(len(columns), *(len(row) for row in rows))
        heads = [shorten(_line(name), 30) for name in [*columns, *[""] * (count - len(columns))]]
        texts = [self._column([row[k] if k < len(row) else None for row in rows], longest) for k in range(count)]
        fits = self._fitting(heads, texts)
        table = self._table()
        for k in range(fits):
            right = all(is_number(row[k]) for row in rows if k < len(row) and row[k] is not None)
            table.add_column(self.words(heads[k]), justify="right" if right else "left", overflow="fold")
        for place in range(len(rows)):
            table.add_row(*(self.words(texts[k][place]) for k in range(fits)))
        self.console.print(table)
        if fits < count:
            word = "column" if count - fits == 1 else "columns"
            self.say(f"… and {count - fits} more {word}: {shorten(', '.join(heads[fits:]), 200)}", "dim")

    def _table(self) -> Table:
        from rich import box
        from rich.table import Table

        return Table(box=box.SIMPLE_HEAD if self.rich_signs else box.ASCII, pad_edge=False, header_style="bold")

    def _column(self, values: Sequence[Cell], longest: int) -> list[str]:
        return [
            "(picture)" if isinstance(value, str) and is_picture(value) else cut_inside(_line(text), longest)
            for value, text in zip(values, column(values), strict=True)
        ]

    def _fitting(self, heads: Sequence[str], texts: Sequence[Sequence[str]]) -> int:
        from rich.cells import cell_len

        room = self.console.width
        for k, (head, column_texts) in enumerate(zip(heads, texts, strict=True)):
            longest = max((cell_len(text) for text in column_texts), default=0)
            room -= max(min(longest, 16), min(cell_len(head), 16)) + 3  # longer texts fold to 16
            if room < 0:
                return max(k, 1)
        return len(heads)

    def chart(self, block: Chart) -> None:
        self.title(block.title)
        if block.alt:
            self.say(block.alt)
        if block.form == "heat":
            self.heat(block)
        elif block.form == "bar":
            self.bars(block)
        elif block.form != "scatter":
            self.curves(block)
        if block.note:
            self.say(block.note, "dim")

    def heat(self, block: Chart) -> None:
        if not block.matrix or max(len(block.matrix), *(len(row) for row in block.matrix)) > _CLASSES:
            return
        corner = " \\ ".join(part for part in (block.y_label, block.x_label) if part)
        names = [*block.y_names, *[""] * len(block.matrix)]
        self.table((corner, *block.x_names), [(name, *row) for name, row in zip(names, block.matrix, strict=False)])

    def curves(self, block: Chart) -> None:
        """A line of signs for each series, all on one scale."""
        drawn = [(one, [value for value in one.y if _known(value)]) for one in block.series[:8]]
        drawn = [(one, known) for one, known in drawn if len(known) > 1]
        names = [cut_inside(_line(one.name), 28) for one, _ in drawn]
        long = max((len(name) for name in names), default=0)
        wide = min(40, max(10, self.console.width - long - 20))
        bounds = [value for _, known in drawn for value in (min(known), max(known))]
        for name, (_, known) in zip(names, drawn, strict=True):
            signs = self._spark(known, wide, (min(bounds), max(bounds)))
            self.say(f"{name:<{long}} {signs} {show(known[0])} → {show(known[-1])}")

    def _spark(self, values: Sequence[float], wide: int, bounds: tuple[float, float] | None = None) -> str:
        signs = _LINES if self.rich_signs else _PLAIN_LINES
        count = min(wide, len(values))
        picked = [values[round(k * (len(values) - 1) / max(count - 1, 1))] for k in range(count)]
        low, high = bounds or (min(picked), max(picked))
        room = high / 2 - low / 2  # halves: the whole may be beyond the largest float
        if room <= 0:
            return signs[3] * count
        return "".join(signs[max(0, min(7, int((value / 2 - low / 2) / room * 8)))] for value in picked)

    def bars(self, block: Chart) -> None:
        many = max((len(one.x) for one in block.series), default=0)
        if len(block.series) > 1 and many <= _CLASSES:
            self.table(*data_table(block))
        elif len(block.series) == 1 and many <= _BARS:
            one = block.series[0]
            self._bars(one, [cut_inside(_line(show(x)), 24) for x in one.x])
        else:
            self._histogram(block)

    def _histogram(self, block: Chart) -> None:
        """A line of signs for each series: how high its bars are, from which category to which."""
        wide = min(40, max(10, self.console.width - 40))
        for one in block.series[:8]:
            known = [(value, x) for x, value in zip(one.x, one.y, strict=False) if _known(value)]
            if known:
                most, where = max(known, key=lambda pair: pair[0])
                ends = " to ".join(cut_inside(_line(show(x)), 14) for x in (known[0][1], known[-1][1]))
                self.say(f"{cut_inside(_line(one.name), 20):<12} {self._spark([y for y, _ in known], wide)} {ends}")
                self.say(f"highest: {show(most)} at {cut_inside(_line(show(where)), 40)}", "dim")

    def _bars(self, one: Series, names: Sequence[str]) -> None:
        sizes = [abs(value) if _known(value) else 0.0 for value in one.y]
        most, wide = max(sizes, default=0.0), max(5, min(40, self.console.width - 42))
        sign = "█" if self.rich_signs else "#"
        for name, value, size in zip(names, one.y, sizes, strict=False):
            bar = sign * max(round(size / most * wide), 1 if size else 0) if most else ""
            self.say(f"{name:<24} {bar} {show(value)}")

    def pictures(self, block: Pictures) -> None:
        self.title(block.title)
        captions = [shorten(_line(caption), 160) for caption in block.captions[:12]]
        if all(len(caption) <= _SHORT for caption in captions):  # numbers and the like
            captions = [", ".join(captions)] if captions else []
        for caption in captions:
            self.say(f"- {caption}")
        rest = len(block.images) - min(len(block.captions), 12)
        if rest > 0:
            self.say(
                f"… and {rest} more pictures (in report.html, where it is written)"
                if block.captions
                else f"{rest} pictures (in report.html, where it is written)",
                "dim",
            )
        if block.note:
            self.say(block.note, "dim")


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _line(text: str) -> str:
    return " ".join(text.split())
