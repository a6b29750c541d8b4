"""Report: a frozen record of what a verb found, made of a machine part (`data`) and blocks for people.

Blocks say what is shown, never how: the terminal, report.html and the studio each draw the same blocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Block", "Chart", "Grid", "Headline", "Pictures", "Report", "Scale", "Series", "Text"]

Cell = str | float | int | None


@dataclass(frozen=True)
class Text:
    """A sentence or a paragraph. Tone: how it should stand out (never by colour alone)."""

    text: str
    tone: Literal["plain", "good", "warning", "bad"] = "plain"
    block: str = "text"


@dataclass(frozen=True)
class Headline:
    """A figure that matters most, with its interval: `value` is shown large, `detail` under it."""

    label: str
    value: str
    detail: str = ""
    block: str = "headline"


@dataclass(frozen=True)
class Grid:
    """A table. `raw` marks rows of the person's own data, left out by `--no-rows`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    raw: bool = False
    block: str = "grid"


@dataclass(frozen=True)
class Series:
    """One line, cloud or set of bars of a chart. `low`/`high`: an interval around `y`."""

    name: str
    x: tuple[float | str, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scale:
    """One upright axis of a chart of form "parallel": a number, on a logarithmic scale or not, or one of `labels`."""

    name: str
    labels: tuple[str, ...] = ()
    log: bool = False


@dataclass(frozen=True)
class Chart:
    """A plot as data. `alt` is one sentence that tells what it shows to someone who cannot see it.

    Args:
        form: line, step, scatter, bar (x are categories), band (line with interval), heat (`matrix` of counts with
            `x_names`, `y_names`), or parallel (a row of `matrix` is a line over `scales`, named in `y_names`; where a
            scale has labels, the number is the place of one).
        diagonal: draw the line y = x (calibration, ROC chance, predicted against true).
        groups: of the lines of a parallel chart; the groups that come first are drawn boldest.
    """

    title: str
    alt: str
    form: Literal["line", "step", "scatter", "bar", "band", "heat", "parallel"]
    series: tuple[Series, ...] = ()
    x_label: str = ""
    y_label: str = ""
    matrix: tuple[tuple[float, ...], ...] = ()
    x_names: tuple[str, ...] = ()
    y_names: tuple[str, ...] = ()
    diagonal: bool = False
    log_x: bool = False
    scales: tuple[Scale, ...] = ()
    groups: tuple[str, ...] = ()
    note: str = ""
    block: str = "chart"


@dataclass(frozen=True)
class Pictures:
    """Images with captions; `images` are data URIs ("data:image/png;base64,…"). `raw`: the person's own pictures."""

    title: str
    images: tuple[str, ...]
    captions: tuple[str, ...]
    alts: tuple[str, ...]
    note: str = ""
    raw: bool = False
    block: str = "pictures"


Block = Text | Headline | Grid | Chart | Pictures


@dataclass(frozen=True)
class Report:
    """What a verb found.

    Args:
        verb: the verb's name. title: a heading for people.
        data: plain JSON for programs; always holds `version`.
        blocks: what people see, in order.
    """

    verb: str
    title: str
    data: Mapping[str, Any]
    blocks: Sequence[Block] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            "verb": self.verb,
            "title": self.title,
            "data": dict(self.data),
            "blocks": [asdict(b) for b in self.blocks],
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Report":
        """A report from what `to_dict` gave (through JSON)."""
        blocks = tuple(_block(block) for block in stored["blocks"])
        return cls(stored["verb"], stored["title"], stored["data"], blocks)

    def _repr_html_(self) -> str:
        from deepwright.page.page import fragment

        return fragment(self)


_BLOCKS = {"text": Text, "headline": Headline, "grid": Grid, "chart": Chart, "pictures": Pictures}


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _block(stored: Mapping[str, Any]) -> Block:
    parts = {key: _tuples(value) for key, value in stored.items()}
    if parts["block"] == "chart":
        parts["series"] = tuple(Series(**{k: _tuples(v) for k, v in one.items()}) for one in stored["series"])
        scales = stored.get("scales", ())
        parts["scales"] = tuple(Scale(**{k: _tuples(v) for k, v in one.items()}) for one in scales)
    return _BLOCKS[parts["block"]](**parts)
