"""The report of a tune: the best settings beside the default recipe, what mattered, and how every trial ended."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deepwright import registries
from deepwright.core.report import Block, Chart, Grid, Headline, Report, Scale, Series, Text
from deepwright.core.wording import capital, interval, number, plural
from deepwright.draft import split_path
from deepwright.ranges import Choice, Range, Real
from deepwright.verbs.figures import named
from deepwright.verbs.learning import duration
from deepwright.verbs.tune.beside import Comparison
from deepwright.verbs.tune.points import is_ordered, param_of, params, shown_value, value_of
from deepwright.verbs.tune.soup import Soup
from deepwright.verbs.tune.study import ENOUGH, Record

__all__ = ["Story", "default_values", "tune_report"]

QUARTER = 0.25
WIDE = 30.0  # times as large: figures that far apart are shown by their ratio
_STATES = {
    "done": "done",
    "pruned": "given up",
    "failed": "failed",
    "running": "running",
    "paused": "paused",
    "stopped": "stopped",
}


@dataclass(frozen=True)
class Story:
    """All that there is to tell.

    Args:
        settings: name → value in the default recipe. importance: name → share, the largest first.
        run: the winner's run. notes: sentences about what was cut short.
    """

    folder: str
    run: str
    primary: str
    better: Literal["lower", "higher"]
    ranges: Mapping[str, Range]
    settings: Mapping[str, Any]
    records: Sequence[Record]
    best: Record
    default: Record | None
    importance: Mapping[str, float]
    comparison: Comparison | None
    soup: Soup | None
    about: Mapping[str, Any]
    notes: Sequence[str] = ()

    @property
    def figured(self) -> list[Record]:
        """Finished trials, best first."""
        done = [one for one in self.records if one.state == "done" and one.value is not None]
        sign = 1.0 if self.better == "lower" else -1.0
        return sorted(done, key=lambda one: sign * (one.value or 0.0))


def tune_report(story: Story) -> Report:
    """See above."""
    count = Counter("stopped" if one.over else one.state for one in story.records)
    data = {
        "version": 1, "folder": story.folder, "run": story.run, "primary": story.primary, "better": story.better,
        "best": {"number": story.best.number, "value": story.best.value, "settings": _settings(story, story.best)},
        "default": dict(story.settings), "trials": [_trial(story, one) for one in story.records],
        "counts": {state: count[state] for state in _STATES}, "importance": dict(story.importance),
        "comparison": None if story.comparison is None else story.comparison.to_dict(),
        "soup": None if story.soup is None else story.soup.to_dict(), "notes": list(story.notes), **story.about,
    }  # fmt: skip
    blocks: list[Block] = [*_head(story, count)]
    blocks += [Text(note, "warning") for note in story.notes]
    blocks.append(_best_settings(story))
    blocks += _held_out(story)
    blocks += _soup(story)
    blocks += _importance(story)
    blocks += _history(story)
    blocks += _parallel(story)
    blocks.append(_trials(story))
    return Report("tune", "How it was tuned", data, tuple(blocks))


def _settings(story: Story, record: Record) -> dict[str, Any]:
    return {name: value_of(one, record.point[name]) for name, one in story.ranges.items() if name in record.point}


def _trial(story: Story, one: Record) -> dict[str, Any]:
    return {
        "number": one.number, "state": "stopped" if one.over else one.state, "value": one.value, "settings": _settings(story, one),
        "reason": one.reason, "steps": one.facts.get("steps"), "seconds": one.facts.get("seconds"),
    }  # fmt: skip


def _head(story: Story, count: Counter[str]) -> list[Block]:
    default = "" if story.default is None else f"default recipe {number(story.default.value)}; "
    ended = f"{count['pruned']} given up early, {count['failed']} failed, {count['stopped']} stopped at the end"
    blocks: list[Block] = [
        Headline(
            f"validation {_named(story.primary)}", number(story.best.value), f"{default}trial {story.best.number}"
        ),
        Headline("trials", str(len(story.records)), ended),
        Headline("time", duration(float(story.about["seconds"])), f"of {story.about['budget']}"),
    ]
    if story.comparison is not None:
        blocks.append(Text(story.comparison.text, story.comparison.tone))
    elif story.best.number == 0 and story.default is not None:
        text = f"No trial was better than the default recipe (validation {_named(story.primary)} {number(story.best.value)}): it is the winner."
        blocks.append(Text(text, "warning"))
    return blocks


def _best_settings(story: Story) -> Grid:
    best = _settings(story, story.best)
    rows = tuple(
        (name, shown_value(best[name]), shown_value(story.settings.get(name)), _words(one))
        for name, one in story.ranges.items()
    )
    return Grid("Best settings beside the default recipe", ("setting", "best", "default", "searched"), rows)


def _words(one: Range) -> str:
    if isinstance(one, Choice):
        return ", ".join(shown_value(value) for value in one.values)
    how = " (logarithmic)" if isinstance(one, Real) and one.log else ""
    return f"{one.low:.4g} to {one.high:.4g}{how}"


def _held_out(story: Story) -> list[Block]:
    found = story.comparison
    if found is None:
        return []
    arrows = {"higher": "↑", "lower": "↓"}
    rows = tuple(
        (
            f"{capital(_named(name))} {arrows[found.better[name]]}",
            *(interval(one.value, one.low, one.high) for one in both),
        )
        for name, both in found.figures.items()
    )
    which = "test rows that no trial has seen" if found.split == "test" else "validation rows, which chose the winner"
    note = f"{number(found.rows)} {which}; both trained with the same budget. 95 % bootstrap intervals in brackets; ↑ higher is better, ↓ lower."
    return [Grid("Winner beside the default recipe", ("figure", "winner", "default recipe"), rows, note)]


def _named(figure: str) -> str:
    """A figure's name for people."""
    return named(figure) if figure in registries.metrics else figure


