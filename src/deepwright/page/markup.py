"""HTML and SVG elements as strings: every attribute is escaped here, text by `words`, and nowhere else."""

import re
from html import escape

from deepwright.page.cells import clean, shorten, show

__all__ = ["broken", "flagged", "tag", "text_width", "trimmed", "words"]

_EMPTY = frozenset({"br", "img", "link", "meta", "circle", "line", "path", "rect"})
_LONG_WORD = re.compile(r"\S{24,}")
_FLAG = re.compile(r"(?<!\S)(--[a-z][a-z-]{0,18})(?![\w<-])")
_WHOLE = r'<span class="flag">\1</span>'
_JOINT = re.compile(r"([_|/,\-](?=\w))")
_LONGEST_TITLE = 10_000


def words(text: str) -> str:
    """Text made safe to stand between tags or in a quoted attribute."""
    return escape(clean(str(text)), quote=True)


def broken(text: str) -> str:
    """The same, with places inside long words where a line may end, after signs that join words; none inside a flag.

    >>> broken("One_Story_1946_and_Newer"), broken("try --task regress")
    ('One_<wbr/>Story_<wbr/>1946_<wbr/>and_<wbr/>Newer', 'try <span class="flag">--task</span> regress')
    """
    return _FLAG.sub(_WHOLE, _LONG_WORD.sub(lambda word: _JOINT.sub(r"\1<wbr/>", word[0]), words(text)))


def flagged(text: str) -> str:
    """Words whose flags (--task) stay on one line."""
    return _FLAG.sub(_WHOLE, words(text))


def trimmed(text: str, longest: int) -> tuple[str, str | None]:
    """The text cut to `longest` characters, and the full text for a title where something was cut."""
    short = shorten(text, longest)
    return short, None if short == text else shorten(text, _LONGEST_TITLE)


def tag(name: str, /, *inside: str, **attributes: str | float | None) -> str:
    """One element. `inside` must be markup already; attribute values are escaped, `None` leaves the attribute out.

    `class_` is written class, and `stroke_width` stroke-width; numbers are rounded to hundredths.

    >>> tag("rect", x=1.234, class_="bar"), tag("p", words("<b>"))
    ('<rect x="1.23" class="bar"/>', '<p>&lt;b&gt;</p>')
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY and not inside:
        return f"<{name}{written}/>"
    return f"<{name}{written}>{''.join(inside)}</{name}>"


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return words(value)
    return f"{round(float(value), 2):g}" if abs(value) < 1e5 else show(value)


def text_width(text: str, size: float) -> float:
    """At most about how wide a text is drawn in a system font (some are wide), in the units of `size`."""
    total = 0.0
    for sign in text:
        if ord(sign) > 0x2E7F:  # CJK, emoji
            total += 1.0
        elif sign in "ilj.,:;'|!tfI()[] ":
            total += 0.38
        elif sign in "mwMW%@—":
            total += 0.96
        else:
            total += 0.7 if sign.isupper() else 0.63
    return total * size
