"""The report of an arena: one table of families and controls, one picture, and who had how much of the processor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepwright.core.report import Block, Chart, Grid, Report, Series, Text
from deepwright.core.wording import interval, listed, number, plural
from deepwright.verbs import likeness, table_likeness
from deepwright.verbs.arena.folder import Entrant

__all__ = ["About", "arena_report"]

APART, COARSE = 0.10, 1.0  # of the longer of two processor times, and seconds, between times that count as equal
FIGURES = {
    "likeness": {"frechet": "Fréchet", "precision": "precision", "coverage": "coverage", "closer": "closer to training"},
    "rows": {"columns": "columns", "pairs": "pairs", "told_apart": "told apart", "useful": "useful", "closer": "closer to training"},
}  # fmt: skip
NAMES = {"likeness": likeness.WORDS, "rows": table_likeness.WORDS}
DRAWN = ("real", "mixed", "copula")  # controls of rows, beside the families


@dataclass(frozen=True)
class About:
    """What all families had in common.

    Args:
        share: seconds of each. ended: family → why its training ended, "budget" where its share was used up.
        real: held-out examples, as `compared.shown` gives them.
    """

    budget: str
    share: float
    jobs: int
    threads: int
    seed: int
    ended: Mapping[str, str]
    real: Mapping[str, Any]


def arena_report(entrants: Sequence[Entrant], about: About) -> Report:
    """One table and one picture, the family nearest to real examples first."""
    ordered = sorted(entrants, key=_distance)
    told = [one for one in ordered if one.compared is not None]
    verdict, tone = _verdict(told)
    blocks: list[Block] = [Text(verdict, tone), *_table(told), *_times(told, about), *_failed(ordered)]
    notes = {note: None for one in told for note in one.compared["notes"]}  # type: ignore[index]
    blocks += [*(Text(note, "warning") for note in notes), *_chart(told), *_shown(told, about)]
    data = {
        "version": 1, "budget": about.budget, "share": about.share, "jobs": about.jobs, "threads": about.threads,
        "seed": about.seed, "verdict": verdict, "entrants": [_data(one, about) for one in ordered],
    }  # fmt: skip
    return Report("arena", "Families that create, side by side", data, tuple(blocks))


def _data(one: Entrant, about: About) -> dict[str, Any]:
    compared = one.compared or {"figures": None, "notes": [], "weights": None}
    return {
        "model": one.kind, "run": one.run or None, "state": one.state, "reason": one.reason, "seconds": one.seconds,
        "processor_seconds": one.processor, "ended": about.ended.get(one.kind), "weights": compared["weights"],
        "measured": compared["figures"], "notes": list(compared["notes"]),
    }  # fmt: skip


def _figures(one: Entrant) -> tuple[str, Mapping[str, Any]] | None:
    """Which figures were measured of it, those of pictures or of rows, and they."""
    figures = (one.compared or {}).get("figures") or {}
    return next(((key, figures[key]) for key in FIGURES if figures.get(key) is not None), None)


def _made(one: Entrant) -> Mapping[str, float] | None:
    """The distance of its creations with its interval."""
    found = _figures(one)
    return None if found is None else found[1]["distance"]["made"]


def _distance(one: Entrant) -> float:
    made = _made(one)
    return float("inf") if made is None else made["value"]


def _verdict(entrants: Sequence[Entrant]) -> tuple[str, Any]:
    """Which family is nearest, whether that is certain, and whether it is worth more than plain ways."""
    known = [(one, made) for one in entrants if (made := _made(one)) is not None]
    if not known:
        return f"{plural(len(entrants), 'family', 'families')} created; nothing could be measured.", "plain"
    first, mine = known[0]
    equal = [one.kind for one, made in known[1:] if made["low"] <= mine["high"]]
    if len(known) == 1:
        text = f"'{first.kind}' created alone"
    elif equal:
        text = (
            f"'{first.kind}' is nearest to real examples, but {listed(equal)} cannot be told from it by these intervals"
        )
    else:
        text = f"'{first.kind}' is nearest to real examples; the intervals of the others lie beyond its own"
    found = _figures(first)
    assert found is not None
    key, figures = found
    values = {name: figures["distance"][name]["value"] for name in figures["distance"]}
    names = [name for name in ("copula", "principal") if name in values]
    near = [NAMES[key][name] for name in names if values[name] <= mine["value"]]
    lows = {name: figures["distance"][name]["low"] for name in names}
    alike = [NAMES[key][name] for name in names if lows[name] <= mine["high"] and NAMES[key][name] not in near]
    if near:
        text += f". As near or nearer without any training: {listed(near)}."
    elif alike:
        text += f". By these intervals it cannot be told from the plain way: {listed(alike)}."
    else:
        text += f". It is nearer than the plain way: {listed([NAMES[key][name] for name in names])}."
    if values["mixed"] <= mine["value"]:
        text += f" As near or nearer, but hardly new: {NAMES[key]['mixed']}."
    return text, "warning" if near else "plain" if alike else "good"


def _table(entrants: Sequence[Entrant]) -> list[Block]:
    """Families, then the controls, in the same columns."""
    first = next((found for one in entrants if (found := _figures(one)) is not None), None)
    key, figures = first or ("rows", {"sets": {}, "distance": {}})
    columns = {
        name: head
        for name, head in FIGURES[key].items()
        if any(one.get(name) is not None for one in figures["sets"].values())
    }
    rows = [(one.kind, *_cells(_figures(one), "made", columns), *_own(one)) for one in entrants]
    controls = [
        (NAMES[key][name], *_cells(first, name, columns), "–", "–", "–") for name in figures["sets"] if name != "made"
    ]
    heads = ("family", "distance", *columns.values(), "processor time", "weights", "run")
    title = "Families beside real examples and plain ways of making more"
    return [Grid(title, heads, (*rows, *controls), _note(key, figures))]


def _own(one: Entrant) -> tuple[str, str, str]:
    """What only a family has: its processor time, its weights, its run."""
    assert one.compared is not None
    return _seconds(one.processor), number(one.compared["weights"]), Path(one.run).name


def _cells(found: tuple[str, Mapping[str, Any]] | None, name: str, columns: Mapping[str, str]) -> tuple[str, ...]:
    """The distance with its interval, and the other figures of a set."""
    if found is None:
        return ("–",) * (1 + len(columns))
    distance, sets = found[1]["distance"][name], found[1]["sets"][name]
    values = (
        "–" if sets.get(key) is None else f"{100 * sets[key]:.0f} %" if key == "closer" else number(sets[key])
        for key in columns
    )
    return (interval(distance["value"], distance["low"], distance["high"]), *values)


def _note(key: str, figures: Mapping[str, Any]) -> str:
    """What the columns mean."""
    if not figures["sets"]:
        return ""
    start = (
        f"N = {figures['n']} of each, against as many held-out examples; seed {figures['seed']}. Distance: squared kernel distance "
        "with its 95 % interval, smaller is better, down to that of training examples. "
    )
    closer = (
        "Closer to training: share whose nearest example is a training one and not one of as many held-out ones; half is natural, "
        "and many more among good creations are copies (bad ones all lie nearest to the same few examples)."
    )
    if key == "likeness":
        return (
            f"{start}All figures are of what {figures['extractor']} see ({figures['columns']} columns, hash {figures['hash']}). "
            f"Precision: share that lies among real examples; coverage: share of real examples that have one near; larger is better, up to the floor. {closer}"
        )
    return (
        f"{start}Columns, pairs: how much of the distributions is common, 1 is all. Told apart: how well a classifier tells them from "
        f"real rows, 0.5 is not at all. Useful: {figures['measure']} on held-out rows of boosting that learnt '{figures['target']}' from "
        f"them (a constant: {number(figures['constant'])}). {closer} Nothing is left out here; `generate` leaves out some (--apart)."
    )


def _times(entrants: Sequence[Entrant], about: About) -> list[Block]:
    """How much of the processor each had, and whether that is equal."""
    how = f"{plural(about.jobs, 'training')} at a time, each with {plural(about.threads, 'thread')}"
    used = ", ".join(f"{one.kind} {_seconds(one.processor)}" for one in entrants)
    blocks: list[Block] = [
        Text(f"Each family had the same share of {about.budget}: {about.share:.0f} s; {how}. Processor time: {used}.")
    ]
    early = [one.kind for one in entrants if about.ended.get(one.kind) == "early stopping"]
    if early:
        blocks.append(Text(f"{listed(early)} ended before the time was over: nothing better came any more."))
    times = {one.kind: one.processor for one in entrants if one.kind not in early}
    if len(times) > 1 and max(times.values()) - min(times.values()) > max(APART * max(times.values()), COARSE):
        least, most = (pick(times, key=lambda kind: times[kind]) for pick in (min, max))
        blocks.append(
            Text(
                f"The processor times are not equal: '{least}' had {_seconds(times[least])}, '{most}' {_seconds(times[most])}. Something else was "
                "busy on this computer; run it again when it is idle, or with fewer --jobs.", "warning",
            )
        )  # fmt: skip
    return blocks


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def _failed(entrants: Sequence[Entrant]) -> list[Block]:
    return [Text(f"'{one.kind}' is not compared: {one.reason}", "bad") for one in entrants if one.compared is None]


def _chart(entrants: Sequence[Entrant]) -> list[Block]:
    """Distances of rows with their intervals: the picture, where nothing can be seen of creations themselves."""
    known = [(one.kind, found) for one in entrants if (found := _figures(one)) is not None]
    if not known or known[0][1][0] != "rows":
        return []
    shown = [(kind, figures["distance"]["made"]) for kind, (_, figures) in known]
    controls = known[0][1][1]["distance"]
    shown += [(NAMES["rows"][name], controls[name]) for name in DRAWN if name in controls]
    series = Series(
        "distance",
        tuple(name for name, _ in shown),
        *(tuple(one[end] for _, one in shown) for end in ("value", "low", "high")),
    )
    alt = ", ".join(f"{name} {number(one['value'])}" for name, one in shown)
    return [Chart("Distance from held-out rows", f"{alt}.", "bar", (series,), "", "kernel distance")]


def _shown(entrants: Sequence[Entrant], about: About) -> list[Block]:
    """The same seeds of each family and real examples: pictures in one table, cells as a table a family."""
    sides = [*((one.kind, one.compared["shown"]) for one in entrants), ("real examples", about.real)]  # type: ignore[index]
    blocks: list[Block] = []
    for column in about.real["pictures"]:
        rows = tuple((name, *one["pictures"][column]) for name, one in sides)
        heads = ("", *(f"creation {place}" for place in range(len(rows[0]) - 1)))
        note = "Creations of seed 0: a column holds what the families make of the same number. The real examples are held-out ones."
        blocks.append(Grid("The same seeds in each family, and real examples", heads, rows, note, raw=True))
    for name, one in sides:
        if one["cells"]:
            title = "Real rows" if one is about.real else f"Created by {name}"
            cells = tuple(zip(*one["cells"].values(), strict=True))
            blocks.append(Grid(title, tuple(one["cells"]), cells, raw=one is about.real))
    return blocks
