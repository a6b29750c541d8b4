"""The report of a training: how it went, what was decided about the data, and how to do it again."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from deepwright import registries
from deepwright.core.report import Block, Chart, Grid, Headline, Report, Series, Text
from deepwright.core.size import told
from deepwright.core.wording import number, plural
from deepwright.training.events import Chosen, RolledBack
from deepwright.verbs.creation.story import story_blocks
from deepwright.verbs.figures import named

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["data_blocks", "learning_report", "remembered", "smooth"]

POINTS = 60  # of a smoothed curve


def learning_report(run: "Run") -> Report:
    """What happened in training, from the run's events."""
    events = run.events()
    stopped = next((event for event in reversed(events) if event["event"] == "stopped"), None)
    checked = [event for event in events if event["event"] == "validated"]
    best = [event for event in checked if event["better"]]
    chosen = next((event for event in reversed(events) if event["event"] == "chosen"), None)
    backs = [event for event in events if event["event"] == "rolled_back"]
    parameters = sum(parameter.numel() for parameter in run.network.parameters())
    data: dict[str, Any] = {
        "version": 1, "run": run.name, "parameters": parameters, "steps": stopped["step"] if stopped else 0,
        "seconds": stopped["seconds"] if stopped else None, "reason": stopped["reason"] if stopped else None,
        "best": best[-1] if best else None, "rolled_back": backs, "chosen": chosen,
        "expected": expected_end(checked), "findings": [vars(finding) for finding in run.findings],
    }  # fmt: skip
    blocks: list[Block] = []
    if stopped:
        words = {"budget": "the budget was used up", "early stopping": "nothing better came any more", "deadline": "time was over",
                 "interrupted": "it was interrupted", "diverged": "the loss left for good, also after a roll-back"}[stopped["reason"]]  # fmt: skip
        blocks.append(
            Headline(
                "trained for",
                duration(stopped["seconds"]),
                f"{plural(stopped['step'], 'step')}; it ended because {words}",
            )
        )
        blocks.append(Headline("network", run.recipe.model.kind, plural(parameters, "weight")))
    if run.remark is not None:
        blocks.append(Text(run.remark, "warning"))
    if began := run.environment.get("branch"):
        blocks.append(Text(f"It began with the weights that {began['name']} had after step {began['step']}."))
    blocks.append(_rows(run))
    blocks += _memory(remembered(events))
    if chosen is not None:
        blocks.append(Text(Chosen(**{name: value for name, value in chosen.items() if name != "event"}).text))
    blocks += [
        Text(RolledBack(**{name: value for name, value in event.items() if name != "event"}).text, "warning")
        for event in backs
    ]
    if why := run.environment.get("training", {}).get("why_not"):
        blocks.append(Text(why, "warning"))
    blocks += story_blocks(run, events)
    blocks += _curves(events, checked)
    blocks += _foretold(checked, stopped)
    blocks += data_blocks(run)
    return Report("train", "How it was trained", data, tuple(blocks))