def _soup(story: Story) -> list[Block]:
    one = story.soup
    if one is None:
        return []
    if not one.tried:
        return [Text("No other trial has the winner's architecture, so there were no weights to average.")]
    if not one.kept:
        return [
            Text(
                f"Averaging the weights of the {one.tried} next best trials with the winner's was tried and not kept: "
                f"validation {_named(story.primary)} is best for the winner alone ({number(one.alone)})."
            )
        ]
    names = ", ".join(str(number) for number in one.trials)
    return [
        Text(
            f"The run holds the average of the weights of trials {names}: validation {_named(story.primary)} "
            f"{number(one.value)} against {number(one.alone)} for the winner alone.", "good",
        )
    ]  # fmt: skip


def _importance(story: Story) -> list[Block]:
    if not story.importance:
        done = len(story.figured)
        if done >= ENOUGH or len(story.ranges) < 2:
            return []
        few = f"{plural(done, 'trial')} of {len(story.records)} came to the end, too few to say what mattered (at least {ENOUGH})"
        return [Text(f"{capital(few)}: give more --trials, or let all come to their end (--prune none).")]
    names, shares = tuple(story.importance), tuple(story.importance.values())
    alt = f"How much each setting decided: most of all {names[0]} ({shares[0]:.0%})."
    note = "The share of each setting in whether a trial is among the best (PED-ANOVA on the finished trials)."
    series = (Series("share", _brief(names), shares),)
    return [Chart("What mattered", alt, "bar", series, "setting", "share", note=note)]


def _brief(names: Sequence[str]) -> tuple[str, ...]:
    """The last words of dotted names, with the word before where two end alike."""
    parts = [split_path(name) for name in names]
    last = Counter(one[-1] for one in parts)
    return tuple(one[-1] if last[one[-1]] == 1 else ".".join(one[-2:]) for one in parts)


def _parallel(story: Story) -> list[Block]:
    records = story.figured
    if len(records) < 3:
        return []
    names = list(story.ranges)
    scales = [_scale(brief, story.ranges[name]) for brief, name in zip(_brief(names), names, strict=True)]
    figures = [float(one.value or 0.0) for one in records]
    scales.append(Scale(_named(story.primary), log=min(figures) > 0 and max(figures) > WIDE * min(figures)))
    first = max(2, math.ceil(QUARTER * len(records)))
    groups = ["best", *["best quarter"] * (first - 1), *["others"] * (len(records) - first)]
    matrix = tuple(
        (*(_height(story.ranges[name], one.point[name]) for name in names), float(one.value or 0.0)) for one in records
    )
    good = [value_of(story.ranges[names[0]], one.point[names[0]]) for one in records[:first]]
    alt = (
        f"{len(records)} finished trials as lines over {len(names)} settings and the validation {_named(story.primary)}; the best "
        f"quarter has {_brief(names)[0]} {_span(good)} and {_named(story.primary)} {number(records[0].value)} to {number(records[first - 1].value)}."
    )
    return [
        Chart(
            "Settings of the trials", alt, "parallel", y_label="trial", y_names=tuple(f"trial {one.number}" for one in records),
            matrix=matrix, scales=tuple(scales), groups=tuple(groups),
            note="Trials that were given up are left out: their figures are those of unfinished trainings.",
        )
    ]  # fmt: skip


def _scale(name: str, one: Range) -> Scale:
    if isinstance(one, Choice):
        return Scale(name, tuple(shown_value(value_of(one, param)) for param in params(one)))
    return Scale(name, log=isinstance(one, Real) and one.log)


def _height(one: Range, param: Any) -> float:
    """A stored value as a number on its scale: the place of a choice."""
    if isinstance(one, Choice):
        return float(param) if is_ordered(one) else float(params(one).index(param))
    return float(param)


def _span(values: Sequence[Any]) -> str:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return f"{number(min(values))} to {number(max(values))}"
    return " or ".join(dict.fromkeys(shown_value(value) for value in values))


def _history(story: Story) -> list[Block]:
    ended = [one for one in story.records if one.state == "done" and one.value is not None]
    if len(ended) < 2:
        return []
    best, line = None, []
    pick = min if story.better == "lower" else max
    for one in ended:
        best = one.value if best is None else pick(best, one.value or 0.0)
        line.append(float(best or 0.0))
    series = (Series("best so far", tuple(float(one.number) for one in ended), tuple(line)),)
    alt = f"The best validation {_named(story.primary)} so far goes from {number(line[0])} to {number(line[-1])} over {len(story.records)} trials."
    return [Chart("Best so far", alt, "step", series, "trial", f"validation {_named(story.primary)}")]


def _trials(story: Story) -> Grid:
    names = list(story.ranges)
    rows = tuple(
        (
            one.number, _STATES["stopped" if one.over else one.state], one.value, one.facts.get("seconds"),
            *(shown_value(value_of(story.ranges[name], one.point[name])) if name in one.point else None for name in names),
            one.reason or None,
        )
        for one in story.records
    )  # fmt: skip
    heads = ("trial", "state", _named(story.primary), "seconds", *_brief(names), "why")
    return Grid("Trials", heads, rows, "The figure of a trial that was given up is its best until then.")


def default_values(ranges: Mapping[str, Range], whole: Mapping[str, Any]) -> dict[str, Any]:
    """What a complete recipe has in the place of each range."""
    found: dict[str, Any] = {}
    for name, one in ranges.items():
        value: Any = whole
        for part in split_path(name):
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(one, Choice) and (param := param_of(one, value)) is not None:
            value = value_of(one, param)  # as the person wrote it: "adamw", not all its settings
        found[name] = value
    return found
