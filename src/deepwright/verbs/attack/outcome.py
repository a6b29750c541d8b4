"""What an attack did, for people and programs: figures over ε beside random changes, and examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from deepwright.contracts import Answer
from deepwright.core.report import Block, Chart, Grid, Headline, Series, Text
from deepwright.core.wording import capital, listed, percent
from deepwright.fields import Fields
from deepwright.spaces import Box
from deepwright.verbs.attack.examples import examples
from deepwright.verbs.attack.room import movable
from deepwright.verbs.attack.target import Target
from deepwright.verbs.comparison import SURE, difference
from deepwright.verbs.figures import Figure, Judged, named
from deepwright.verbs.means import FEWEST
from deepwright.verbs.rows import Chosen

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Outcome", "attack_blocks", "verdict"]

_LINES = {"attack": "attack", "written": "attack, as cells can hold it", "random": "random changes"}


@dataclass
class Outcome:
    """Answers to clean and to changed rows.

    Args:
        z: the clean rows. clean: the answers to them.
        points: ε → the attacked values. attacked, written, random: ε → the answers to them, to what is left of them
            when they are written down as raw cells, and to random changes of the same size.
    """

    chosen: Chosen
    z: Fields
    clean: Answer
    truth: Answer
    sizes: tuple[float, ...]
    points: dict[float, dict[str, Tensor]] = field(default_factory=dict)
    attacked: dict[float, Answer] = field(default_factory=dict)
    written: dict[float, Answer] = field(default_factory=dict)
    random: dict[float, Answer] = field(default_factory=dict)
    judged: Mapping[str, Judged] = field(default_factory=dict)

    def competitors(self) -> dict[str, Answer]:
        """All answers by name: "clean", "attack 0.01" …"""
        found = {"clean": self.clean}
        for kind, answers in (("attack", self.attacked), ("written", self.written), ("random", self.random)):
            found |= {f"{kind} {epsilon}": answer for epsilon, answer in answers.items()}
        return found

    def figure(self, name: str, kind: str, epsilon: float) -> Figure:
        return self.judged[f"{kind} {epsilon}"].figures[name]

    def sizes_data(self, name: str) -> list[dict[str, Any]]:
        return [
            {"epsilon": size, **{kind: self.figure(name, kind, size).to_dict() for kind in _LINES}}
            for size in self.sizes
        ]


def verdict(name: str, outcome: Outcome) -> tuple[str, float | None]:
    """A plain sentence, and the smallest ε at which the attack does more harm than chance."""
    clean = outcome.judged["clean"].figures[name]
    if len(outcome.chosen.rows) < FEWEST:
        return (
            f"Too few rows ({len(outcome.chosen.rows)}) to tell an attack from chance.{_at_most(name, outcome, None)}"
        ), None
    if clean.value is None:
        return (
            f"{named(name)} has no meaning on these rows (only one label may occur), so nothing can be told. Take more rows.",
            None,
        )
    for epsilon in outcome.sizes:
        gap = difference(name, outcome.judged[f"random {epsilon}"], outcome.judged[f"attack {epsilon}"])
        if gap is None or gap.p >= SURE or gap.value <= 0:
            continue
        attack, random = (outcome.figure(name, kind, epsilon).words[0] for kind in ("attack", "random"))
        return (
            f"Changes of at most {percent(epsilon)} of a column's range, made by someone who knows the network, take {named(name)} from "
            f"{clean.words[0]} to {attack}; random changes of the same size leave it at {random} "
            f"(p = {gap.p:.2g}).{_at_most(name, outcome, epsilon)}"
        ), epsilon
    last = outcome.sizes[-1]
    return (
        f"The attack found nothing up to {percent(last)} of a column's range that misleads the network more than random changes "
        f"do: {named(name)} {clean.words[0]} before, {outcome.figure(name, 'attack', last).words[0]} attacked, "
        f"{outcome.figure(name, 'random', last).words[0]} at random."
    ), None


def _at_most(name: str, outcome: Outcome, told: float | None) -> str:
    """What the largest changes do, unless that was told already."""
    last = outcome.sizes[-1]
    if last == told:
        return ""
    attack, random = (outcome.figure(name, kind, last).words[0] for kind in ("attack", "random"))
    return f" At {percent(last)} {named(name)} is {attack}, at random {random}."


def attack_blocks(run: "Run", target: Target, outcome: Outcome, name: str) -> list[Block]:
    """All blocks."""
    text, found = verdict(name, outcome)
    middle = outcome.sizes[len(outcome.sizes) // 2]
    told = len(outcome.chosen.rows) >= FEWEST and outcome.judged["clean"].figures[name].value is not None
    tone: Literal["good", "warning"] = "good" if found is None and told else "warning"
    blocks: list[Block] = [
        _headline(f"{named(name)}, untouched", outcome.judged["clean"].figures[name], outcome.chosen.words),
        _headline(
            f"{named(name)}, attacked", outcome.figure(name, "attack", middle), f"changes of at most {percent(middle)}"
        ),
        _headline(f"{named(name)}, at random", outcome.figure(name, "random", middle), "changes of the same size"),
        Text(text, tone),
        _chart(outcome, name),
        _figures(outcome, name),
        _reach(run, outcome, middle),
        Text(_what_stays(run)),
    ]
    return blocks + examples(run, target, outcome)


def _headline(label: str, figure: Figure, detail: str) -> Headline:
    value, between = figure.words
    return Headline(label, value, f"95 % interval {between}, {detail}" if between else detail)


def _chart(outcome: Outcome, name: str) -> Block:
    x = (0.0, *outcome.sizes)
    series, told = [], []
    for kind, line in _LINES.items():
        figures = [outcome.judged["clean"].figures[name], *(outcome.figure(name, kind, size) for size in outcome.sizes)]
        series.append(_line(line, x, figures))
        told.append(f"{line} {figures[-1].words[0]}")
    alt = f"{named(name)} over the size of the changes; at {percent(outcome.sizes[-1])}: {', '.join(told)}."
    label = "largest change, share of the range in training"
    return Chart(f"{capital(named(name))} under attack", alt, "band", tuple(series), label, named(name))


def _line(name: str, x: Sequence[float], figures: Sequence[Figure]) -> Series:
    """The figures that have a meaning, with their intervals where all have one."""
    known = [(size, figure) for size, figure in zip(x, figures, strict=True) if figure.value is not None]
    sides = {side: tuple(getattr(figure, side) for _, figure in known) for side in ("value", "low", "high")}
    bounded = None not in sides["low"]
    low, high = (sides["low"], sides["high"]) if bounded else ((), ())
    return Series(name, tuple(size for size, _ in known), sides["value"], low, high)


def _figures(outcome: Outcome, name: str) -> Block:
    rows = []
    for size in outcome.sizes:
        cells = [outcome.figure(name, kind, size) for kind in _LINES]
        rows.append((percent(size), *(f.text for f in cells)))
    note = (
        "95 % bootstrap intervals in brackets, all on the same rows. “As cells can hold it”: the attacked values rounded to "
        "whole numbers, days and pixel values where the column holds such, and read again."
    )
    return Grid(
        f"{capital(named(name))} by size of the changes", ("largest change", *_LINES.values()), tuple(rows), note
    )


def _reach(run: "Run", outcome: Outcome, epsilon: float) -> Block:
    """What ε means in the columns' own units, through Box.scale."""
    rows = []
    for name, feature in run.features.items():
        free, space = movable(feature.space), feature.space
        if free is None or not isinstance(space, Box):
            continue
        largest = (epsilon * (space.high - space.low) / space.scale).expand(space.shape)[free].max()
        moved = (outcome.points[epsilon][name] - outcome.z[name].values).abs().flatten(1)
        rows.append((name, float(largest), percent(float((moved > 0).float().mean()))))
    note = (
        "In the column's own units near its middle; far out, where values are bent together, the same step is a longer "
        "way. The last column: the share of its coordinates that the attack moved."
    )
    return Grid(
        f"What {percent(epsilon)} of the range is", ("column", "largest change", "moved"), tuple(rows[:40]), note
    )


def _what_stays(run: "Run") -> str:
    left = [name for name, feature in run.features.items() if movable(feature.space) is None]
    names = left if len(left) <= 12 else [*left[:11], f"{len(left) - 11} more"]
    stays = f" Left as they are: {listed(names)}." if left else ""
    return (
        "Numbers are moved as if every value between two others were possible; whole numbers and days therefore also have "
        "a line of what is left after rounding. Labels, flags, missing cells and what "
        f"follows from other values (the place of a date in the week) are never touched.{stays}"
    )