def remembered(events: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The memory that was expected ("estimated", by "parts", under a "limit") and that was taken ("peak"), in bytes."""
    before = next((event for event in reversed(events) if event["event"] == "estimated"), None)
    after = [event for event in events if event["event"] == "peaked"]
    if before is None and not after:
        return None
    found = {"estimated": None, "parts": {}, "limit": None, "peak": None, "baselines": None}
    if before is not None:
        found |= {"estimated": before["total"], "parts": before["parts"], "limit": before["limit"]}
    if after:  # a run of several lives: the one that took the most
        found |= {"peak": max(e["bytes"] for e in after), "baselines": max(e["baselines"] for e in after)}
    return found


def _memory(facts: dict[str, Any] | None) -> list[Block]:
    if facts is None or facts["peak"] is None:
        return []
    words = [] if facts["estimated"] is None else [f"{told(facts['estimated'])} were expected"]
    words += [] if facts["limit"] is None else [f"{told(facts['limit'])} allowed"]
    words += [f"baselines beside it {told(facts['baselines'])}"] if facts["baselines"] else []
    return [Headline("memory", told(facts["peak"]), "at most; " + ", ".join(words) if words else "at most")]


def duration(seconds: float) -> str:
    """Seconds for people: "42 s", "3 min 20 s"."""
    whole = round(seconds)
    return (
        f"{whole} s"
        if whole < 120
        else f"{whole // 60} min {whole % 60} s"
        if whole < 7200
        else f"{whole // 3600} h {whole % 3600 // 60} min"
    )


def expected_end(checked: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The newest forecast of the first figure at the end of the budget, and how many validations it is from."""
    event = next((event for event in reversed(checked) if event.get("expected")), None)
    if event is None:
        return None
    low, high, known = event["expected"]
    return {
        "figure": next(iter(event["figures"])),
        "low": low,
        "high": high,
        "step": event["step"],
        "validations": known,
    }


def _foretold(checked: list[dict[str, Any]], stopped: dict[str, Any] | None) -> list[Block]:
    """What was expected of the end: half-way where it was reached, otherwise the newest."""
    ended = stopped is not None and stopped["reason"] in ("budget", "deadline")
    told = expected_end([e for e in checked if not ended or 2 * e["step"] <= e["total"]])
    if told is None:
        return []
    range_ = f"{number(told['low'])} to {number(told['high'])} (from {plural(told['validations'], 'validation')})"
    label = _label(told["figure"])
    when = f"At step {number(told['step'])} a validation {label} of {range_} was expected at the end of the budget."
    whole = f"At the end of the budget a validation {label} of {range_} "
    before = stopped is not None and stopped["reason"] != "interrupted"  # that one can go on
    return [Text(when if ended else whole + ("was expected; training ended before." if before else "is expected."))]


def _label(name: str) -> str:
    return named(name) if name in registries.metrics.kinds else name.replace("_", " ")


def _curves(events: list[dict[str, Any]], checked: list[dict[str, Any]]) -> list[Block]:
    steps = [event for event in events if event["event"] == "stepped"]
    if len(steps) < 2:
        return []
    series, alt = _losses(steps)
    note = "Training: means of neighbouring steps, and where 80 % of them lie." if series[0].low else ""
    if checked:
        known = [(e["step"], e["figures"]["loss"]) for e in checked if e["figures"]["loss"] is not None]
        series.append(Series("validation", tuple(step for step, _ in known), tuple(loss for _, loss in known)))
        alt = alt[:-1] + f", validation ends at {number(checked[-1]['figures']['loss'])}."
    blocks: list[Block] = [Chart("Learning curve", alt, "line", tuple(series), "step", "loss", note=note)]
    if checked:
        name = next(iter(checked[0]["figures"]))
        label = _label(name)
        points = (
            [(e["step"], e["figures"][name]) for e in checked] if name != "loss" else []
        )  # it is in the first chart
        kept = next((e["step"] for e in reversed(checked) if e["better"]), None)
        told = "" if kept is None else f"Best on validation rows at step {number(kept)}."
        blocks += _line(f"Validation {label}", f"Validation {label} over training", label, points, told)
    for name in steps[0]["logs"]:
        if not name.endswith("_loss"):
            points = [(e["step"], e["logs"].get(name)) for e in steps]
            words = name.replace("_", " ")
            blocks += _line(words.capitalize(), f"The {words} over training", words, points)
    return blocks


def _losses(steps: list[dict[str, Any]]) -> tuple[list[Series], str]:
    """One curve, or one a player where several play against each other: then none has to fall."""
    players = [name for name in steps[0]["logs"] if name.endswith("_loss")]
    if not players:
        line = smooth("training", [(e["step"], e["loss"]) for e in steps])
        return [line], f"Loss over {steps[-1]['step']} steps: training goes {_way(line)}."
    lines = []
    for name in players:
        lines.append(smooth(name.removesuffix("_loss"), [(e["step"], e["logs"].get(name)) for e in steps]))
    ends = "; ".join(f"{line.name} {_way(line)}" for line in lines)
    return lines, f"Losses of players against each other over {steps[-1]['step']} steps: {ends}."


def _way(line: Series) -> str:
    return f"from {number(line.y[0])} to {number(line.y[-1])}" if line.y else "nowhere: no loss is a number"


def smooth(name: str, curve: Sequence[tuple[float, float | None]]) -> Series:
    """The curve where it is known, or of many points the means of neighbours with their 10 % and 90 % quantiles."""
    points = [(x, y) for x, y in curve if y is not None]
    if len(points) <= POINTS:
        return Series(name, tuple(float(x) for x, _ in points), tuple(y for _, y in points))
    ends = [round(k * len(points) / POINTS) for k in range(POINTS + 1)]
    parts = [points[a:b] for a, b in pairwise(ends)]
    ordered = [sorted(y for _, y in part) for part in parts]
    return Series(
        name,
        tuple(sum(x for x, _ in part) / len(part) for part in parts),
        tuple(sum(ys) / len(ys) for ys in ordered),
        tuple(ys[round(0.1 * (len(ys) - 1))] for ys in ordered),
        tuple(ys[round(0.9 * (len(ys) - 1))] for ys in ordered),
    )


def _rows(run: "Run") -> Headline:
    counts = [int((run.parts == code).sum()) for code in (0, 1, 2)]
    words = ", ".join(
        f"{number(count)} {part}" for count, part in zip(counts, ("training", "validation", "test"), strict=True)
    )
    detail = f"{words}; {run.recipe.data.split.kind} split, seed {run.recipe.seed}"
    return Headline("rows", number(sum(counts)), detail)


def _line(title: str, alt: str, label: str, points: list[tuple[int, float | None]], note: str = "") -> list[Block]:
    """A chart of one figure over the steps at which it is known."""
    known = [(step, value) for step, value in points if value is not None]
    if len(known) < 2:
        return []
    line = Series(label, tuple(float(step) for step, _ in known), tuple(value for _, value in known))
    return [Chart(title, f"{alt}; it ends at {number(known[-1][1])}.", "line", (line,), "step", label, note=note)]


def data_blocks(run: "Run") -> list[Block]:
    """What was found in the data, and what each column was taken for."""
    blocks: list[Block] = []
    warnings = [finding for finding in run.findings if finding.severity != "note"]
    notes = [finding for finding in run.findings if finding.severity == "note"]
    blocks += [Text(finding.text, "warning") for finding in warnings]
    if notes:
        blocks.append(
            Grid("Decisions about the data", ("column", "what"), tuple((n.column or "–", n.text) for n in notes))
        )
    kinds = tuple((name, feature.kind) for name, feature in run.features.items())
    blocks.append(Grid("Inputs", ("column", "taken as"), kinds))
    return blocks
