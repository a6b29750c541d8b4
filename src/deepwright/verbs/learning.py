"""The report of a training: how it went, what was decided about the data, and how to do it again."""

from typing import TYPE_CHECKING, Any

from deepwright.core.report import Block, Chart, Grid, Headline, Report, Series, Text
from deepwright.training.events import RolledBack
from deepwright.verbs.figures import shown

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["data_blocks", "learning_report"]


def learning_report(run: "Run") -> Report:
    """What happened in training, from the run's events."""
    events = run.events()
    stopped = next((event for event in reversed(events) if event["event"] == "stopped"), None)
    checked = [event for event in events if event["event"] == "validated"]
    best = [event for event in checked if event["better"]]
    backs = [event for event in events if event["event"] == "rolled_back"]
    parameters = sum(parameter.numel() for parameter in run.network.parameters())
    data: dict[str, Any] = {
        "version": 1, "run": run.name, "parameters": parameters, "steps": stopped["step"] if stopped else 0,
        "seconds": stopped["seconds"] if stopped else None, "reason": stopped["reason"] if stopped else None,
        "best": best[-1] if best else None, "rolled_back": backs, "findings": [vars(finding) for finding in run.findings],
    }  # fmt: skip
    blocks: list[Block] = []
    if stopped:
        words = {"budget": "the budget was used up", "early stopping": "nothing better came any more", "deadline": "time was over",
                 "interrupted": "it was interrupted", "diverged": "the loss left for good, also after a roll-back"}[stopped["reason"]]  # fmt: skip
        blocks.append(
            Headline("trained for", duration(stopped["seconds"]), f"{stopped['step']} steps; it ended because {words}")
        )
        blocks.append(Headline("network", run.recipe.model.kind, f"{parameters:,} weights".replace(",", " ")))
    blocks += [
        Text(RolledBack(**{name: value for name, value in event.items() if name != "event"}).text, "warning")
        for event in backs
    ]
    blocks += _curves(events, checked)
    blocks += data_blocks(run)
    return Report("train", "How it was trained", data, tuple(blocks))


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


def _curves(events: list[dict[str, Any]], checked: list[dict[str, Any]]) -> list[Block]:
    steps = [event for event in events if event["event"] == "stepped"]
    if len(steps) < 2:
        return []
    series, alt = _losses(steps)
    if checked:
        known = [(e["step"], e["figures"]["loss"]) for e in checked if e["figures"]["loss"] is not None]
        series.append(Series("validation", tuple(step for step, _ in known), tuple(loss for _, loss in known)))
        alt = alt[:-1] + f", validation ends at {shown(checked[-1]['figures']['loss'])}."
    blocks: list[Block] = [Chart("Learning curve", alt, "line", tuple(series), "step", "loss")]
    if checked:
        name = next(iter(checked[0]["figures"]))
        points = [(e["step"], e["figures"][name]) for e in checked]
        blocks += _line(f"Validation {name}", f"Validation {name} over training", name, points)
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
        line = Series("training", tuple(e["step"] for e in steps), tuple(e["loss"] for e in steps))
        return [line], f"Loss over {line.x[-1]} steps: training falls from {shown(line.y[0])} to {shown(line.y[-1])}."
    lines = []
    for name in players:
        known = [(e["step"], e["logs"][name]) for e in steps if e["logs"].get(name) is not None]
        lines.append(Series(name.removesuffix("_loss"), tuple(s for s, _ in known), tuple(v for _, v in known)))
    ends = "; ".join(f"{line.name} from {shown(line.y[0])} to {shown(line.y[-1])}" for line in lines)
    return lines, f"Losses of players against each other over {steps[-1]['step']} steps: {ends}."


def _line(title: str, alt: str, label: str, points: list[tuple[int, float | None]]) -> list[Block]:
    """A chart of one figure over the steps at which it is known."""
    known = [(step, value) for step, value in points if value is not None]
    if len(known) < 2:
        return []
    line = Series(label, tuple(float(step) for step, _ in known), tuple(value for _, value in known))
    return [Chart(title, f"{alt}; it ends at {shown(known[-1][1])}.", "line", (line,), "step", label)]


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
    counts = [int((run.parts == code).sum()) for code in (0, 1, 2)]
    blocks.append(
        Grid(
            "Rows",
            ("training", "validation", "test"),
            (tuple(counts),),
            f"Split: {run.recipe.data.split.kind}; seed {run.recipe.seed}.",
        )
    )
    return blocks
