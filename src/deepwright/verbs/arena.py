"""Arena: every family that can create these columns, each for the same time; one table and one picture."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

import deepwright.models  # noqa: F401  registers the kinds
from deepwright import registries
from deepwright.core.errors import RecipeError, Refused, did_you_mean
from deepwright.core.files import write_json, write_text
from deepwright.core.report import Block, Grid, Pictures, Report, Text
from deepwright.core.wording import interval, number, plural
from deepwright.draft import Draft
from deepwright.page.page import page
from deepwright.preparation import prepare
from deepwright.run import Run, new_folder
from deepwright.training.budget import Budget
from deepwright.verbs.beside import Beside, measured
from deepwright.verbs.creation.making import Maker, decode, joined
from deepwright.verbs.creation.state import State
from deepwright.verbs.train import Watch, train

__all__ = ["Arena", "Entrant", "arena", "arena_report"]

SHOWN = 8  # creations of each family
COMPARED = 2000
TRAINING = 0.9  # of a family's share of the budget; the rest is for making and comparing


@dataclass(frozen=True)
class Entrant:
    """A family, what it did, and how far its creations are from real examples.

    Args:
        processor: seconds of all threads that its training used. shown: the first creations as raw cells.
    """

    run: Run
    seconds: float
    processor: float
    beside: Beside
    shown: pl.DataFrame

    @property
    def kind(self) -> str:
        model: Any = self.run.recipe.model
        return model.kind

    @property
    def distance(self) -> float:
        """From held-out examples; infinite where nothing could be measured."""
        found = self.beside.resemblance
        return float("inf") if found is None else found.distance["made"].value

    def to_dict(self) -> dict[str, Any]:
        return {"model": self.kind, "run": str(self.run.folder), "seconds": self.seconds, "processor_seconds": self.processor,
                "measured": self.beside.to_dict(), "notes": list(self.beside.notes)}  # fmt: skip


@dataclass(frozen=True)
class Arena:
    """What came out: the report, its folder, and the entrants, the nearest to real examples first."""

    report: Report
    folder: Path
    entrants: tuple[Entrant, ...]


def arena(
    draft: Draft, budget: Budget, families: Sequence[str] = (), out: Path = Path("runs"), watch: Watch | None = None,
    command: str = "", kept: Callable[[Run], None] = lambda run: None,
) -> Arena:  # fmt: skip
    """Train every family that can create these columns for the same time, and compare what they create.

    Args:
        draft: the recipe, without a model. families: only these. out: the folder of runs. kept: told of each finished run.

    Raises:
        RecipeError, DataError: before training, in sentences. Refused: no family can create these columns.
    """
    watch = watch or Watch()
    if budget.unit != "seconds":
        raise RecipeError(
            "--budget: families are given the same time, so write for example 10min; steps cost each another time."
        )
    names = _suiting(draft, families, watch)
    share = TRAINING * budget.amount / len(names)
    entrants = []
    for name in names:
        watch.tell(f"{name}: training for {share:.0f} s")
        own = copy.deepcopy(draft)
        own.put(("model",), {"kind": name}, "the arena")
        own.put(("train", "budget"), f"{share:g}s", "the arena's --budget")
        began, worked = time.perf_counter(), time.process_time()
        run = train(own, out=out, watch=watch, command=command, measured=False)
        taken, used = time.perf_counter() - began, time.process_time() - worked
        watch.tell(f"{name}: comparing with real examples")
        beside = measured(run, State(), COMPARED)
        z = joined([z for _, z in Maker(run, State()).pieces(range(SHOWN))])
        entrants.append(Entrant(run, taken, used, beside, decode(run, {n: z[n] for n in z if n in run.created})))
        kept(run)
    ordered = tuple(sorted(entrants, key=lambda entrant: entrant.distance))
    report = arena_report(ordered, str(budget))
    folder = new_folder(out, "arena")
    write_json(folder / "reports" / "arena.json", report.to_dict())
    write_text(folder / "report.html", page(folder.name, [report], {"budget": str(budget)}))
    return Arena(report, folder, ordered)


def _suiting(draft: Draft, families: Sequence[str], watch: Watch) -> list[str]:
    """The families that can create these columns, in the order of their names."""
    kinds: dict[str, Any] = {kind.model_fields["kind"].default: kind for kind in registries.models}
    known = [name for name, kind in kinds.items() if kind.learns == "inputs"]
    for name in families:
        if name not in known:
            raise RecipeError(f"--models: '{name}' creates nothing. {did_you_mean(name, known)}")
    own = copy.deepcopy(draft)
    if not own.get("task"):
        own.put(("task",), "generate", "the arena")
    prepared = prepare(own, tell=watch.tell)
    spaces = {n: f.space for n, f in prepared.features.items() if n not in prepared.recipe.conditions}
    rows = len(prepared.rows("train"))
    found = [name for name in known if kinds[name].suits(spaces, {}, rows) is not None and name in (families or known)]
    if not found:
        raise Refused(f"None of {', '.join(families or known)} can create these columns together: {', '.join(spaces)}.")
    return found


def arena_report(entrants: Sequence[Entrant], budget: str) -> Report:
    """One table and one picture, the nearest to real examples first."""
    note = (
        f"Each family was trained for the same share of {budget} on the same rows. Distance: squared kernel distance from "
        "held-out examples, with its 95 % interval; p: the chance of such a distance between two parts of one population. Copies: "
        "share of creations nearer to a training example than 95 % of held-out examples are; 5 % is natural."
    )
    heads = ("family", "distance", "p", "copies", "weights", "processor time", "run")
    rows = tuple(_row(entrant) for entrant in entrants)
    floor = _floor(entrants)
    blocks: list[Block] = [
        Text(_verdict(entrants)), Grid("Families", heads, (*rows, *([floor] if floor else [])), note), *_shown(entrants),
    ]  # fmt: skip
    blocks += [Text(f"{entrant.kind}: {text}", "warning") for entrant in entrants for text in entrant.beside.notes]
    data = {"version": 1, "budget": budget, "entrants": [e.to_dict() for e in entrants], "verdict": _verdict(entrants)}
    return Report("arena", "Families that create, side by side", data, tuple(blocks))


def _row(entrant: Entrant) -> tuple[str, ...]:
    found = entrant.beside.resemblance
    weights = number(sum(parameter.numel() for parameter in entrant.run.network.parameters()))
    about = (weights, f"{entrant.processor:.0f} s", entrant.run.name)
    if found is None:
        return (entrant.kind, "–", "–", "–", *about)
    made = found.distance["made"]
    return (entrant.kind, interval(made.value, made.low, made.high), f"{found.chance['made']:.2g}",
            f"{100 * found.near.value:.1f} %", *about)  # fmt: skip


def _floor(entrants: Sequence[Entrant]) -> tuple[str, ...] | None:
    """What real examples of the training rows reach."""
    found = next((e.beside.resemblance for e in entrants if e.beside.resemblance is not None), None)
    if found is None:
        return None
    real = found.distance["real"]
    return (
        "real examples",
        interval(real.value, real.low, real.high),
        f"{found.chance['real']:.2g}",
        "5.0 %",
        "–",
        "–",
        "–",
    )


def _verdict(entrants: Sequence[Entrant]) -> str:
    """Which family is nearest, and whether it is so for certain."""
    if any(entrant.beside.resemblance is None for entrant in entrants):
        return f"{plural(len(entrants), 'family')} created; nothing could be measured."
    first = entrants[0]
    if len(entrants) == 1:
        return f"Only '{first.kind}' can create these columns."
    mine = first.beside.resemblance
    assert mine is not None
    equal = [
        e.kind
        for e in entrants[1:]
        if e.beside.resemblance and e.beside.resemblance.distance["made"].low <= mine.distance["made"].high
    ]
    if not equal:
        return f"'{first.kind}' is nearest to real examples; the intervals of the others lie beyond its own."
    return (
        f"'{first.kind}' is nearest to real examples, but {', '.join(equal)} cannot be told from it by these intervals."
    )


def _shown(entrants: Sequence[Entrant]) -> list[Block]:
    """The first creations of all, pictures in one block, cells as a table a family."""
    images: list[str] = []
    captions: list[str] = []
    blocks: list[Block] = []
    for entrant in entrants:
        for name, cells in entrant.shown.to_dict().items():
            if cells.dtype == pl.Binary:
                images += entrant.run.features[name].show(cells)
                captions += [f"{entrant.kind} {place}" for place in range(len(cells))]
        rest = entrant.shown.select(n for n, kind in entrant.shown.schema.items() if kind != pl.Binary)
        if rest.width:
            words = rest.select(pl.all().cast(pl.String).fill_null(""))
            blocks.append(Grid(f"Created by {entrant.kind}", tuple(words.columns), tuple(words.iter_rows())))
    if images:
        alts = tuple(f"Creation {caption}" for caption in captions)
        blocks.insert(0, Pictures("The same seed in each family", tuple(images), tuple(captions), alts))
    return blocks
