"""Each block of a report as HTML."""

import base64
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from deepwright.core.report import Block, Cell, Chart, Grid, Headline, Pictures, Text
from deepwright.page.cells import LONGEST, column, is_number
from deepwright.page.charts import data_table, draw, is_empty, keeps_size
from deepwright.page.markup import broken, flagged, tag, trimmed, words

__all__ = ["blocks_html", "is_picture"]

_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}")
_TONES = {"good": "✓ Good", "warning": "! Warning", "bad": "✕ Problem"}
_LONG = re.compile(r"\S{28}")  # a word that must be broken
_TEXT = 1200  # characters of a cell of our own that are shown
_TALL = 20  # rows from which a table scrolls in its own box
_SMALL = 96  # pixels up to which a picture is shown in clear squares, not blurred


def blocks_html(blocks: Sequence[Block]) -> str:
    """All blocks in their order; headlines and charts that follow each other stand side by side."""
    parts = []
    for kind, group in groupby(blocks, key=lambda block: block.block):
        if kind == "headline":
            parts.append(tag("dl", *(_headline(one) for one in group if isinstance(one, Headline)), class_="figures"))
        elif kind == "chart":
            parts.append(tag("div", *(_chart(one) for one in group if isinstance(one, Chart)), class_="charts"))
        else:
            parts += [_block(one) for one in group]
    return tag("div", *parts, class_="stack")


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return _text(block)
    if isinstance(block, Grid):
        return _grid(block)
    if isinstance(block, Pictures):
        return _pictures(block)
    raise TypeError(f"No drawing for a block of type {type(block).__name__}.")


def _text(block: Text) -> str:
    if block.tone == "plain":
        return tag("p", flagged(block.text), class_="plain")
    return tag("p", tag("b", words(_TONES[block.tone])), tag("span", flagged(block.text)), class_=f"tone {block.tone}")


def _headline(block: Headline) -> str:
    short, whole = trimmed(block.value, LONGEST)
    kind = "value long" if len(short) > 9 else "value"
    parts = [tag("dt", words(block.label)), tag("dd", words(short), class_=kind, title=whole)]
    if block.detail:
        parts.append(tag("dd", words(block.detail), class_="detail"))
    return tag("div", *parts, class_="card")


def _note(*sentences: str) -> str:
    text = " ".join(sentence for sentence in sentences if sentence)
    return tag("p", flagged(text), class_="note") if text else ""


def _grid(block: Grid) -> str:
    count = f"{len(block.rows):,} rows here." if len(block.rows) > _TALL else ""
    longest = LONGEST if block.raw else _TEXT  # sentences of ours are never cut; cells of other people's may be books
    body = _table(block.title, block.columns, block.rows, longest) if block.rows else _note("No rows.")
    return tag("div", _heading(block.title), body, _note(block.note, count), class_="card table-card")


def _heading(title: str) -> str:
    short, whole = trimmed(title, LONGEST)
    return tag("h3", words(short), class_="head", title=whole) if title else ""


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], longest: int = LONGEST) -> str:
    """A table in a box of its own that scrolls, also by keyboard; columns of numbers stand to the right."""
    count = max(len(columns), *(len(row) for row in rows))
    numeric = [_is_numeric([row[k] for row in rows if k < len(row)]) for k in range(count)]
    heads = [*columns, *("" for _ in range(count - len(columns)))]
    head = "".join(_head(name, right) for name, right in zip(heads, numeric, strict=True))
    shown = [column([row[k] if k < len(row) else None for row in rows]) for k in range(count)]
    body = "".join(
        tag("tr", *_row(row, [texts[place] for texts in shown], heads, numeric, longest))
        for place, row in enumerate(rows)
    )
    table = tag("table", tag("thead", tag("tr", head)), tag("tbody", body))
    kind = "scroll tall" if len(rows) > _TALL else "scroll"
    return tag("div", table, class_=kind, tabindex="0", role="region", aria_label=f"Table: {title or 'values'}")


def _is_numeric(values: Sequence[Cell]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(is_number(value) for value in known)


def _head(name: str, right: bool) -> str:
    if not name:
        return tag("td")
    short, whole = trimmed(name, LONGEST)
    return tag("th", broken(short), scope="col", class_="n" if right else None, title=whole)


def _row(
    row: Sequence[Cell], texts: Sequence[str], heads: Sequence[str], numeric: Sequence[bool], longest: int
) -> Iterator[str]:
    for place, value in enumerate(row):
        name, scope = ("th", "row") if place == 0 and not numeric[0] and value not in (None, "") else ("td", None)
        if isinstance(value, str) and is_picture(value):
            yield tag(name, _image(value, f"{heads[place] or 'picture'}"), scope=scope)
            continue
        short, whole = trimmed(texts[place], longest)
        kind = "n" if numeric[place] else "long-word" if _LONG.search(short) else None
        yield tag(name, words(short) if numeric[place] else broken(short), scope=scope, class_=kind, title=whole)


def is_picture(text: str) -> bool:
    """Whether a text is a picture that stands in the text itself, and nothing that would be fetched."""
    return text.startswith("data:image/") and _PICTURE.fullmatch(text) is not None


def _image(uri: str, alt: str) -> str:
    size = _png_size(uri)
    if size is None:
        return tag("img", src=uri, alt=alt)
    kind = "small" if max(size) <= _SMALL else None
    return tag("img", src=uri, alt=alt, width=size[0], height=size[1], class_=kind)


def _png_size(uri: str) -> tuple[int, int] | None:
    """Width and height from a PNG's header, so that the page does not jump while it is drawn."""
    start = "data:image/png;base64,"
    head = uri[len(start) : len(start) + 32]
    if not uri.startswith(start) or len(head) < 32:
        return None
    raw = base64.b64decode(head)
    return int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")


def _chart(block: Chart) -> str:
    head = tag("figcaption", _heading(block.title).replace(' class="head"', "")) if block.title else ""
    if is_empty(block):
        return tag("figure", head, _note("There is nothing to draw."), _note(block.note), class_="card")
    drawing, left_out = draw(block)
    wide = keeps_size(block)
    if wide:
        inner = tag("div", drawing, class_="keeps")
        drawing = tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=f"Chart: {block.title}")
    data = tag("details", tag("summary", "Data as a table"), _table(f"data of {block.title}", *data_table(block)))
    parts = [head, tag("div", drawing, class_="drawing"), _note(left_out, block.note), data]
    return tag("figure", *parts, class_="card wide" if wide else "card")


def _pictures(block: Pictures) -> str:
    items = []
    for place, uri in enumerate(block.images):
        caption = block.captions[place] if place < len(block.captions) else ""
        alt = (block.alts[place] if place < len(block.alts) else "") or caption or f"picture {place + 1}"
        short, whole = trimmed(caption, LONGEST)
        shown = _image(uri, alt) if is_picture(uri) else tag("div", "This picture cannot be shown.", class_="lost")
        below = [tag("figcaption", words(short), title=whole)] if caption else []
        items.append(tag("li", tag("figure", shown, *below)))
    body = tag("ul", *items, class_="gallery") if items else _note("No pictures.")
    return tag("div", _heading(block.title), body, _note(block.note), class_="card")
