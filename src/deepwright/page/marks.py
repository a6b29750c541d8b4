"""How series are told apart: colour, dashes and markers together; and the legend that names them."""

from collections.abc import Callable, Sequence

from deepwright.page.cells import cut_inside, shorten
from deepwright.page.colours import SERIES
from deepwright.page.markup import tag, text_width, words

__all__ = ["FONT", "WIDTH", "Entry", "colour", "dash", "label", "legend", "line_entry", "marker"]

WIDTH = 370.0  # of every drawing, in its own units; the page scales it
FONT = 12.5

Entry = tuple[str, Callable[[float, float], str]]  # a name, and what draws its sign at (x, y)

_DASHES = (None, "7 4", "2 3", "9 3 2 3", "12 4", "4 2 1 2 1 2", "1 5")
_SHAPES = (
    "M{w} {y}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0z",  # circle
    "M{w} {n}h{d}v{d}h-{d}z",  # square
    "M{x} {n}l{r} {d}h-{d}z",  # triangle
    "M{x} {n}l{r} {r}l-{r} {r}l-{r} -{r}z",  # diamond
    "M{x} {s}l{r} -{d}h-{d}z",  # triangle on its head
    "M{w} {n}l{d} {d}m-{d} 0l{d} -{d}",  # cross
    "M{x} {n}v{d}m-{r} -{r}h{d}",  # plus
)


def colour(place: int) -> str:
    """The class that sets the colour of the series at this place."""
    return f"s{place % SERIES}"


def dash(place: int) -> str | None:
    """The dash pattern of the series at this place; 7 patterns and 6 colours only repeat together after 42."""
    return _DASHES[place % len(_DASHES)]


def marker(place: int, x: float, y: float, radius: float = 3.6, title: str | None = None) -> str:
    """The marker of the series at this place, with its values as a title."""
    sizes = {"x": x, "y": y, "w": x - radius, "n": y - radius, "s": y + radius, "r": radius, "d": 2 * radius}
    shape = _SHAPES[place % len(_SHAPES)]
    path = shape.format(**{key: f"{value:.1f}" for key, value in sizes.items()})
    kind = "stroke-dot" if "z" not in shape else "dot"
    return tag("path", *([tag("title", words(title))] if title else []), d=path, class_=kind)


def label(text: str, x: float, y: float, kind: str = "", anchor: str | None = None, longest: int = 60) -> str:
    """A line of text, cut inside to `longest` characters with the whole in its title."""
    line = " ".join(text.split())
    short = cut_inside(line, longest)
    title = [tag("title", words(shorten(line, 2000)))] if short != line else []
    return tag("text", *title, words(short), x=x, y=y, class_=kind or None, text_anchor=anchor)


def line_entry(name: str, place: int, marked: bool, area: bool = False) -> Entry:
    """The legend entry of a line: a piece of it, with its marker where the line has markers."""

    def draw(x: float, y: float) -> str:
        parts = [tag("rect", x=x, y=y - 6, width=22, height=12, class_="area")] if area else []
        parts.append(tag("path", d=f"M{x:.1f} {y:.1f}h22", class_="line", stroke_dasharray=dash(place)))
        if marked:
            parts.append(marker(place, x + 11, y))
        return tag("g", *parts, class_=colour(place))

    return name, draw


def legend(entries: Sequence[Entry], top: float, width: float = WIDTH) -> tuple[str, float]:
    """The entries in as many rows as they need, and the height taken."""
    parts, x, y = [], 2.0, top + 9
    for name, draw in entries:
        short = cut_inside(" ".join(name.split()), 34)
        wide = 28 + text_width(short, FONT) + 16
        if x > 2 and x + wide - 16 > width:
            x, y = 2.0, y + 18
        parts += [draw(x, y), label(name, x + 28, y + 4, longest=34)]
        x += wide
    return "".join(parts), (y + 11 - top if entries else 0.0)
