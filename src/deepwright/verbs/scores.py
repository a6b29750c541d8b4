"""Scores: what people see first and last of an evaluation, figures beside those of the baselines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from deepwright.core.report import Block, Chart, Grid, Headline, Series, Text
from deepwright.core.wording import capital, grouped, in_words, interval, plural
from deepwright.verbs.comparison import LABELS, Difference, compare, verdict
from deepwright.verbs.figures import Figure, Judged, named
from deepwright.verbs.validation import metric

__all__ = ["Scores"]

FEW = 30  # rows below which figures are called uncertain
_ROWS = {"test": "test row it never saw", "validation": "validation row", "new data": "new row"}
_MANY = {"test": "test rows it never saw", "validation": "validation rows", "new data": "new rows"}


@dataclass(frozen=True)
class Scores:
    """Figures of all competitors on the same rows.

    Args:
        names: of the metrics, the deciding one first. judged: "network" and the baselines.
        told: what to know about the baselines.
    """

    names: tuple[str, ...]
    judged: Mapping[str, Judged]
    split: str
    rows: int
    told: tuple[str, ...]

    @cached_property
    def gaps(self) -> Mapping[str, Difference]:
        return compare(self.names[0], self.judged)

    @cached_property
    def verdict(self) -> str:
        return verdict(self.names[0], self.judged, self.gaps)

    @property
    def notes(self) -> tuple[str, ...]:
        few = f"{plural(self.rows, 'row')} can tell little: another handful could change every figure on this page."
        return ((few,) if self.rows < FEW else ()) + self.told

    @property
    def _tone(self) -> Literal["good", "plain", "warning"]:
        """Good: better than every baseline, and not the constant alone."""
        if not all(gap.better for gap in self.gaps.values()):
            return "warning"
        return "good" if len(self.gaps) > 1 and not self.told else "plain"

    def first(self) -> list[Block]:
        """The deciding figure of all, the verdict, every figure; what must be known beside them."""
        blocks: list[Block] = [self._headline(who, one) for who, one in self.judged.items()]
        blocks += [Text(self.verdict, self._tone), self._table()]
        blocks += [Text(note, "warning") for note in self.notes]
        return [*blocks, self._gaps(), self._chart()] if len(self.gaps) > 1 else blocks

    def last(self) -> list[Block]:
        """Intervals of the baselines, and what the figures mean."""
        beside = [who for who in self.judged if who != "network"]
        intervals = tuple((self._arrow(name), *self._intervals(name, beside)) for name in self.names)
        meanings = tuple((named(name), metric(name).meaning, name) for name in self.names)
        return [
            Grid("Baselines with their 95 % intervals", ("figure", *(LABELS.get(w, w) for w in beside)), intervals),
            Grid("What the figures mean", ("figure", "what it says", "name for --metric"), meanings),
        ]

    def _intervals(self, name: str, beside: Sequence[str]) -> list[str]:
        """Each baseline's figure with as many digits as the network's has."""
        decimals = self.judged["network"].figures[name].decimals
        figures = [self.judged[who].figures.get(name, Figure(None, None, None)) for who in beside]
        return [interval(one.value, one.low, one.high, decimals) for one in figures]

    def _headline(self, who: str, one: Judged) -> Headline:
        name = self.names[0]
        figure = one.figures[name]
        value, between = in_words(figure.value, figure.low, figure.high, self.judged["network"].figures[name].decimals)
        if who != "network":
            return Headline(f"{LABELS.get(who, who)}{' answer' * (who == 'constant')}", value, between)
        between = f"95 % interval {between}" if between else ""
        rows = f"{plural(self.rows, _ROWS[self.split], _MANY[self.split])}"
        return Headline(f"{named(name)} of the network", value, f"{between}, {rows}" if between else rows)

    def _arrow(self, name: str) -> str:
        return f"{named(name)}\u00a0{'↑' if metric(name).better == 'higher' else '↓'}"

    def _table(self) -> Grid:
        """One line a metric; the network's interval says how many digits all get."""
        rows = []
        for name in self.names:
            own = self.judged["network"].figures[name]
            others = [one.figures.get(name) for who, one in self.judged.items() if who != "network"]
            shown = [grouped(None if other is None else other.value, own.decimals) for other in others]
            rows.append((self._arrow(name), own.text, *shown))
        labels = tuple(self.judged)  # short, so that all of it fits a terminal
        note = "↑ higher is better, ↓ lower is better; 95 % bootstrap interval in brackets; all on the same rows."
        return Grid("Figures beside baselines", ("figure", *labels), tuple(rows), note)

    def _chart(self) -> Chart:
        """The deciding figure of all with intervals."""
        name = self.names[0]
        known = [(who, one.figures[name]) for who, one in self.judged.items()]
        known = [(who, figure) for who, figure in known if figure.value is not None]
        told = ", ".join(f"{who} {figure.text}" for who, figure in known)
        low, high = (
            tuple(f.value if (end := getattr(f, side)) is None else end for _, f in known) for side in ("low", "high")
        )
        series = Series(named(name), tuple(who for who, _ in known), tuple(f.value for _, f in known), low, high)  # type: ignore[arg-type]
        better = "Higher is better." if metric(name).better == "higher" else "Lower is better."
        title, alt = f"{capital(named(name))} beside baselines", f"With 95 % intervals: {told}. {better}"
        return Chart(title, alt, "scatter", (series,), "", named(name), note=better)

    def _gaps(self) -> Grid:
        rows = tuple((LABELS.get(who, who), gap.text, f"{gap.p:.2g}") for who, gap in self.gaps.items())
        note = (
            "The difference on the same rows, row by row, signed so that above 0 the network is better; with its 95 % "
            "interval. p: how often chance alone makes one as large."
        )
        return Grid(f"How much better in {named(self.names[0])}", ("than", "difference", "p"), rows, note)
